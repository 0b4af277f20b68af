"""COPY's streams through the engine alone: any cut of any stream means the same."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckgres_tx.engine.copy_source import CopySource, HeaderUse
from duckgres_tx.engine.database import DuckDBError, NativeThreads
from duckgres_tx.engine.rendering import RenderOptions

TIMEOUT_S = 30.0


class Copier:
    """A database, in memory by default, with a table ``t``, and COPY into it."""

    def __init__(self, max_threads=4, path=":memory:"):
        self.threads = NativeThreads(max_threads)
        self.database = self._result(self.threads.open_database(str(path), {"threads": "2"}))
        self.connection = self._result(self.threads.connect(self.database))
        self.run("create table t (a int, b text, c int[])")

    def _result(self, job):
        self.threads.wait(job, TIMEOUT_S)
        return job.result

    def run(self, sql):
        """An internal statement's rows."""
        return self._result(self.threads.run(self.connection, sql.encode()))

    def begin(self, **source):
        """A COPY that waits for bytes."""
        statement = self._result(self.threads.prepare(self.connection, b"select * from t"))
        described = {
            "format": 0,
            "relation": "t",
            "names": ("a", "b", "c"),
            "insert": "insert into t ",
            "select": "select * from (",
            "condition": ") as t",
            "merge": "merge into t using (",
            "merge_end": ") as r on (false) when not matched then insert values (r.a, r.b, r.c)",
        }
        return self.threads.copy_in(statement, CopySource(**{**described, **source}), RenderOptions())

    def copy(self, pieces, **source):
        """What became of a stream: the rows, or the error and where; the table is as before."""
        self.run("begin")
        job = self.begin(**source)
        try:
            for piece in pieces:
                job.write(piece)
            job.finish()
            self.threads.wait(job, TIMEOUT_S)
            if job.error is not None:
                return job.error.sqlstate, str(job.error), job.where
            return job.rows, self.run("select * from t")
        finally:
            self.run("rollback")


@pytest.fixture(scope="module")
def copier():
    """One for all."""
    made = Copier()
    yield made
    made.threads.shutdown()


CSV = {"format": 1, "delimiter": b",", "null": b""}


