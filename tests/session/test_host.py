"""A host in this process, real DuckDB behind it, a client at the other end of a socketpair."""

from __future__ import annotations

import socket
from pathlib import Path

from session_client import HostCase
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from duckgres_tx.errors import TooManyConnections
from duckgres_tx.wire.frontend import Bind, Close, Describe, Execute, Parse, Query, Sync, Target
from duckgres_tx.wire.startup import CancelRequest, SSLRequest

SLOW = "select count(*) from range(10000000000) t(i) where i % 7 = 3"


def coroutine_test(method):
    """Run an async test on the reactor."""

    def run(self):
        return Deferred.fromCoroutine(method(self))

    run.__doc__ = method.__doc__
    return run


class SessionTests(HostCase, TestCase):
    """What one client sees."""

    timeout = 120

    def setUp(self):
        """A host without TLS."""
        self.set_up_host()

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    @coroutine_test
    async def test_a_query_is_answered(self):
        """Startup, proof, query, rows, tag."""
        client = self.client()

        def talk():
            assert client.login() == "Z:I"
            assert client.parameters["server_encoding"] == "UTF8"
            return client.ask("select 1 as a, 'x' as b, null::text")

        assert await self.in_thread(talk) == ["T", ("1", "x", None), "SELECT 1", "Z:I"]
        assert ("session_opened", client.backend_pid, "postgres", "postgres") in self.control_plane.events

    @coroutine_test
    async def test_wrong_passwords_and_unknown_users_and_databases_are_refused(self):
        """And the control plane hears of failed proofs, which an unknown database is not."""

        def talk():
            return (
                self.clients[0].login(password="wrong"),
                self.clients[1].login(user="nobody"),
                self.clients[2].login(database="nowhere"),
            )

        for _ in range(3):
            self.client()
        assert await self.in_thread(talk) == ("E:28P01", "E:28P01", "E:3D000")
        assert self.control_plane.events.count(("login_failed", "")) == 2

    @coroutine_test
    async def test_a_batch_is_one_transaction(self):
        """The error in the last statement undoes the first."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create table b (i int primary key)")
            failed = client.ask("insert into b values (1); insert into b values (1)")
            return failed, client.ask("select count(*) from b")

        failed, count = await self.in_thread(talk)
        assert failed == ["INSERT 0 1", "E:23505", "Z:I"]
        assert count[1] == ("0",)

    @coroutine_test
    async def test_a_syntax_error_anywhere_stops_the_whole_batch(self):
        """PostgreSQL reads everything before it runs anything."""
        client = self.client()

        def talk():
            client.login()
            return client.ask("select 1; selec 2")

        assert await self.in_thread(talk) == ["E:42601", "Z:I"]

    @coroutine_test
    async def test_a_failed_transaction_hears_nothing_but_its_end(self):
        """25P02 until ROLLBACK, and COMMIT answers ROLLBACK."""
        client = self.client()

        def talk():
            client.login()
            return [
                client.ask(text)[-2:]
                for text in ("begin", "select nonsense", "select 1", "show timezone", "commit", "commit")
            ]

        assert await self.in_thread(talk) == [
            ["BEGIN", "Z:T"],
            ["E:42703", "Z:E"],
            ["E:25P02", "Z:E"],
            ["E:25P02", "Z:E"],
            ["ROLLBACK", "Z:I"],
            ["COMMIT", "Z:I"],
        ]

    @coroutine_test
    async def test_variables_go_back_with_the_transaction(self):
        """SET in a transaction that is rolled back has not happened, for DuckDB neither."""
        client = self.client()

        def talk():
            client.login()
            client.ask("begin")
            client.ask("set timezone = 'Asia/Tokyo'")
            inside = client.ask("select '2024-01-01 00:00:00+00'::timestamptz")[1]
            client.ask("rollback")
            return inside, client.ask("select '2024-01-01 00:00:00+00'::timestamptz")[1]

        assert await self.in_thread(talk) == (("2024-01-01 09:00:00+09",), ("2024-01-01 00:00:00+00",))

    @coroutine_test
    async def test_the_extended_protocol_describes_without_running(self):
        """Describe of an INSERT … RETURNING tells its columns and inserts nothing."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create table r (i int, t text)")
            client.send(
                Parse("s", "insert into r values ($1, $2) returning i"), Describe(Target.STATEMENT, "s"), Sync()
            )
            described = client.until_ready()
            count = client.ask("select count(*) from r")[1]
            client.send(Bind("", "s", (), [b"7", None]), Execute(), Sync())
            return described, count, client.until_ready()

        assert await self.in_thread(talk) == (
            ["1", "t", "T", "Z:I"],
            ("0",),
            ["2", ("7",), "INSERT 0 1", "Z:I"],
        )

    @coroutine_test
    async def test_portals_give_their_rows_in_pieces_also_when_others_come_between(self):
        """A suspended portal is spooled when another statement wants the connection."""
        client = self.client()

        def talk():
            client.login()
            client.send(
                Query("begin"),
                Parse("", "select i from range(5000) t(i)"),
                Bind("c", ""),
                Execute("c", 2000),
                Parse("", "select 'between'"),
                Bind("", ""),
                Execute(),
                Execute("c", 2000),
                Execute("c", 2000),
                Execute("c", 2000),
                Close(Target.PORTAL, "c"),
                Sync(),
            )
            client.until_ready()
            return client.until_ready()

        answers = await self.in_thread(talk)
        rows = [answer for answer in answers if isinstance(answer, tuple)]
        assert [row for row in rows if row != ("between",)] == [(str(i),) for i in range(5000)]
        others = [answer for answer in answers if not isinstance(answer, tuple)]
        assert others == ["1", "2", "s", "1", "2", "SELECT 1", "s", "SELECT 1000", "SELECT 0", "3", "Z:T"]

    @coroutine_test
    async def test_portals_die_with_their_transaction(self):
        """After Sync there is nothing to go on with."""
        client = self.client()

        def talk():
            client.login()
            client.send(Parse("", "select 1"), Bind("c", ""), Sync(), Execute("c"), Sync())
            return client.until_ready() + client.until_ready()

        assert await self.in_thread(talk) == ["1", "2", "Z:I", "E:34000", "Z:I"]

    @coroutine_test
    async def test_after_an_error_all_is_skipped_until_sync(self):
        """And the series before it is undone."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create table p (i int)")
            insert = (Parse("", "insert into p values (1)"), Bind("", ""), Execute())
            client.send(*insert, Parse("", "selec"), *insert, Sync(), Query("select count(*) from p"))
            return client.until_ready(), client.until_ready()[1]

        assert await self.in_thread(talk) == (["1", "2", "INSERT 0 1", "E:42601", "Z:I"], ("0",))

    @coroutine_test
    async def test_names_are_checked_as_postgresql_does(self):
        """Taken and unknown names of statements and portals."""
        client = self.client()

        def talk():
            client.login()
            client.send(Parse("s", "select 1"), Parse("s", "select 2"), Sync())
            client.send(Bind("", "unknown"), Sync(), Execute("unknown"), Sync())
            client.send(Bind("c", "s"), Bind("c", "s"), Sync(), Bind("", "s", (), [b"1"]), Sync())
            client.send(Close(Target.STATEMENT, "never was"), Sync())
            return [client.until_ready() for _ in range(6)]

        assert await self.in_thread(talk) == [
            ["1", "E:42P05", "Z:I"],
            ["E:26000", "Z:I"],
            ["E:34000", "Z:I"],
            ["2", "E:42P03", "Z:I"],
            ["E:08P01", "Z:I"],
            ["3", "Z:I"],
        ]

    @coroutine_test
    async def test_a_row_type_that_changed_under_a_statement_is_refused(self):
        """The client would read the new rows by the old description."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create table d (i int)")
            client.send(Parse("s", "select * from d"), Describe(Target.STATEMENT, "s"), Sync())
            client.until_ready()
            client.ask("alter table d add column t text")
            client.send(Bind("", "s"), Execute(), Sync())
            return client.until_ready()[-2:]

        assert await self.in_thread(talk) == ["E:0A000", "Z:I"]

    @coroutine_test
    async def test_a_statement_follows_a_change_that_leaves_its_rows_as_they_were(self):
        """An index, another table, another schema in the search path."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create schema other; create table other.e (i int); insert into other.e values (2)")
            client.ask("create table e (i int); insert into e values (1)")
            client.send(Parse("s", "select i from e"), Sync())
            client.until_ready()
            answers = []
            for change in ("create table f (j int)", "set search_path = other"):
                client.ask(change)
                client.send(Bind("", "s"), Execute(), Sync())
                answers.append(client.until_ready()[1])
            return answers

        assert await self.in_thread(talk) == [("1",), ("2",)]

    @coroutine_test
    async def test_running_statements_can_be_cancelled_in_both_protocols(self):
        """And the connection is clean for the next one."""
        client = self.client()

        def begin(*messages):
            client.send(*messages)

        def end():
            return client.until_ready(), client.ask("select 1")[1]

        await self.in_thread(client.login)
        for messages in ([Query(SLOW)], [Parse("", SLOW), Bind("", ""), Execute(), Sync()]):
            await self.in_thread(begin, *messages)
            while not self.host.health().running:
                await self._moment()
            await self._moment(0.1)
            assert not self.host.cancel_query(client.backend_pid, b"xxxx")
            assert self.host.cancel_query(client.backend_pid, client.secret_key)
            answers, after = await self.in_thread(end)
            assert answers[-2:] == ["E:57014", "Z:I"]
            assert after == ("1",)

    @coroutine_test
    async def test_statement_timeout_ends_a_statement(self):
        """57014, and only for what takes too long."""
        client = self.client()

        def talk():
            client.login()
            client.ask("set statement_timeout = '100ms'")
            return client.ask(SLOW), client.ask("select 1")[1]

        assert await self.in_thread(talk) == (["E:57014", "Z:I"], ("1",))

    @coroutine_test
    async def test_a_client_that_hangs_up_stops_its_statement(self):
        """Nobody would read the answer."""
        client = self.client()

        def talk():
            client.login()
            client.send(Query(SLOW))

        await self.in_thread(talk)
        while not self.host.health().running:
            await self._moment()
        client.close()
        for _ in range(200):
            if not self.host.health().sessions:
                break
            await self._moment()
        assert self.host.health().sessions == 0
        assert ("session_closed", client.backend_pid) in self.control_plane.events

    @coroutine_test
    async def test_a_cancel_request_reaches_the_session_and_gets_no_answer(self):
        """Another connection carries it; a foreign pid goes to the control plane."""
        client, canceller, stranger = self.client(), self.client(), self.client()

        def talk():
            client.login()
            client.send(Query(SLOW))

        await self.in_thread(talk)
        while not self.host.health().running:
            await self._moment()
        canceller.send(CancelRequest(client.backend_pid, client.secret_key))
        stranger.send(CancelRequest(1, b"abcd"))
        assert await self.in_thread(canceller.until_end) == []
        assert await self.in_thread(stranger.until_end) == []
        assert (await self.in_thread(client.until_ready))[-2:] == ["E:57014", "Z:I"]
        assert ("cancel_elsewhere", 1, b"abcd") in self.control_plane.events

    @coroutine_test
    async def test_databases_are_made_used_and_dropped(self):
        """With PostgreSQL's errors for what can't be."""
        client, other = self.client(), self.client()

        def talk():
            client.login()
            answers = [client.ask("create database shop")[0], client.ask("create database shop")[0]]
            other.login(database="shop")
            answers += [
                other.ask("create table t (i int)")[0],
                other.ask("select current_schema()")[1],
                client.ask("drop database shop")[0],
            ]
            other.close()
            return answers

        def drop():
            return (
                client.ask("drop database shop")[0],
                client.ask("drop database shop")[0],
                client.ask("begin; create database x"),
            )

        assert await self.in_thread(talk) == ["CREATE DATABASE", "E:42P04", "CREATE TABLE", ("public",), "E:55006"]
        while self.host.health().sessions > 1:
            await self._moment()
        assert await self.in_thread(drop) == ("DROP DATABASE", "E:3D000", ["BEGIN", "E:25001", "Z:E"])

    @coroutine_test
    async def test_an_idle_database_is_closed_and_opened_again(self):
        """What was committed is there; the control plane hears that it is free."""
        first = self.client()

        def talk():
            first.login()
            first.ask("create table kept as select 42 as answer")
            first.close()

        await self.in_thread(talk)
        while ("database_closed", "postgres") not in self.control_plane.events:
            await self._moment()
        second = self.client()

        def look():
            second.login()
            return second.ask("select * from kept")[1]

        assert await self.in_thread(look) == ("42",)

    @coroutine_test
    async def test_a_session_sees_what_it_alone_has_made(self):
        """Temporary tables, uncommitted ones; and nothing of another session's."""
        client, other = self.client(), self.client()
        names = "select relname from pg_catalog.pg_class where relname in ('mine', 'ours') order by 1"

        def talk():
            client.login()
            other.login()
            client.ask("create temporary table mine (i int)")
            client.ask("begin; create table ours (i int)")
            return client.ask(names)[1:-2], other.ask(names)[1:-2]

        assert await self.in_thread(talk) == ([("mine",), ("ours",)], [])

    @coroutine_test
    async def test_who_is_refused_hears_why_after_the_handshake(self):
        """A limit in the control plane is told in words."""
        client = self.client(refusal=TooManyConnections("sorry, too many clients already"))
        assert await self.in_thread(client.login) == "E:53300"

    @coroutine_test
    async def test_a_draining_host_lets_transactions_end(self):
        """Idle sessions hear 57P01 at once, the others when they are done, and who was on the way in once it is there."""
        idle, busy = self.client(), self.client()

        def begin():
            idle.login()
            busy.login()
            return busy.ask("begin")

        await self.in_thread(begin)
        draining = Deferred.fromCoroutine(self.host.drain(10))
        late = self.client()

        def end():
            return (
                idle.until_end(),
                late.login(),
                late.until_end(),
                busy.ask("select 1")[-1],
                busy.send(Query("commit")),
                busy.until_end(),
            )

        assert await self.in_thread(end) == (
            ["E:57P01"],
            "Z:I",
            ["E:57P01"],
            "Z:T",
            None,
            ["COMMIT", "Z:I", "E:57P01"],
        )
        idle.close()
        late.close()
        busy.close()
        assert await draining == 0

    @coroutine_test
    async def test_a_shutdown_stops_what_runs(self):
        """The client hears 57P01, not that it has cancelled."""
        client = self.client()

        def talk():
            client.login()
            client.send(Query(SLOW))

        await self.in_thread(talk)
        while not self.host.health().running:
            await self._moment()
        ended = Deferred.fromCoroutine(self.host.shutdown(10))
        assert await self.in_thread(client.until_end) == ["E:57P01"]
        await ended
        client.close()
        self.set_up_host()

    @coroutine_test
    async def test_a_database_of_another_worker_is_relayed_to_it(self):
        """The far end of a pair goes up with the StartupMessage; bytes then go both ways until one side hangs up."""
        self.control_plane.elsewhere.add("postgres")
        client = self.client()
        client.send(
            __import__("duckgres_tx.wire.startup").wire.startup.StartupMessage(
                3, 0, {"user": "u", "database": "postgres"}
            )
        )
        while not self.control_plane.relayed:
            await self._moment()
        (fd, prefix, host, port) = self.control_plane.relayed[0]
        owner = socket.socket(fileno=fd)
        owner.setblocking(True)
        owner.settimeout(10)

        def talk():
            owner.sendall(b"from the owner")
            from_owner = client.exactly(14)
            client.socket.sendall(b"from the client")
            from_client = owner.recv(100)
            client.close()
            return from_owner, from_client, owner.recv(100)

        assert await self.in_thread(talk) == (b"from the owner", b"from the client", b"")
        owner.close()
        assert (host, port) == ("", 0)
        assert b"postgres" in prefix

    @coroutine_test
    async def test_descriptors_are_closed_whatever_becomes_of_a_connection(self):
        """Garbage, silence, refusals, logins: afterwards there are as many as before."""

        def visit():
            for client in self.clients[-4:]:
                client.socket.settimeout(10)
            garbage, silent, refused, good = self.clients[-4:]
            garbage.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            garbage.until_end()
            silent.close()
            refused.login(password="wrong")
            good.login()
            for client in (garbage, refused, good):
                client.close()

        counts = []
        for _ in range(3):
            for _ in range(4):
                self.client()
            await self.in_thread(visit)
            while self.host.health().sessions or self.host.databases._slots:
                await self._moment()
            counts.append(len(list(Path("/proc/self/fd").iterdir())))
        assert counts[1] == counts[2]
        closed = [event for event in self.control_plane.events if event[0] == "session_closed"]
        assert len(closed) == len(set(closed)) == 12

    @coroutine_test
    async def test_ssl_is_refused_where_there_is_none(self):
        """N, and the same connection goes on in plain text; a second SSLRequest is an error."""
        client, twice = self.client(), self.client()

        def talk():
            client.send(SSLRequest())
            answer = client.exactly(1)
            twice.send(SSLRequest(), SSLRequest())
            return answer, client.login(), twice.exactly(1), twice.until_end()

        assert await self.in_thread(talk) == (b"N", "Z:I", b"N", ["E:0A000"])

    async def _moment(self, seconds=0.01):
        await deferLater(reactor, seconds)
