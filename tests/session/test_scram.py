"""The server's side of SCRAM, message by message: every way in which a client's may be wrong has its own words."""

from __future__ import annotations

import base64

import pytest
from scramp import ScramClient
from session_fakes import verifier

from duckgres_tx.errors import PgError
from duckgres_tx.session.scram import InvalidProof, ScramServer, Verifier

VERIFIER = Verifier.parse(verifier("secret"))
DIGEST = b"d" * 32


def server(*, digest=None, binds=False):
    """An exchange that nothing was said in yet."""
    return ScramServer(VERIFIER, digest, binds=binds)


def proved(exchange, password="secret", nonce="abc"):
    """A client that has answered the server's first message, and its last message."""
    client = ScramClient(["SCRAM-SHA-256"], "alice", password, c_nonce=nonce)
    client.set_server_first(exchange.first(client.get_client_first().encode()).decode())
    return client, client.get_client_final()


def test_both_prove_themselves():
    """The client checks the server's signature, which needs a key that the server alone has."""
    exchange = server()
    client, final = proved(exchange)
    client.set_server_final(exchange.final(final.encode()).decode())


def test_the_nonce_is_another_each_time():
    """A recorded proof is of no use later."""
    firsts = {server().first(b"n,,n=,r=abc") for _ in range(5)}
    assert len(firsts) == 5
    assert all(first.startswith(b"r=abc") for first in firsts)


def test_extensions_behind_the_nonce_are_covered_by_the_proof():
    """They mean nothing here, and stay a part of what is signed."""
    first = server().first(b"n,,n=alice,r=abc,x=1,y=2")
    assert first.startswith(b"r=abc")
    assert b"x=1" not in first


def test_a_wrong_proof_is_told_apart_from_a_malformed_one():
    """The first is a wrong password, the second a wrong client."""
    exchange = server()
    _, final = proved(exchange, "wrong")
    with pytest.raises(InvalidProof):
        exchange.final(final.encode())
    for proof in ("", "p=", "p=abc", "p=" + "A" * 60, final.rpartition(",")[2] + "x", "q=1"):
        with pytest.raises(PgError, match="malformed SCRAM message") as refused:
            exchange.final(f"{final.rpartition(',')[0]},{proof}".encode())
        assert refused.value.sqlstate == "08P01"


def test_the_answer_must_be_to_our_message():
    """Another nonce is another exchange's."""
    exchange = server()
    _, final = proved(exchange)
    with pytest.raises(PgError, match="invalid SCRAM response"):
        exchange.final(final.replace("r=abc", "r=abd").encode())
    another = server()
    proved(another)
    with pytest.raises(PgError, match="invalid SCRAM response"):
        another.final(final.encode())


def test_another_channel_than_the_first_message_said_is_refused():
    """Without binding it is the client's fault, with binding it may be a man in the middle."""
    exchange = server()
    _, final = proved(exchange)
    with pytest.raises(PgError, match="unexpected SCRAM channel-binding attribute") as refused:
        exchange.final(final.replace("c=biws", "c=eSws").encode())
    assert refused.value.sqlstate == "08P01"
    exchange = server(digest=DIGEST, binds=True)
    nonce = exchange.first(b"p=tls-server-end-point,,n=,r=abc").partition(b",")[0]
    elsewhere = base64.b64encode(b"p=tls-server-end-point,," + b"e" * 32)
    with pytest.raises(PgError, match="channel binding check failed") as refused:
        exchange.final(b"c=%b,%b,p=%b=" % (elsewhere, nonce, b"A" * 43))
    assert refused.value.sqlstate == "28000"


@pytest.mark.parametrize(
    ("digest", "binds", "first", "sqlstate", "words"),
    [
        (None, False, b"", "08P01", "malformed"),
        (None, False, b"n", "08P01", "malformed"),
        (None, False, b"n,", "08P01", "malformed"),
        (None, False, b"n,,", "08P01", "malformed"),
        (None, False, b"n,,n=x", "08P01", "malformed"),
        (None, False, b"n,,r=abc", "08P01", "malformed"),
        (None, False, b"n,,n=,s=abc", "08P01", "malformed"),
        (None, False, b"n,x=y,n=,r=abc", "08P01", "malformed"),
        (None, False, b"n,,n=,r=", "08P01", "non-printable"),
        (None, False, b"n,,n=,r=\xc3\xa4", "08P01", "non-printable"),
        (None, False, b"z,,n=,r=abc", "08P01", "malformed"),
        (None, False, b"n,a=bob,n=,r=abc", "0A000", "authorization identity"),
        (None, False, b"n,,m=1,n=,r=abc", "0A000", "unsupported SCRAM extension"),
        (None, False, b"p=tls-server-end-point,,n=,r=abc", "08P01", "malformed"),
        (DIGEST, True, b"n,,n=,r=abc", "08P01", "malformed"),
        (DIGEST, True, b"y,,n=,r=abc", "08P01", "malformed"),
        (DIGEST, False, b"y,,n=,r=abc", "28000", "channel binding negotiation"),
        (DIGEST, True, b"p=tls-unique,,n=,r=abc", "08P01", 'unsupported SCRAM channel-binding type "tls-unique"'),
    ],
)
def test_what_is_wrong_with_a_first_message_is_said(digest, binds, first, sqlstate, words):
    """In PostgreSQL's words and with its SQLSTATEs."""
    with pytest.raises(PgError, match=words) as refused:
        server(digest=digest, binds=binds).first(first)
    assert refused.value.sqlstate == sqlstate


def test_a_client_that_could_bind_may_do_without_where_there_is_no_tls():
    """The flag y is a lie only where the server has offered it."""
    assert server().first(b"y,,n=,r=abc").startswith(b"r=abc")
