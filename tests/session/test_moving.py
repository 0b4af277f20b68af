"""Sessions that go on in another host: nobody notices, and who can't go is told so."""

from __future__ import annotations

import os

from session_client import PASSWORD, Client, HostCase
from session_fakes import RememberingControlPlane, verifier
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from duckgres_tx.errors import PgError
from duckgres_tx.session import moving, parting
from duckgres_tx.session.control_plane import AcceptedConnection, AskAgain, Journey
from duckgres_tx.session.host import WATCH_INTERVAL_S, SessionHost
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.wire.frontend import Bind, Describe, Execute, Parse, Query, Sync, Target


class MovingTests(HostCase, TestCase):
    """Two hosts, one after the other, and a control plane between them."""

    timeout = 60

    def setUp(self):
        """The second one is told to take what the first one gives up."""
        self.set_up_host(idle_database_timeout_s=600.0)
        settings = WorkerSettings(
            data_dir=self.host.settings.data_dir, verifiers={"postgres": verifier(PASSWORD)}, statement_timeout_ms=0
        )
        self.next_plane = RememberingControlPlane()
        self.next_host = SessionHost(reactor, settings, self.next_plane)
        self.next_host.start()
        self.control_plane.carry = self.carry
        self.failures = []
        self.client_a: Client = self.client()

    def tearDown(self):
        """End both."""

        async def end():
            await self.tear_down_host()
            await self.next_host.shutdown(10)

        return Deferred.fromCoroutine(end())

    async def carry(self, departure):
        """As a control plane does."""
        if self.failures:
            os.close(departure.fd)
            os.close(departure.leash)
            raise self.failures.pop(0)
        self.next_host.accept_connection(
            AcceptedConnection(
                departure.fd,
                departure.backend_pid,
                departure.remote_host,
                departure.remote_port,
                relayed=departure.relayed,
                journey=Journey(departure.leash, departure.document),
            )
        )

    def scenario(self, steps):
        """Run a test."""
        return Deferred.fromCoroutine(steps())

    def drain(self, timeout_s=20.0):
        """The roll comes to the first host."""
        return Deferred.fromCoroutine(self.host.drain(timeout_s, moves=True))

    async def ask(self, text, client=None):
        """A query's answers."""
        return await self.in_thread((client or self.client_a).ask, text)

    async def until(self, condition):
        """Wait for something to become true; the test's own timeout bounds it."""
        while not condition():
            await deferLater(reactor, 0.01)

    def test_an_idle_session_goes_on_with_all_that_it_has(self):
        """Variables, statements of both kinds, its pid and key; and its client hears nothing."""

        async def steps():
            client = self.client_a
            await self.in_thread(client.login, options="-c my.mark=7", application_name="first")
            await self.ask("create schema extra; create table extra.t as select 5 as x")
            await self.ask("set application_name = 'second'; set search_path = extra; set timezone = 'Asia/Tokyo'")
            await self.ask("prepare by_sql(int) as select $1 + x from t")
            client.send(Parse("by_parse", "select $1::int + x as y from t", ()), Sync())
            await self.in_thread(client.until_ready)
            assert await self.drain() == 0
            assert self.host.health().sessions == 0
            await self.until(lambda: self.next_host.health().sessions == 1)
            assert ("session_resumed", client.backend_pid, "postgres", "postgres") in self.next_plane.events
            assert ("session_moved", client.backend_pid) in self.control_plane.events
            told = await self.ask(
                "select current_setting('application_name'), current_setting('my.mark'), (select x from t)"
            )
            assert told[1] == ("second", "7", "5")
            assert (await self.ask("show timezone"))[1] == ("Asia/Tokyo",)
            assert (await self.ask("select pg_backend_pid()"))[1] == (str(client.backend_pid),)
            listed = await self.ask("select name, from_sql from pg_prepared_statements order by 1")
            assert listed[1:3] == [("by_parse", "f"), ("by_sql", "t")]
            assert (await self.ask("execute by_sql(2)"))[1] == ("7",)
            client.send(
                Describe(Target.STATEMENT, "by_parse"), Bind("", "by_parse", (), (b"3",), ()), Execute("", 0), Sync()
            )
            assert await self.in_thread(client.until_ready) == ["t", "T", "2", ("8",), "SELECT 1", "Z:I"]
            assert await self.ask("deallocate by_sql") == ["DEALLOCATE", "Z:I"]
            assert self.next_host.cancel_query(client.backend_pid, client.secret_key)

        return self.scenario(steps)

    def test_what_is_asked_meanwhile_is_answered_there(self):
        """It waits in the socket, or goes along when it was read already."""

        async def steps():
            client = self.client_a
            await self.in_thread(client.login)
            client.send(Query("select 1"), Query("select pg_sleep(0.3)"), Query("select 3"))
            left = self.drain()
            client.send(Query("select 4"))
            answers = [await self.in_thread(client.until_ready) for _ in range(4)]
            assert [answer[1] for answer in answers] == [("1",), ("",), ("3",), ("4",)]
            assert await left == 0
            await self.until(lambda: self.next_host.health().sessions == 1)

        return self.scenario(steps)

    def test_who_holds_something_ends(self):
        """A temporary table, a held cursor, a lock, a setting of DuckDB's, a seed."""

        async def steps():
            holders = []
            for text in (
                "create temp table mine (i int)",
                "begin; declare c cursor with hold for select 1; commit",
                "select pg_advisory_lock(1)",
                "set integer_division = true",
                "select setseed(0.5)",
            ):
                client = self.client()
                await self.in_thread(client.login)
                await self.ask(text, client)
                holders.append(client)
            left = self.drain()
            for client in holders:
                assert await self.in_thread(client.until_end) == ["E:57P01"]
            self.client_a.close()
            for client in holders:
                client.close()
            assert await left == 0
            assert self.next_host.health().sessions == 0

        return self.scenario(steps)

    def test_all_of_a_database_s_sessions_go_when_its_transaction_is_over(self):
        """Until then those that are idle are served where they are."""

        async def steps():
            other = self.client()
            for client in (self.client_a, other):
                await self.in_thread(client.login)
            await self.ask("begin; create table made (i int)")
            left = self.drain()
            assert (await self.ask("select 1", other))[1] == ("1",)
            # longer than one that could not move would be left alone
            await deferLater(reactor, parting.ANSWER_IS_READ_S + 1.5 * WATCH_INTERVAL_S)
            assert (await self.ask("select 2", other))[1] == ("2",)
            assert self.host.health().sessions == 2
            await self.ask("commit")
            assert await left == 0
            assert (await self.ask("select count(*) from made", other))[1] == ("0",)
            assert (await self.ask("select count(*) from made"))[1] == ("0",)

        return self.scenario(steps)

    def test_who_has_too_much_to_carry_ends(self):
        """As if there were no moving; the others of its database go."""

        async def steps():
            self.patch(parting, "MAX_BYTES", 20_000)
            laden = self.client()
            for client in (self.client_a, laden):
                await self.in_thread(client.login)
            laden.send(Parse("large", f"select '{'x' * 20_000}'", ()), Sync())
            await self.in_thread(laden.until_ready)
            left = self.drain()
            assert await self.in_thread(laden.until_end) == ["E:57P01"]
            laden.close()
            assert await left == 0
            assert (await self.ask("select 1"))[1] == ("1",)
            assert self.next_host.health().sessions == 1

        return self.scenario(steps)

    def test_who_is_told_to_end_does_not_move(self):
        """Such as by another session, while it waits for the others of its database."""

        async def steps():
            other = self.client()
            for client in (self.client_a, other):
                await self.in_thread(client.login)
            await self.ask("begin")
            left = self.drain()
            assert self.host.signal(other.backend_pid, "terminate")
            assert await self.in_thread(other.until_end) == ["E:57P01"]
            other.close()
            await self.ask("commit")
            assert await left == 0
            assert (await self.ask("select 1"))[1] == ("1",)
            assert self.next_host.health().sessions == 1

        return self.scenario(steps)

    def test_it_is_offered_again_when_the_control_plane_is_replaced_or_the_worker(self):
        """Nobody can have taken it before."""

        async def steps():
            await self.in_thread(self.client_a.login)
            self.failures = [AskAgain("replaced"), AskAgain("none there"), PgError("57P03", "its worker has died")]
            assert await self.drain() == 0
            assert (await self.ask("select 1"))[1] == ("1",)

        return self.scenario(steps)

    def test_who_can_t_go_hears_why(self):
        """57P01, and never a bare close."""

        async def steps():
            await self.in_thread(self.client_a.login)
            self.patch(moving, "AGAIN_S", 0.01)
            self.failures = [PgError("57P03", "nobody")] * moving.ATTEMPTS
            left = self.drain()
            assert await self.in_thread(self.client_a.until_end) == ["E:57P01"]
            self.client_a.close()
            assert await left == 0

        return self.scenario(steps)

    def test_a_drain_that_moves_nobody_ends_all(self):
        """As when the server stops."""

        async def steps():
            await self.in_thread(self.client_a.login)
            left = Deferred.fromCoroutine(self.host.drain(10))
            assert await self.in_thread(self.client_a.until_end) == ["E:57P01"]
            self.client_a.close()
            assert await left == 0

        return self.scenario(steps)
