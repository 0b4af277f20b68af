"""Several databases in one host: their files, their shares of the machine, what SQL may not reach."""

from __future__ import annotations

from pathlib import Path

from session_client import HostCase
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

SETTING = "select value from duckdb_settings() where name = '{}'"


class DatabaseTests(HostCase, TestCase):
    """A host with four threads and a gigabyte."""

    timeout = 120

    def setUp(self):
        """Long enough for two databases to be open at once."""
        self.set_up_host(threads=4, memory_limit_bytes=1 << 30, idle_database_timeout_s=30.0)

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def test_memory_and_threads_are_divided_among_the_open_databases(self):
        """And divided anew when one opens."""
        first, second = self.client(), self.client()

        def shares():
            opened = [slot.database for slot in self.host.databases._slots.values()]
            return [database.native.threads for database in opened if database is not None]

        def talk():
            first.login()
            alone = first.ask(SETTING.format("memory_limit"))[1], shares()
            first.ask("create database other")
            second.login(database="other")
            return alone, (first.ask(SETTING.format("memory_limit"))[1], shares())

        expected = ((("1.0 GiB",), [4]), (("512.0 MiB",), [2, 2]))
        return self.in_thread(talk).addCallback(self.assertEqual, expected)

    def test_a_broken_file_is_one_databases_trouble(self):
        """58000 for who wants it; the others go on, and its owner is free to be another."""
        (Path(self.host.settings.data_dir) / "broken.duckdb").write_bytes(b"no database" * 1000)
        unlucky, lucky = self.client(), self.client()

        def talk():
            return unlucky.login(database="broken"), lucky.login(), lucky.ask("select 1")[1]

        return self.in_thread(talk).addCallback(self.assertEqual, ("E:58000", "Z:I", ("1",)))

    def test_a_database_in_use_on_another_worker_is_not_dropped(self):
        """The control plane asks its owner."""
        client = self.client()

        async def two_sessions(name):
            return 2

        def talk():
            client.login()
            client.ask("create database shop")
            self.control_plane.release_database = two_sessions
            return client.ask("drop database shop")[0], self.host.databases.exists("shop")

        return self.in_thread(talk).addCallback(self.assertEqual, ("E:55006", True))

    def test_only_superusers_make_databases(self):
        """And nobody drops the one that he is in, or the default one."""
        ordinary, superuser = self.client(), self.client()

        def talk():
            ordinary.login(user="alice")
            superuser.login()
            return (
                ordinary.ask("create database mine")[0],
                ordinary.ask("drop database postgres")[0],
                superuser.ask("drop database postgres")[0],
                superuser.ask('create database "../out"')[0],
            )

        expected = ("E:42501", "E:42501", "E:55006", "E:42602")
        return self.in_thread(talk).addCallback(self.assertEqual, expected)

    def test_sql_reaches_no_files_extensions_or_other_databases(self):
        """By default; each of these has its way in DuckDB."""
        client = self.client()
        attempts = (
            "select * from read_csv('/etc/passwd')",
            "copy (select 1) to '/tmp/never.csv'",
            "attach '/tmp/never.db'",
            "load httpfs",
            "set enable_external_access = true",
            "set global threads = 1",
        )

        def talk():
            client.login()
            path = client.ask("select path from duckdb_databases() where path is not null")[1][0]
            onto_itself = [f"copy (select 1) to '{path}{suffix}'" for suffix in ("", ".wal")]
            return {client.ask(text)[0] for text in (*attempts, *onto_itself)}

        return self.in_thread(talk).addCallback(self.assertEqual, {"E:42501"})

    def test_what_a_session_keeps_is_gone_after_discard_all(self):
        """Connection pools rely on it."""
        client = self.client()

        def talk():
            client.login()
            client.ask("create temporary table mine (i int)")
            client.ask("prepare p as select 1")
            client.ask("select set_config('timezone', 'Asia/Tokyo', false)")
            before = client.ask("show timezone")[1], client.ask("execute p")[1]
            discarded = client.ask("discard all")[0]
            after = [client.ask(text)[0] for text in ("select * from mine", "execute p")]
            return before, discarded, after, client.ask("show timezone")[1]

        expected = ((("Asia/Tokyo",), ("1",)), "DISCARD ALL", ["E:42P01", "E:26000"], ("UTC",))
        return self.in_thread(talk).addCallback(self.assertEqual, expected)

    def test_prepared_statements_of_sql_take_expressions(self):
        """EXECUTE evaluates its arguments, and counts them."""
        client = self.client()

        def talk():
            client.login()
            client.ask("prepare p (int, text) as select $1 + 1, $2")
            return client.ask("execute p (2 * 3, upper('a'))")[1], client.ask("execute p (1)")[0]

        return self.in_thread(talk).addCallback(self.assertEqual, (("7", "A"), "E:42601"))