@st.composite
def cut_streams(draw):
    """A stream of the bytes that matter, and where it is cut."""
    alphabet = draw(st.sampled_from(["1\t\\N\n.x", '1,"\n\r\\.x', "1\t\n\r\\.", '{1,2}\t"\\\n']))
    stream = draw(st.one_of(st.text(alphabet, max_size=40), st.just("1\tx\t{1,2}\n2\t\\N\t\\N\n"))).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return stream, [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@pytest.mark.parametrize("described", [{}, CSV, {**CSV, "escape": b"\\"}, {"header": HeaderUse.SKIP}], ids=str)
def test_where_a_stream_is_cut_has_no_meaning(copier, described):
    """Whole, in pieces and byte by byte."""

    @settings(max_examples=150, deadline=None)
    @given(cut_streams())
    def check(case):
        stream, pieces = case
        whole = copier.copy([stream], **described)

        assert whole == copier.copy(pieces, **described)
        assert whole == copier.copy([stream[at : at + 1] for at in range(len(stream))], **described)

    check()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_no_binary_stream_is_too_bad(copier, rubbish, cuts):
    """Whatever it is, it is rows or an error, and the same in pieces."""
    stream = b"PGCOPY\n\xff\r\n\0" + bytes(8) + rubbish
    ends = sorted({cut + 10 for cut in cuts if cut + 10 < len(stream)})
    pieces = [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]

    assert copier.copy([stream], format=2) == copier.copy(pieces, format=2)


@pytest.mark.parametrize("end", [b"\t", b","], ids=["text", "csv"])
def test_fields_end_wherever_they_do(copier, end):
    """Of all lengths about those that are searched at once, so that ends fall on every place, escaped and quoted ones between."""
    long = [b"x" * length for length in range(200)]
    odd = [b"a\\tb" if end == b"\t" else b'"a,""b"'] * len(long)
    stream = b"".join(
        b"%d%s%s%s\\N\n" % (number, end, text, end)
        for number, text in enumerate([part for pair in zip(long, odd, strict=True) for part in pair])
    )
    described = {} if end == b"\t" else {**CSV, "null": b"\\N"}

    rows, found = copier.copy([stream], **described)

    expected = [part for text in long for part in (text.decode(), "a\tb" if end == b"\t" else 'a,"b')]
    assert (rows, found) == (400, [[str(number), text, None] for number, text in enumerate(expected)])
    assert (rows, found) == copier.copy([stream[at : at + 97] for at in range(0, len(stream), 97)], **described)


def test_many_rows_take_turns_between_threads(copier):
    """More than is inserted at once; the order of the stream is kept."""
    count = 300_000
    stream = b"".join(b"%d\trow %d with some text in it\t{%d,NULL}\n" % (n, n, n) for n in range(count))
    copier.run("begin")
    job = copier.begin()
    for at in range(0, len(stream), 50_000):
        job.write(stream[at : at + 50_000])
    job.finish()
    copier.threads.wait(job, TIMEOUT_S)

    assert (None, count) == (job.error, job.rows)
    assert [[str(count), str(count - 1)]] == copier.run(
        "select count(*), max(a) from t where b = 'row ' || a || ' with some text in it' and c[1] = a"
    )
    assert copier.run("select a from t limit 3") == [["0"], ["1"], ["2"]]
    copier.run("rollback")


@pytest.mark.parametrize("max_threads", [1, 6])
def test_slices_that_threads_insert_at_once_stay_in_order(max_threads, tmp_path):
    """In a file, where DuckDB compresses; each is longer than what is taken before the next has its turn."""
    copier = Copier(max_threads, tmp_path / "sliced.duckdb")
    try:
        count = 500_000
        filler = b"0123456789abcdef" * 4
        copier.run("create sequence numbers; create table s (a int, b text, n int default nextval('numbers'))")
        job = copier.begin(
            insert="insert into s (a, b) ",
            merge="merge into s using (",
            merge_end=") as r on (false) when not matched then insert (a, b) values (r.a, r.b)",
            select="select a, b from (",
        )
        for start in range(0, count, 10_000):
            job.write(b"".join(b"%d\t%s%d\t\\N\n" % (n, filler, n) for n in range(start, start + 10_000)))
        job.finish()
        copier.threads.wait(job, TIMEOUT_S)

        assert (None, count) == (job.error, job.rows)
        assert [["0", str(count)]] == copier.run(
            "select count(*) filter (a <> rowid or n <> a + 1 or not b.ends_with(a::text)), count(*) from s"
        )
    finally:
        copier.threads.shutdown()


def test_it_is_interrupted_while_slices_are_inserted(tmp_path):
    """Nothing is left of it, and the connection goes on."""
    copier = Copier(6, tmp_path / "sliced.duckdb")
    try:
        copier.run("begin")
        job = copier.begin()
        stream = b"".join(b"%d\t%s\t\\N\n" % (n, b"x" * 80) for n in range(10_000))
        for _ in range(40):
            job.write(stream)
        job.interrupt()
        copier.threads.wait(job, TIMEOUT_S)

        assert job.error.error_type == "INTERRUPT"
        copier.run("rollback")
        assert copier.run("select count(*) from t") == [["0"]]
    finally:
        copier.threads.shutdown()


def test_a_late_duplicate_key_undoes_all_slices(tmp_path):
    """Found by whichever thread; the others end as well."""
    copier = Copier(6, tmp_path / "sliced.duckdb")
    try:
        copier.run("create table k (a int primary key, b text, c int[])")
        stream = b"".join(b"%d\t%s\t\\N\n" % (n % 390_000, b"x" * 80) for n in range(400_000))
        outcome = copier.copy(
            [stream],
            insert="insert into k ",
            merge="merge into k using (",
            merge_end=") as r on (false) when not matched then insert values (r.a, r.b, r.c)",
        )

        assert "duplicate key" in outcome[1].lower()
        assert copier.run("select count(*) from k") == [["0"]]
    finally:
        copier.threads.shutdown()


def test_only_copy_has_rows_to_give(copier):
    """Nobody else's statement sees the function's rows."""
    with pytest.raises(DuckDBError, match=r"for COPY \.\.\. FROM STDIN only"):
        copier.run("select * from duckgres_copied()")


def test_one_thread_is_enough():
    """Nobody waits for a helper that can't come."""
    copier = Copier(max_threads=1)
    try:
        stream = b"".join(b"%d\tx\t\\N\n" % n for n in range(200_000))
        assert copier.copy([stream])[0] == 200_000
    finally:
        copier.threads.shutdown()


def test_it_is_interrupted_while_it_waits_for_bytes(copier):
    """Parked or not, it fails at once, and nothing is left of it."""
    copier.run("begin")
    job = copier.begin()
    job.write(b"1\tx\t{}\n")
    job.interrupt()
    copier.threads.wait(job, TIMEOUT_S)

    assert job.error.error_type == "INTERRUPT"
    copier.run("rollback")
    assert copier.run("select count(*) from t") == [["0"]]


def test_the_client_gives_up(copier):
    """57014 with the reason, at the line that would have come."""
    copier.run("begin")
    job = copier.begin()
    job.write(b"1\tx\t{}\n2\ty")
    job.finish("no more")
    copier.threads.wait(job, TIMEOUT_S)

    assert (
        job.error.sqlstate,
        str(job.error),
        job.where,
    ) == ("57014", "COPY from stdin failed: no more", "COPY t, line 2")
    copier.run("rollback")


def test_a_bad_row_in_a_later_block_undoes_the_earlier_ones(copier):
    """Its line is counted from the stream's start."""
    stream = b"1\tx\t{}\n" * 200_000 + b"x\tx\t{}\n"

    assert (copier.copy([stream])[0], copier.copy([stream])[2]) == ("22P02", 'COPY t, line 200001, column a: "x"')
    assert copier.run("select count(*) from t") == [["0"]]


def test_dropping_it_ends_it(copier):
    """Without a word to it."""
    copier.run("begin")
    job = copier.begin()
    job.write(b"1\tx\t{}\n" * 100_000)
    del job
    copier.run("rollback")

    assert copier.run("select count(*) from t") == [["0"]]


def test_a_duplicate_key_is_duckdbs_to_refuse(copier):
    """Its text comes with no line: DuckDB does not say which."""
    copier.run("create table k (a int primary key, b text, c int[])")
    outcome = copier.copy([b"1\tx\t{}\n1\ty\t{}\n"], insert="insert into k ")

    assert "duplicate key" in outcome[1]
    assert outcome[2] == ""
    copier.run("drop table k")


def test_arrays_of_all_kinds_in_binary(copier):
    """NULL elements, an empty array, wrong dimensions."""

    def row(array):
        return struct.pack("!hiii", 3, 4, 1, -1) + struct.pack("!i", len(array)) + array

    head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    two = struct.pack("!iiiiiiii", 1, 1, 23, 2, 1, 4, 7, -1)
    empty = struct.pack("!iii", 0, 0, 23)

    assert copier.copy([head + row(two) + row(empty)], format=2) == (2, [["1", None, "{7,NULL}"], ["1", None, "{}"]])
    flat = struct.pack("!iiiiiii", 2, 0, 23, 0, 1, 0, 1)
    assert copier.copy([head + row(flat)], format=2)[0] == "2202E"


def test_names_must_fit_the_statement(copier):
    """A mistake of ours is refused before anything happens."""
    with pytest.raises(ValueError, match="2 names"):
        copier.begin(names=("a", "b"))
    assert issubclass(DuckDBError, Exception)


def numeric(groups, weight, sign, scale):
    """A number in PostgreSQL's binary form."""
    return struct.pack(f"!hhHh{len(groups)}h", len(groups), weight, sign, scale, *groups)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (numeric([], 0, 0, 0), "0.00"),
        (numeric([1], 0, 0, 0), "1.00"),
        (numeric([1], 1, 0, 0), "10000.00"),
        (numeric([12, 3400], 0, 0x4000, 2), "-12.34"),
        (numeric([500], -1, 0, 2), "0.05"),
        (numeric([1, 2345, 6789, 1200], 2, 0, 2), "123456789.12"),
        (numeric([99, 9999, 9999, 9999], 3, 0, 0), "99999999999999.00"),
        # More digits than the column has are rounded; those behind the value's own scale don't count.
        (numeric([1, 2350], 0, 0, 3), "1.24"),
        (numeric([1, 2399], 0, 0, 2), "1.23"),
        (numeric([1, 9999], 0, 0, 0), "1.00"),
        (numeric([1, 2300, 0, 0, 0], 0, 0, 18), "1.23"),
        (numeric([1], 4, 0, 0), None),
        (numeric([10000], 0, 0, 0), None),
        (numeric([1], 0, 0xC000, 0), None),
        (numeric([1], -5, 0, 30), "0.00"),
        (numeric([9], 30000, 0, 0), None),
    ],
)
def test_numbers_in_binary(copier, value, text):
    """As numeric_recv reads them, then rounded to the column's scale."""
    copier.run("create table n (a decimal(16, 2))")
    try:
        statement = copier._result(copier.threads.prepare(copier.connection, b"select * from n"))
        source = CopySource(2, "n", ("a",), "insert into n ", "select * from (", ") as n", "", "")
        job = copier.threads.copy_in(statement, source, RenderOptions())
        job.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + struct.pack("!hi", 1, len(value)) + value)
        job.finish()
        copier.threads.wait(job, TIMEOUT_S)

        assert (text is None) == (job.error is not None)
        assert copier.run("select * from n") == ([] if text is None else [[text]])
    finally:
        copier.run("drop table n")
