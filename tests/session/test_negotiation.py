"""How client and server agree on encryption: every way that libpq goes, as a table of events; and what no client should do.

The columns are those of PostgreSQL's own test of this; a client with ``gssencmode`` asks for GSSAPI first and hears N. Where PostgreSQL
has users who may come with or without TLS only, this server has places: what plain text is good for depends on where a client is.
"""

from __future__ import annotations

import ssl

import pytest
import raw
from in_process import PASSWORD, in_process
from tls_client import TlsSocket

from duckgres_tx.session.tls import ALPN_PROTOCOL

ALPN = (ALPN_PROTOCOL.decode(),)
PLACES = {
    "local": {"remote_host": "127.0.0.1", "remote_port": 4711},
    "remote": {"remote_host": "203.0.113.7", "remote_port": 4711},
    "socket": {},
}

# A dot is what stands above it; events are those of one attempt to connect.
TABLE = """
# SERVER  CLIENT  GSSENCMODE SSLMODE NEGOTIATION EVENTS                                                        -> OUTCOME
off       local   disable    disable postgres    connect, authok                                               -> plain
.         .       .          allow   postgres    connect, authok                                               -> plain
.         .       .          prefer  postgres    connect, sslreject, authok                                    -> plain
.         .       .          require postgres    connect, sslreject                                            -> fail
.         .       .          require direct      connect, directsslreject                                      -> fail
.         .       prefer     disable postgres    connect, gssreject, authok                                    -> plain
.         .       .          allow   postgres    connect, gssreject, authok                                    -> plain
.         .       .          prefer  postgres    connect, gssreject, sslreject, authok                         -> plain
.         .       .          require postgres    connect, gssreject, sslreject                                 -> fail
.         .       .          require direct      connect, gssreject, reconnect, directsslreject                -> fail
.         .       require    disable postgres    connect, gssreject                                            -> fail
.         .       .          require direct      connect, gssreject                                            -> fail
.         remote  disable    disable postgres    connect, authfail                                             -> fail
.         .       .          allow   postgres    connect, authfail, reconnect, sslreject                       -> fail
.         .       .          prefer  postgres    connect, sslreject, authfail                                  -> fail
.         .       .          require postgres    connect, sslreject                                            -> fail
.         socket  disable    disable postgres    connect, authok                                               -> plain
.         .       .          prefer  postgres    connect, sslreject, authok                                    -> plain

prefer    local   disable    disable postgres    connect, authok                                               -> plain
.         .       .          allow   postgres    connect, authok                                               -> plain
.         .       .          prefer  postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require direct      connect, directsslaccept, authok                              -> ssl
.         .       prefer     disable postgres    connect, gssreject, authok                                    -> plain
.         .       .          allow   postgres    connect, gssreject, authok                                    -> plain
.         .       .          prefer  postgres    connect, gssreject, sslaccept, authok                         -> ssl
.         .       .          require postgres    connect, gssreject, sslaccept, authok                         -> ssl
.         .       .          require direct      connect, gssreject, reconnect, directsslaccept, authok        -> ssl
.         .       require    require postgres    connect, gssreject                                            -> fail
.         remote  disable    disable postgres    connect, authfail                                             -> fail
.         .       .          allow   postgres    connect, authfail, reconnect, sslaccept, authok               -> ssl
.         .       .          prefer  postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require direct      connect, directsslaccept, authok                              -> ssl
.         .       prefer     disable postgres    connect, gssreject, authfail                                  -> fail
.         .       .          allow   postgres    connect, gssreject, authfail, reconnect, sslaccept, authok    -> ssl
.         .       .          prefer  postgres    connect, gssreject, sslaccept, authok                         -> ssl
.         socket  disable    disable postgres    connect, authok                                               -> plain
.         .       .          prefer  postgres    connect, sslreject, authok                                    -> plain
.         .       .          require postgres    connect, sslreject                                            -> fail
.         .       .          require direct      connect, directsslreject                                      -> fail

require   local   disable    disable postgres    connect, authfail                                             -> fail
.         .       .          allow   postgres    connect, authfail, reconnect, sslaccept, authok               -> ssl
.         .       .          prefer  postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require direct      connect, directsslaccept, authok                              -> ssl
.         .       prefer     prefer  postgres    connect, gssreject, sslaccept, authok                         -> ssl
.         remote  disable    disable postgres    connect, authfail                                             -> fail
.         .       .          prefer  postgres    connect, sslaccept, authok                                    -> ssl
.         .       .          require direct      connect, directsslaccept, authok                              -> ssl
.         socket  disable    disable postgres    connect, authok                                               -> plain
.         .       .          prefer  postgres    connect, sslreject, authok                                    -> plain
"""


