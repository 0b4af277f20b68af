"""EXPLAIN has one column with a row for each line, in both protocols."""

from __future__ import annotations

import json

from session_client import HostCase
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from duckgres_tx.wire.frontend import Bind, Describe, Execute, Parse, Sync, Target


class ExplainTests(HostCase, TestCase):
    """One client that wants to know."""

    timeout = 60

    def setUp(self):
        """A host without TLS."""
        self.set_up_host()

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def asked(self, *texts):
        """The answers to queries, the last one's alone."""
        client = self.client()

        def talk():
            client.login()
            return [client.ask(text) for text in texts][-1]

        return self.in_thread(talk)

    def test_a_plan_is_a_row_for_each_line(self):
        """And the tag is EXPLAIN."""

        def check(answers):
            description, *lines, tag, ready = answers
            assert (description, tag, ready) == ("T", "EXPLAIN", "Z:I")
            assert len(lines) > 5
            assert all(len(row) == 1 and row[0] and "\n" not in row[0] for row in lines)
            assert any("DUMMY_SCAN" in row[0] for row in lines)

        return self.asked("explain select 1").addCallback(check)

    def test_a_document_is_one_value(self):
        """JSON as a whole can be read."""

        def check(answers):
            _, (document,), tag, _ = answers
            assert tag == "EXPLAIN"
            assert json.loads(document)[0]["name"] == "PROJECTION"

        return self.asked("explain (format json) select 1").addCallback(check)

    def test_all_three_plans_are_told_apart(self):
        """Each begins with its name."""
        answers = self.asked("set explain_output = 'all'", "explain select 1")
        return answers.addCallback(
            lambda rows: self.assertEqual(
                [row for row in rows if row[0] in ("logical_plan", "logical_opt", "physical_plan")],
                [("logical_plan",), ("logical_opt",), ("physical_plan",)],
            )
        )

    def test_a_portal_gives_so_many_lines_at_a_time(self):
        """As of any other query; parameters are bound."""
        client = self.client()

        def talk():
            client.login()
            client.send(
                Parse("", "explain select $1::int"),
                Bind("", "", (), [b"7"]),
                Execute("", 2),
                Execute("", 3),
                Execute(),
                Sync(),
            )
            return client.until_ready()

        def check(answers):
            kinds = ["row" if isinstance(answer, tuple) else answer for answer in answers]
            assert kinds[:9] == ["1", "2", "row", "row", "s", "row", "row", "row", "s"]
            assert kinds[-2:] == ["EXPLAIN", "Z:I"]

        return self.in_thread(talk).addCallback(check)

    def test_an_error_while_it_runs_is_an_error(self):
        """No half a plan."""
        answers = self.asked("explain analyze select error('boom')")
        return answers.addCallback(self.assertEqual, ["E:22023", "Z:I"])

    def test_what_it_carries_out_happens_once(self):
        """However often it is described before."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create table e (i int)")
            client.send(
                Parse("s", "explain analyze insert into e values ($1)"),
                Describe(Target.STATEMENT, "s"),
                Bind("", "s", (), [b"7"]),
                Describe(Target.PORTAL, ""),
                Execute(),
                Sync(),
            )
            tag = client.until_ready()[-2]
            return tag, client.ask("select * from e")[1:-2]

        return self.in_thread(talk).addCallback(self.assertEqual, ("EXPLAIN", [("7",)]))

    def test_what_it_has_made_is_seen(self):
        """EXPLAIN ANALYZE carries its statement out, so the catalog has changed."""
        names = "select relname from pg_class where relname = 'made'"
        answers = self.asked(names, "explain analyze create table made as select 1 as a", names)
        return answers.addCallback(self.assertEqual, ["T", ("made",), "SELECT 1", "Z:I"])
