"""A statement is stopped whichever way it came: every way registers it, and none is stopped in another's place."""

from __future__ import annotations

import contextlib

from session_client import HostCase
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from duckgres_tx.wire.frontend import Bind, Execute, Parse, Query, Sync

SLOW = "select count(*) from range(10000000000) t(i) where i % 7 = 3"
# Its first rows come at once, the others never.
STREAM = "select i from range(10000000000) t(i) where i < 50000 or i % 7 = 8"


class CancellingTests(HostCase, TestCase):
    """One client whose statement is cancelled while it runs."""

    timeout = 120

    def setUp(self):
        """A host without TLS."""
        self.set_up_host()

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    async def cancelled(self, *messages, before=()):
        """The answers to a series that is cancelled while it runs, and to the query after it."""
        client = self.client()

        def begin():
            client.login()
            for text in before:
                client.ask(text)
            client.send(*messages)

        def end():
            return client.until_ready(), client.ask("rollback")[-1], client.ask("select 42")[1]

        await self.in_thread(begin)
        while not self.host.health().running:
            await deferLater(reactor, 0.01)
        await deferLater(reactor, 0.2)
        assert self.host.cancel_query(client.backend_pid, client.secret_key)
        answers, ready, after = await self.in_thread(end)
        assert (ready, after) == ("Z:I", ("42",))
        return answers

    def check(self, expected, *messages, before=()):
        """Run the series and compare the end of its answers."""

        async def run():
            answers = await self.cancelled(*messages, before=before)
            assert answers[-len(expected) :] == expected
            return answers

        return Deferred.fromCoroutine(run())

    def test_the_second_of_a_batch(self):
        """The first has been answered."""
        return self.check(["SELECT 1", "E:57014", "Z:I"], Query(f"select 1; {SLOW}; select 2"))

    def test_in_a_transaction(self):
        """Which has failed then."""
        return self.check(["E:57014", "Z:E"], Query(SLOW), before=["begin"])

    def test_with_parameters(self):
        """The extended protocol with values bound, as drivers send it."""
        text = f"{SLOW} and i <> $1::bigint"
        return self.check(["2", "E:57014", "Z:I"], Parse("", text), Bind("", "", (), [b"7"]), Execute(), Sync())

    def test_by_execute(self):
        """SQL's own prepared statements."""
        return self.check(
            ["E:57014", "Z:I"], Query("execute p(7)"), before=[f"prepare p as {SLOW} and i <> $1::bigint"]
        )

    def test_explained(self):
        """EXPLAIN ANALYZE runs it."""
        return self.check(["E:57014", "Z:I"], Query(f"explain analyze {SLOW}"))

    def test_what_changes_rows(self):
        """Nothing is left of it."""
        return self.check(["E:57014", "Z:I"], Query(f"create table made as {SLOW}"))

    def test_in_the_middle_of_its_rows(self):
        """Rows, then the error: no tag says that they are all."""

        def check(answers):
            assert 0 < sum(isinstance(answer, tuple) for answer in answers) <= 50000
            assert not any(isinstance(answer, str) and answer.startswith("SELECT") for answer in answers)

        return self.check(["E:57014", "Z:I"], Query(STREAM)).addCallback(check)

    def test_a_portal_that_goes_on(self):
        """Suspended once, resumed, then cancelled."""
        answers = self.check(["E:57014", "Z:I"], Parse("", STREAM), Bind("", ""), Execute("", 1000), Execute(), Sync())
        return answers.addCallback(lambda found: self.assertEqual(found[1002], "s"))

    def test_a_cursor(self):
        """FETCH of rows that never come."""
        return self.check(
            ["E:57014", "Z:E"], Query("fetch all from c"), before=["begin", f"declare c cursor for {STREAM}"]
        )

    def test_a_client_that_has_sent_much_and_left(self):
        """Nothing is read from it while its first query runs, and still its end is noticed."""
        client = self.client()

        def talk():
            client.login()
            client.socket.settimeout(1)
            with contextlib.suppress(TimeoutError):
                client.send(Query(SLOW), *(Query(f"select '{'x' * 100_000}'") for _ in range(10)))

        async def run():
            await self.in_thread(talk)
            while not self.host.health().running:
                await deferLater(reactor, 0.01)
            client.close()
            for _ in range(1000):
                if not self.host.health().sessions:
                    return
                await deferLater(reactor, 0.01)
            self.fail("the session goes on")

        return Deferred.fromCoroutine(run())

    def test_a_copy(self):
        """COPY … TO STDOUT."""
        return self.check(["E:57014", "Z:I"], Query(f"copy ({STREAM}) to stdout"))