def _rows():
    above = [""] * 5
    for line in TABLE.splitlines():
        if line and not line.startswith("#"):
            left, _, outcome = line.partition("->")
            fields = left.split(None, 5)
            above = [new if new != "." else old for new, old in zip(fields[:5], above, strict=True)]
            yield (*above, fields[5].strip(), outcome.strip())


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """One for each way to treat TLS."""
    directory = tmp_path_factory.mktemp("negotiation")
    with (
        in_process(str(directory / "off"), tls="off") as off,
        in_process(str(directory / "prefer"), tls="prefer") as prefer,
        in_process(str(directory / "require"), tls="require") as require,
    ):
        yield {"off": off, "prefer": prefer, "require": require}


class Negotiation:
    """One attempt of a client's to connect, in libpq's manner.

    Attributes:
        events: What has happened.
    """

    def __init__(self, server, place, gssencmode, sslmode, direct):
        self._server, self._place = server, place
        self._gss, self._sslmode, self._direct = gssencmode, sslmode, direct
        self.events = []

    def outcome(self):
        """Connect: plain, ssl or fail."""
        client = self._connect("connect")
        if self._gss != "disable":
            client.send(raw.GSSENC_REQUEST)
            assert client._exactly(1) == b"N"
            self.events.append("gssreject")
            if self._gss == "require":
                return "fail"
        if self._direct:
            # on a connection of its own
            return self._direct_tls(self._connect("reconnect") if self._gss == "prefer" else client)
        if self._sslmode in {"prefer", "require"}:
            return self._ask(client)
        if self._log_in(client):
            return "plain"
        return self._ask(self._connect("reconnect")) if self._sslmode == "allow" else "fail"

    def _connect(self, event):
        self.events.append(event)
        return self._server.client(**PLACES[self._place])

    def _ask(self, client):
        client.send(raw.SSL_REQUEST)
        if client._exactly(1) == b"N":
            self.events.append("sslreject")
            return "plain" if self._sslmode == "prefer" and self._log_in(client) else "fail"
        self.events.append("sslaccept")
        client.socket = TlsSocket(client.socket)
        client.socket.handshake()
        return "ssl" if self._log_in(client) else "fail"

    def _direct_tls(self, client):
        client.socket = TlsSocket(client.socket, ALPN)
        try:
            client.socket.handshake()
        except (ssl.SSLError, EOFError):
            self.events.append("directsslreject")
            return "fail"
        self.events.append("directsslaccept")
        return "ssl" if self._log_in(client) else "fail"

    def _log_in(self, client):
        try:
            client.login("postgres", PASSWORD)
        except ConnectionError:
            self.events.append("authfail")
            return False
        self.events.append("authok")
        return True


@pytest.mark.parametrize(("tls", "place", "gssencmode", "sslmode", "negotiation", "events", "outcome"), list(_rows()))
def test_client_and_server_agree(servers, tls, place, gssencmode, sslmode, negotiation, events, outcome):
    """On what both want, by the fewest steps; or they don't."""
    attempt = Negotiation(servers[tls], place, gssencmode, sslmode, negotiation == "direct")

    assert (attempt.outcome(), ", ".join(attempt.events)) == (outcome, events)


def _refused(client):
    """What a client hears that is refused: an SQLSTATE, or nothing but the end."""
    try:
        kind, body = client.read()
    except (EOFError, ConnectionError):
        return "End"
    assert kind == "E"
    with pytest.raises((EOFError, ConnectionError)):
        client.read()
    return raw.error_fields(body)["C"]


