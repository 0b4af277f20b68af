"""What comes before a session: encryption, options, refusals, the time that it may take."""

from __future__ import annotations

import re
import ssl
import struct
import time

import pytest
from session_client import PASSWORD, Client, HostCase
from session_fakes import certificate
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from duckgres_tx.errors import PgError
from duckgres_tx.session.login_request import CERTIFIED, LoginRequest, to_pass_on
from duckgres_tx.session.startup import is_loopback
from duckgres_tx.wire.frontend import Query
from duckgres_tx.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage

REMOTE = {"remote_host": "203.0.113.7", "remote_port": 4711}
LOOPBACK = {"remote_host": "127.0.0.1", "remote_port": 4711}


def encrypt(client, alpn=None):
    """Wrap a client's socket; the certificate is checked."""
    context = ssl.create_default_context(cadata=certificate()[0])
    if alpn:
        context.set_alpn_protocols([alpn])
    return Client(context.wrap_socket(client.socket, server_hostname="localhost"))


class EncryptionTests(HostCase, TestCase):
    """With a certificate, plain text from loopback only."""

    timeout = 60

    def setUp(self):
        """A host that prefers TLS."""
        cert, key = certificate()
        self.set_up_host(tls="prefer", certificate_pem=cert, private_key_pem=key)

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def talk(self, function):
        """Run the client's side beside the reactor."""
        return self.in_thread(function)

    def test_a_session_goes_on_in_tls_after_ssl_request(self):
        """S, handshake, login, and records that asynchronous clients can read."""
        client = self.client(**REMOTE)

        def talk():
            client.send(SSLRequest())
            assert client.exactly(1) == b"S"
            secure = encrypt(client)
            self.clients.append(secure)
            assert secure.login() == "Z:I"
            secure.send(Query("select repeat('x', 100000)"))
            longest = 0
            while True:
                data = secure.socket.recv(1 << 20)
                longest = max(longest, len(data))
                if data.endswith(b"Z\0\0\0\x05I"):
                    return longest

        longest = self.talk(talk)
        return longest.addCallback(lambda most: self.assertLessEqual(most, 8192))

    def test_direct_tls_needs_the_protocols_name(self):
        """ALPN `postgresql`; without it a browser could be led here."""
        good, nameless = self.client(**REMOTE), self.client(**REMOTE)

        def talk():
            secure = encrypt(good, "postgresql")
            self.clients.append(secure)
            answer = secure.login(), secure.ask("select 1")[1]
            bad = encrypt(nameless)
            self.clients.append(bad)
            return answer, bad.until_end()

        return self.talk(talk).addCallback(self.assertEqual, (("Z:I", ("1",)), ["E:08P01"]))

    def test_bytes_behind_an_ssl_request_are_refused(self):
        """They came in clear, so they may be anybody's (CVE-2021-23214)."""
        client = self.client(**REMOTE)

        def talk():
            client.socket.sendall(SSLRequest().encode() + StartupMessage(3, 0, {"user": "postgres"}).encode())
            return client.until_end()

        return self.talk(talk).addCallback(self.assertEqual, ["E:08P01"])

    def test_each_question_is_answered_once(self):
        """GSSENCRequest, then SSLRequest, in this order or the other; a third question ends the connection."""
        client = self.client(**REMOTE)

        def talk():
            client.send(GSSENCRequest())
            first = client.exactly(1)
            client.send(GSSENCRequest())
            return first, client.until_end()

        return self.talk(talk).addCallback(self.assertEqual, (b"N", ["E:0A000"]))

    def test_plain_text_is_for_this_machine(self):
        """Who comes from elsewhere is told to use TLS; a relayed session has had it."""
        remote, local, relayed = self.client(**REMOTE), self.client(**LOOPBACK), self.client(**REMOTE, relayed=True)

        def talk():
            return remote.login(), local.login(), relayed.login()

        return self.talk(talk).addCallback(self.assertEqual, ("E:28000", "Z:I", "Z:I"))

    def test_a_cancel_request_may_be_encrypted(self):
        """As libpq 17 sends it; it gets no answer but the end of the stream."""
        client, canceller = self.client(**LOOPBACK), self.client(**REMOTE)

        def talk():
            client.login()
            client.send(Query("select count(*) from range(10000000000) t(i) where i % 7 = 3"))
            canceller.send(SSLRequest())
            canceller.exactly(1)
            secure = encrypt(canceller)
            self.clients.append(secure)
            while not self.host.health().running:
                time.sleep(0.01)
            secure.send(CancelRequest(client.backend_pid, client.secret_key))
            return secure.until_end(), client.until_ready()[-2:]

        return self.talk(talk).addCallback(self.assertEqual, ([], ["E:57014", "Z:I"]))

    def test_only_a_wrong_password_counts_as_one(self):
        """Probes of load balancers, scanners, clients that give up: none of them is a failed login."""
        scanner, tls, half, polite = (self.client(**REMOTE) for _ in range(4))
        relayed = self.client(**REMOTE, relayed=True)

        def talk():
            scanner.socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
            scanner.until_end()
            tls.send(SSLRequest())
            tls.exactly(1)
            secure = encrypt(tls)
            self.clients.append(secure)
            secure.close()
            half.socket.sendall(b"\0\0")
            half.close()
            polite.send(SSLRequest())
            polite.close()
            relayed.send(StartupMessage(3, 0, {"user": "postgres", "database": "postgres"}))
            relayed.read()
            relayed.close()
            while self.host.health().sessions:
                time.sleep(0.01)
            return [event for event in self.control_plane.events if event[0] == "login_failed"]

        return self.talk(talk).addCallback(self.assertEqual, [])

    def test_who_takes_too_long_is_hung_up_on(self):
        """Silent, byte by byte, or in the middle of TLS: the time is for the whole handshake."""
        object.__setattr__(self.host.settings, "handshake_timeout_s", 1.0)
        silent, slow, half = self.client(**REMOTE), self.client(**LOOPBACK), self.client(**REMOTE)

        def talk():
            slow.socket.sendall(b"\0\0\0")
            half.send(SSLRequest())
            half.exactly(1)
            half.socket.sendall(b"\x16\x03\x01\x02\x00\x01")
            return silent.until_end(), slow.until_end(), half.until_end()

        return self.talk(talk).addCallback(self.assertEqual, ([], [], []))


