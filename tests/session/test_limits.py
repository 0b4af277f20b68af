"""What ends a session by itself: it is told why, and its socket is closed."""

from __future__ import annotations

import os
import socket

from session_client import Client, HostCase
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.wire.frontend import Query


class LimitTests(HostCase, TestCase):
    """One client that takes its time."""

    timeout = 60

    def setUp(self):
        """A host without TLS."""
        self.set_up_host()

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def waited(self, *texts):
        """What a client hears after the last answer, up to the end of the stream."""
        client = self.client()

        def talk():
            client.login()
            for text in texts:
                client.ask(text)
            return client.until_end()

        return self.in_thread(talk)

    def test_an_idle_session_ends(self):
        """57P05, then the end of the stream: the socket is really closed."""
        return self.waited("set idle_session_timeout = 100").addCallback(self.assertEqual, ["E:57P05"])

    def test_an_idle_transaction_ends_with_its_session(self):
        """25P03: what it would have held up goes on; the longer limit for idle sessions is another."""
        answers = self.waited("set idle_session_timeout = '1h'", "begin; set idle_in_transaction_session_timeout = 100")
        return answers.addCallback(self.assertEqual, ["E:25P03"])

    def test_a_failed_transaction_is_idle_too(self):
        """As PostgreSQL counts it."""
        answers = self.waited("set idle_in_transaction_session_timeout = 200", "begin; select nonsense")
        return answers.addCallback(self.assertEqual, ["E:25P03"])

    def test_a_transaction_has_its_time(self):
        """25P04, however busy it is."""
        client = self.client()

        def talk():
            client.login()
            client.ask("set transaction_timeout = 300")
            client.send(Query("begin; select count(*) from range(10000000000) t(i) where i % 7 = 3"))
            return client.until_end()

        return self.in_thread(talk).addCallback(lambda answers: self.assertEqual(answers[-1], "E:25P04"))

    def test_a_passed_socket_is_never_made_blocking(self):
        """O_NONBLOCK belongs to the socket, which the process that passed it on has too until it hears of the arrival."""
        near, far = socket.socketpair()
        far.setblocking(False)
        self.addCleanup(far.close)
        self.host.accept_connection(AcceptedConnection(os.dup(far.fileno()), 1))
        client = Client(near)
        self.clients.append(client)

        def talk():
            return client.login(), client.ask("select 1")[1], os.get_blocking(far.fileno())

        return self.in_thread(talk).addCallback(self.assertEqual, ("Z:I", ("1",), False))