@pytest.mark.parametrize(
    ("requests", "answers", "refusal"),
    [
        ([raw.GSSENC_REQUEST, raw.GSSENC_REQUEST], b"N", "0A000"),
        ([raw.SSL_REQUEST, raw.SSL_REQUEST], b"N", "0A000"),
        ([raw.GSSENC_REQUEST, raw.SSL_REQUEST, raw.GSSENC_REQUEST], b"NN", "0A000"),
        ([raw.SSL_REQUEST, raw.GSSENC_REQUEST, raw.SSL_REQUEST], b"NN", "0A000"),
        ([raw.SSL_REQUEST, b"\x16\x03\x01\x00\xff"], b"N", "08P01"),
        ([raw.GSSENC_REQUEST, b"\x16\x03\x01\x00\xff"], b"N", "08P01"),
    ],
)
def test_a_question_is_asked_once(servers, requests, answers, refusal):
    """Whatever was asked between; and who was told N doesn't begin with TLS."""
    client = servers["off"].client(**PLACES["local"])
    for request in requests:
        client.send(request)

    assert client._exactly(len(answers)) == answers
    assert _refused(client) == refusal


@pytest.mark.parametrize("behind", [raw.startup({"user": "postgres"}), raw.SSL_REQUEST, b"\x16\x03\x01\x00\xff", b"x"])
def test_nothing_may_come_with_the_question(servers, behind):
    """Whoever has put it there, it isn't the one with whom TLS is spoken afterwards."""
    client = servers["prefer"].client(**PLACES["local"])
    client.send(raw.SSL_REQUEST + behind)

    assert _refused(client) == "08P01"


@pytest.mark.parametrize("request_", [raw.SSL_REQUEST, raw.GSSENC_REQUEST])
def test_no_encryption_within_encryption(servers, request_):
    """Neither question is asked in TLS."""
    client = servers["prefer"].client(**PLACES["local"])
    client.send(raw.SSL_REQUEST)
    assert client._exactly(1) == b"S"
    client.socket = TlsSocket(client.socket)
    client.socket.handshake()
    client.send(request_)

    assert _refused(client) == "0A000"


@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("h2", "http/1.1")])
def test_direct_tls_is_for_who_speaks_the_protocol(servers, alpn):
    """A browser doesn't; a client that names it among others does."""
    client = servers["prefer"].client(**PLACES["local"])
    client.socket = TlsSocket(client.socket, alpn)
    try:
        client.socket.handshake()
    except (ssl.SSLError, EOFError):
        refusal = "End"
    else:
        refusal = _refused(client)
    assert refusal in {"08P01", "End"}

    client = servers["prefer"].client(**PLACES["local"])
    client.socket = TlsSocket(client.socket, (*alpn, *ALPN))
    assert client.socket.handshake() == ALPN[0]
    client.login("postgres", PASSWORD)


def test_alpn_may_be_offered_behind_the_question(servers):
    """As libpq 17 does; it needn't be."""
    client = servers["prefer"].client(**PLACES["local"])
    client.send(raw.SSL_REQUEST)
    assert client._exactly(1) == b"S"
    client.socket = TlsSocket(client.socket, ALPN)

    assert client.socket.handshake() == ALPN[0]
    client.login("postgres", PASSWORD)


def test_garbage_in_the_handshake_ends_it(servers):
    """Whoever answers S with something else."""
    client = servers["prefer"].client(**PLACES["local"])
    client.send(raw.SSL_REQUEST)
    assert client._exactly(1) == b"S"
    client.send(raw.startup({"user": "postgres"}))
    servers["prefer"].reactor.until(lambda: client.socket.transport.ended)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_versions_of_tls(servers, version):
    """The two that are safe."""
    client = servers["require"].client(**PLACES["remote"])
    client.socket = TlsSocket(client.socket, ALPN, version)
    client.socket.handshake()
    assert client.socket._tls.version() == version.name.replace("_", ".")
    client.login("postgres", PASSWORD)
