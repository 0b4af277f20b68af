"""A host that lets go of its clients, each at the moment that costs it least; and settings that change under them."""

from __future__ import annotations

import attrs
from session_client import HostCase
from session_fakes import certificate, verifier
from test_startup import LOOPBACK, REMOTE, encrypt
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from duckgres_tx.session import leaving
from duckgres_tx.session.connection import CLOSE_TIMEOUT_S
from duckgres_tx.wire.frontend import Bind, Execute, Flush, Parse, Query, Sync
from duckgres_tx.wire.startup import SSLRequest, StartupMessage

SLOW = "select count(*) from range(10000000000) t(i) where i % 7 = 3"


class LivingHost(HostCase, TestCase):
    """A host, and what all tests here need."""

    timeout = 120

    def setUp(self):
        """Databases stay open for long, unless somebody lets them go."""
        self.set_up_host(idle_database_timeout_s=600.0)

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def begin(self, coroutine):
        """Begin something, or run a test."""
        return Deferred.fromCoroutine(coroutine)

    async def until(self, condition):
        """Wait for something to become true; the test's own timeout bounds it."""
        while not condition():
            await deferLater(reactor, 0.01)


class DrainTests(LivingHost):
    """Who ends when."""

    def test_idle_sessions_have_the_grace(self):
        """Until then they may go on as if nothing were; then they hear 57P01."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            left = self.begin(self.host.drain(10, grace_s=0.5))
            assert (await self.in_thread(client.ask, "select 1"))[1] == ("1",)
            assert self.host.health().draining
            assert await self.in_thread(client.until_end) == ["E:57P01"]
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_what_still_runs_at_the_timeout_is_stopped(self):
        """A statement, a transaction that is idle, and a client that has never said a word."""
        running, idle, silent = self.client(), self.client(), self.client()

        async def scenario():
            await self.in_thread(running.login)
            await self.in_thread(idle.login)
            await self.in_thread(idle.ask, "begin; create table lost (i int)")
            await self.in_thread(running.send, Query(SLOW))
            await self.until(lambda: self.host.health().running)
            left = self.begin(self.host.drain(0.5))
            ends = [await self.in_thread(client.until_end) for client in (running, idle, silent)]
            assert ends == [["E:57P01"], ["E:57P01"], ["E:57P03"]]
            for client in (running, idle, silent):
                client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_a_series_of_messages_is_not_cut(self):
        """Between Parse and Sync nothing runs and no transaction is open, but the client is not idle."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.send, Parse("", "select 5", ()), Flush())
            assert (await self.in_thread(client.read))[0] == b"1"
            left = self.begin(self.host.drain(10))

            def go_on():
                client.send(Bind("", "", (), (), ()), Execute("", 0), Sync())
                return client.until_end()

            assert await self.in_thread(go_on) == ["2", ("5",), "SELECT 1", "Z:I", "E:57P01"]
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_who_asks_on_hears_so_as_the_answer(self):
        """And nothing is done: an error that comes with the answer before would be taken for a notice."""
        client, witness = self.client(), self.client()

        async def scenario():
            for each in (client, witness):
                await self.in_thread(each.login)
                await self.in_thread(each.ask, "begin")
            left = self.begin(self.host.drain(10))

            def go_on():
                committed = client.ask("commit")
                client.send(Query("create table never (i int)"))
                return committed, client.until_end()

            assert await self.in_thread(go_on) == (["COMMIT", "Z:I"], ["E:57P01"])
            tables = "select count(*) from pg_tables where tablename = 'never'"
            assert (await self.in_thread(witness.ask, tables))[1] == ("0",)
            client.close()
            witness.close()
            assert await left == 0

        return self.begin(scenario())

    def test_an_idle_client_under_tls_is_not_waited_for(self):
        """It reads what was said when it asks next, and doesn't say goodbye before."""
        cert, key = certificate()
        self.host.reload(attrs.evolve(self.host.settings, tls="prefer", certificate_pem=cert, private_key_pem=key))
        client = self.client(**REMOTE)

        async def scenario():
            def log_in():
                client.send(SSLRequest())
                client.exactly(1)
                secure = encrypt(client)
                self.clients.append(secure)
                secure.login()
                return secure

            secure = await self.in_thread(log_in)
            before = reactor.seconds()
            assert await self.host.drain(20) == 0
            assert reactor.seconds() - before < CLOSE_TIMEOUT_S
            assert await self.in_thread(secure.until_end) == ["E:57P01"]

        return self.begin(scenario())

    def test_an_answer_that_is_read_slowly_is_read_to_its_end(self):
        """The last word comes behind it."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.send, Query("select repeat('x', 1000) from range(20000)"))
            await self.until(lambda: self.host.health().running)
            left = self.begin(self.host.drain(30))
            answers = await self.in_thread(client.until_end)
            assert len(answers) == 20_000 + 4
            assert answers[-3:] == ["SELECT 20000", "Z:I", "E:57P01"]
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_a_silent_client_does_not_hold_up_the_end(self):
        """It has had its time to log in."""
        self.patch(leaving, "HANDSHAKE_S", 0.3)
        client = self.client()

        async def scenario():
            left = self.begin(self.host.drain(50))
            assert await self.in_thread(client.until_end) == ["E:57P03"]
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_who_waits_for_a_database_is_not_sent_away(self):
        """It has said all that it can: what is waited for is the server's."""
        self.patch(leaving, "HANDSHAKE_S", 0.1)
        client, other = self.client(), self.client()
        asked, answer = Deferred(), Deferred()

        async def claim(name):
            asked.callback(None)
            return await answer

        async def scenario():
            await self.in_thread(other.login)
            await self.in_thread(other.ask, "create database shop")
            other.close()
            self.patch(self.control_plane, "claim_database", claim)
            login = self.in_thread(client.login, database="shop")
            await asked
            left = self.begin(self.host.drain(30))
            await deferLater(reactor, 0.3)
            answer.callback(True)
            assert await login == "Z:I"
            assert (await self.in_thread(client.ask, "select 5"))[1] == ("5",)
            assert await self.in_thread(client.until_end) == ["E:57P01"]
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_who_logs_in_meanwhile_is_served(self):
        """Its first question is answered even if there is no grace."""
        client = self.client()

        async def scenario():
            def knock():
                client.send(StartupMessage(3, 0, {"user": "postgres", "database": "postgres"}))
                return client.read()[1]

            offered = await self.in_thread(knock)
            left = self.begin(self.host.drain(30))

            def go_on():
                scram = client._authenticate(None, "postgres", "secret", offered)
                client._authenticate(scram, "postgres", "secret", client.read()[1])
                return client.until_ready()[-1], client.ask("select 5")[1], client.until_end()

            assert await self.in_thread(go_on) == ("Z:I", ("5",), ["E:57P01"])
            client.close()
            assert await left == 0

        return self.begin(scenario())

    def test_a_database_is_let_go_with_its_last_session(self):
        """At once, so that another worker can open it; an unused one when the drain begins."""
        first, second = self.client(), self.client()
        closed = ("database_closed", "shop")

        async def scenario():
            await self.in_thread(first.login)
            await self.in_thread(first.ask, "create database shop")
            await self.in_thread(first.ask, "create database unused")
            for name in ("unused", "shop"):
                visitor = self.client()
                await self.in_thread(visitor.login, database=name)
                visitor.close()
            await self.in_thread(second.login, database="shop")
            await self.in_thread(second.ask, "begin")
            await self.until(lambda: self.host.databases._slots["unused"].users == 0)
            left = self.begin(self.host.drain(30))
            await self.until(lambda: ("database_closed", "unused") in self.control_plane.events)
            await self.until(lambda: ("database_closed", "postgres") in self.control_plane.events)
            assert closed not in self.control_plane.events
            second.close()
            await self.until(lambda: closed in self.control_plane.events)
            first.close()
            assert await left == 0
            assert self.host.databases.open_names == ()

        return self.begin(scenario())

    def test_a_second_drain_can_hurry_the_first(self):
        """Such as a shutdown in the middle of a rolling update."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.ask, "begin")
            first = self.begin(self.host.drain(600, grace_s=300))
            second = self.begin(self.host.drain(0.2))
            assert await self.in_thread(client.until_end) == ["E:57P01"]
            client.close()
            assert (await first, await second) == (0, 0)

        return self.begin(scenario())


class ReloadTests(LivingHost):
    """Settings that change while clients are served."""

    def changed(self, **changes):
        """The host's settings, but for these."""
        return attrs.evolve(self.host.settings, **changes)

    def test_new_users_may_come_and_old_ones_may_not(self):
        """From now on; who is there stays. pg_roles knows."""
        before, after, gone = self.client(), self.client(), self.client()

        async def scenario():
            await self.in_thread(before.login)
            changes = {"verifiers": {"postgres": verifier("secret"), "bob": verifier("secret")}}
            assert self.host.reload(self.changed(**changes, superusers=("postgres", "bob"))) == ()
            assert await self.in_thread(after.login, user="bob") == "Z:I"
            assert await self.in_thread(gone.login, user="alice") == "E:28P01"
            roles = "select rolname, rolsuper from pg_roles where rolname !~ '^pg_' order by 1"
            assert (await self.in_thread(before.ask, roles))[1:-2] == [("bob", "t"), ("postgres", "t")]
            assert (await self.in_thread(after.ask, "create database bobs"))[0] == "CREATE DATABASE"

        return self.begin(scenario())

    def test_limits_hold_from_now_on(self):
        """For sessions that come; the instances that are open get other shares."""
        old, new, refused = self.client(), self.client(), self.client()

        async def scenario():
            await self.in_thread(old.login)
            changes = {"max_connections": 2, "statement_timeout_ms": 300, "memory_limit_bytes": 1 << 29, "threads": 3}
            assert self.host.reload(self.changed(**changes)) == ()
            assert await self.in_thread(new.login) == "Z:I"
            assert await self.in_thread(refused.login) == "E:53300"
            assert (await self.in_thread(new.ask, SLOW))[-2:] == ["E:57014", "Z:I"]
            shown = [(await self.in_thread(each.ask, "show statement_timeout"))[1] for each in (old, new)]
            assert shown == [("0",), ("300ms",)]
            limit = "select value from duckdb_settings() where name = 'memory_limit'"
            assert (await self.in_thread(old.ask, limit))[1] == ("512.0 MiB",)

        return self.begin(scenario())

    def test_what_needs_a_new_worker_is_named_and_stays(self):
        """Also in what databases that open later are opened with."""
        stale = self.host.reload(self.changed(extensions=("nonsense",), time_zone="Asia/Tokyo", idle_timeout_s=5.0))
        self.assertEqual(stale, ("extensions", "time_zone"))
        self.assertEqual(self.host.settings.idle_timeout_s, 5.0)
        client = self.client()

        def talk():
            return client.login(), client.ask("show timezone")[1]

        return self.in_thread(talk).addCallback(self.assertEqual, ("Z:I", ("UTC",)))

    def test_a_certificate_that_is_none_changes_nothing(self):
        """Not even what is right beside it."""
        before = self.host.settings
        wanted = self.changed(tls="prefer", certificate_pem="nonsense", private_key_pem="nonsense", idle_timeout_s=5.0)
        self.assertRaises(ValueError, self.host.reload, wanted)
        self.assertRaises(ValueError, self.host.reload, self.changed(tls="prefer"))
        self.assertRaises(ValueError, self.host.reload, self.changed(verifiers={"x": "nonsense"}))
        self.assertEqual(self.host.settings, before)

    def test_tls_comes_and_goes(self):
        """A client in the middle of it is served with the certificate that it was shown."""
        cert, key = certificate()
        plain, half, after = self.client(**LOOPBACK), self.client(**REMOTE), self.client(**REMOTE)

        async def scenario():
            assert await self.in_thread(plain.login) == "Z:I"
            self.host.reload(self.changed(tls="prefer", certificate_pem=cert, private_key_pem=key))

            def ask_for_tls():
                half.send(SSLRequest())
                assert half.exactly(1) == b"S"
                secure = encrypt(half)
                self.clients.append(secure)
                return secure

            secure = await self.in_thread(ask_for_tls)
            self.host.reload(self.changed(tls="off", certificate_pem=None, private_key_pem=None))

            def go_on():
                secure.send(StartupMessage(3, 0, {"user": "postgres", "database": "postgres"}))
                _, offered = secure.read()
                scram = secure._authenticate(None, "postgres", "secret", offered)
                secure._authenticate(scram, "postgres", "secret", secure.read()[1])
                ends = secure.until_ready()[-1]
                after.send(SSLRequest())
                return b"SCRAM-SHA-256-PLUS" in offered, ends, after.exactly(1)

            assert await self.in_thread(go_on) == (True, "Z:I", b"N")

        return self.begin(scenario())
