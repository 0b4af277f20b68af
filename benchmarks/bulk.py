"""Large results: all of lineitem and three narrow columns of it, text and binary, through a socket and in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from benchmarks.figures import Figure, Samples, Target, in_turn
from benchmarks.raw_client import FORMAT_CODES, Drained, RawClient, extended_query
from benchmarks.stage import Stage
from benchmarks.tpch_data import DATABASE

PART = "bulk"


@frozen
class Shape:
    """A statement over lineitem and how much faster than PostgreSQL it must come."""

    name: str
    sql: str
    target: float


SHAPES = (
    Shape("select * from lineitem", "select * from lineitem", 4.0),
    Shape("3 narrow columns", "select l_orderkey, l_partkey, l_linenumber from lineitem", 6.0),
)
ENCODE_TARGET = Target(0.7)


def measure(stage: Stage) -> Iterator[Figure]:
    """Rows a second through a socket beside PostgreSQL, and beside what the engine alone encodes."""
    theirs = stage.loaded_postgres.endpoint(DATABASE)
    ours = stage.ours.endpoint(DATABASE)
    for shape in SHAPES:
        for result_format in FORMAT_CODES:
            request = extended_query(shape.sql, result_format)
            with RawClient.connect(ours) as our_client, RawClient.connect(theirs) as their_client:
                clients = (our_client, their_client)
                proofs = [_prove(client, request) for client in clients]
                sides = [_timed(client, request, proof) for client, proof in zip(clients, proofs, strict=True)]
                our_rate, their_rate = in_turn(sides, stage.options.runs)
            what = f"{shape.name}, {result_format}"
            yield Figure(PART, what, "M rows/s", our_rate.median, "PostgreSQL", their_rate.median, Target(shape.target),
                         _note(proofs, our_rate, their_rate))  # fmt: skip
            if not stage.options.calibrate:
                yield _beside_encoder(stage, shape, result_format, what, our_rate)


def _prove(client: RawClient, request: bytes) -> Drained:
    """Drain once with every frame counted: the tag must tell as many rows as there are DataRows."""
    drained, frames = client.drain_counted(request)
    if frames.types[ord("D")] != drained.rows:
        message = f"{frames.types[ord('D')]} DataRows, but the tag says {drained.tag}"
        raise AssertionError(message)
    return drained


def _timed(client: RawClient, request: bytes, proof: Drained) -> Callable[[], float]:
    def once() -> float:
        drained = client.drain(request)
        if (drained.tag, drained.size) != (proof.tag, proof.size):
            message = f"{drained} differs from the counted drain {proof}"
            raise AssertionError(message)
        return drained.rows / drained.seconds / 1e6

    return once


def _note(proofs: list[Drained], ours: Samples, theirs: Samples) -> str:
    megabytes = [proof.size / proof.rows * rate.median for proof, rate in zip(proofs, (ours, theirs), strict=True)]
    same = "same bytes" if proofs[0].size == proofs[1].size else f"{proofs[0].size} against {proofs[1].size} bytes"
    return f"{megabytes[0]:.0f} and {megabytes[1]:.0f} MB/s; {same}; spread {ours.spread:.0%} and {theirs.spread:.0%}"


def _beside_encoder(stage: Stage, shape: Shape, result_format: str, what: str, through_socket: Samples) -> Figure:
    # Native, and needed here only: calibrating works without a build.
    from benchmarks.encoder_alone import EncoderAlone  # noqa: PLC0415

    encoder = EncoderAlone(stage.data.file, shape.sql, FORMAT_CODES[result_format])
    encoded = Samples(tuple(encoder.rate() for _ in range(stage.options.runs)))
    return Figure(PART, f"{what}, of the encode rate", "M rows/s", through_socket.median, "encoder in process",
                  encoded.median, ENCODE_TARGET, f"spread {encoded.spread:.0%}")  # fmt: skip