class StartupTests(HostCase, TestCase):
    """What a StartupMessage may say."""

    timeout = 60

    def setUp(self):
        """A host without TLS."""
        self.set_up_host()

    def tearDown(self):
        """End it."""
        return Deferred.fromCoroutine(self.tear_down_host())

    def test_variables_in_the_startup_packet_act(self):
        """As parameters and in `options`; RESET goes back to them."""
        client = self.client()

        def talk():
            client.login(options="-c statement_timeout=5s --search-path=main", application_name="me")
            client.ask("set application_name = 'other'")
            client.ask("reset application_name")
            shown = [client.ask(f"show {name}")[1] for name in ("statement_timeout", "search_path", "application_name")]
            return client.parameters["application_name"], shown, client.ask("select current_schema()")[1]

        expected = ("me", [("5s",), ("main",), ("me",)], ("main",))
        return self.in_thread(talk).addCallback(self.assertEqual, expected)

    def test_the_version_is_the_same_everywhere(self):
        """Clients choose their queries by it, and some read it from the text with a pattern."""
        client = self.client()

        def talk():
            client.login()
            told = client.parameters["server_version"]
            names = (
                "show server_version",
                "show server_version_num",
                "select version()",
                "select pg_catalog.version()",
            )
            return told, [client.ask(text)[1][0] for text in names]

        def check(answer):
            told, (shown, number, short, qualified) = answer
            match = re.fullmatch(r"PostgreSQL ((\d+)\.(\d+) \(.*\)) on .*", short)
            assert match is not None
            assert match[1] == told == shown
            assert int(number) == int(match[2]) * 10000 + int(match[3])
            assert qualified == short

        return self.in_thread(talk).addCallback(check)

    def test_an_unknown_variable_is_refused(self):
        """42704, but only to who has proved to be somebody."""
        known, stranger = self.client(), self.client()

        def talk():
            return known.login(nonsense="1"), stranger.login(password="wrong", nonsense="1")

        return self.in_thread(talk).addCallback(self.assertEqual, ("E:42704", "E:28P01"))

    def test_a_newer_protocol_is_negotiated_down(self):
        """NegotiateProtocolVersion with what we don't know, then all goes on."""
        client = self.client()

        def talk():
            parameters = {"user": "postgres", "database": "postgres", "_pq_.grease": "x"}
            client.send(StartupMessage(3, 9999, parameters))
            return client.read(), client.read()[0]

        body = struct.pack(">II", 3 << 16 | 2, 1) + b"_pq_.grease\0"
        return self.in_thread(talk).addCallback(self.assertEqual, ((b"v", body), b"R"))

    def test_messages_sent_with_the_proof_wait_for_the_session(self):
        """A client may be in a hurry."""
        client = self.client()

        def talk():
            answer = client.login()
            client.send(Query("select 1"), Query("select 2"))
            return answer, client.until_ready()[1], client.until_ready()[1]

        return self.in_thread(talk).addCallback(self.assertEqual, ("Z:I", ("1",), ("2",)))

    def test_too_many_sessions_are_refused(self):
        """53300 in PostgreSQL's words."""
        clients = [self.client() for _ in range(3)]
        object.__setattr__(self.host.settings, "max_connections", 2)

        def talk():
            return [client.login(password=PASSWORD) for client in clients]

        return self.in_thread(talk).addCallback(self.assertEqual, ["Z:I", "Z:I", "E:53300"])


@pytest.mark.parametrize("value", ["true", "database", "1"])
def test_replication_is_refused_clearly(value):
    """0A000, not a session that answers nonsense."""
    with pytest.raises(PgError) as refused:
        LoginRequest.from_message(StartupMessage(3, 0, {"user": "u", "replication": value}))
    assert refused.value.sqlstate == "0A000"


@pytest.mark.parametrize("certified", [True, False])
def test_only_the_relaying_worker_says_that_a_certificate_was_proof(certified):
    """Whatever the client itself has written there."""
    message = StartupMessage(3, 0, {"user": "x", CERTIFIED: "on", "application_name": "a"})
    passed = to_pass_on(message, certified=certified)
    assert (CERTIFIED in passed.parameters) is certified
    assert passed.parameters["application_name"] == "a"
    assert LoginRequest.from_message(passed).variables == {"application_name": "a"}


def test_a_database_is_named_like_its_user_when_none_is_named():
    """And replication=false means nothing."""
    request = LoginRequest.from_message(StartupMessage(3, 0, {"user": "u", "replication": "false", "timezone": "UTC"}))
    assert (request.user, request.database, request.variables) == ("u", "u", {"timezone": "UTC"})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("fe80::1%eth0", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_told_from_the_rest(address, expected):
    """In both families, and in one inside the other."""
    assert is_loopback(address) is expected
