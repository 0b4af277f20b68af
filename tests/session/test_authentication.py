"""Passwords are proved, not told; and who doesn't exist can't be told from who has another password."""

from __future__ import annotations

import pytest
from scramp import ScramClient
from session_fakes import verifier

from duckgres_tx.errors import PgError, ProtocolViolation
from duckgres_tx.session.authentication import Passwords, ScramExchange
from duckgres_tx.session.scram import Verifier

USERS = {"alice": verifier("secret"), "bob": verifier("other", b"fedcba9876543210")}


def prove(user, password, digest=None, client_digest=None, passwords=None):
    """Go through the exchange as a client does."""
    exchange = ScramExchange(passwords or Passwords(USERS), user, digest)
    binding = None if client_digest is None else ("tls-server-end-point", client_digest)
    client = ScramClient(list(exchange.mechanisms), user, password, channel_binding=binding)
    first = exchange.first(client.mechanism_name, client.get_client_first().encode())
    client.set_server_first(first.decode())
    client.set_server_final(exchange.final(client.get_client_final().encode()).decode())
    return client.mechanism_name


def test_the_right_password_is_accepted_and_the_server_proves_itself():
    """A client with the right password gets the server's signature, which it checks."""
    assert prove("alice", "secret") == "SCRAM-SHA-256"


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("mallory", "secret"), ("mallory", "")])
def test_a_wrong_password_and_an_unknown_user_hear_the_same(user, password):
    """Both are refused at the same step, in the same words."""
    with pytest.raises(PgError) as refused:
        prove(user, password or "x")
    assert refused.value.sqlstate == "28P01"
    assert refused.value.message == f'password authentication failed for user "{user}"'


def test_the_salt_of_an_unknown_user_stays_the_same_over_restarts():
    """Otherwise a second attempt would tell that the user is made up."""
    before, after = (Passwords(USERS).verifier_for("mallory")[0] for _ in range(2))
    assert before == after
    assert before != Passwords({**USERS, "carol": verifier("z")}).verifier_for("mallory")[0]
    assert len(before.salt) == len(Verifier.parse(USERS["alice"]).salt)


def test_channel_binding_is_offered_under_tls_and_checked():
    """A man in the middle with another certificate is noticed by the server too."""
    assert prove("alice", "secret", b"d" * 32, b"d" * 32) == "SCRAM-SHA-256-PLUS"
    with pytest.raises(PgError) as refused:
        prove("alice", "secret", b"d" * 32, b"e" * 32)
    assert refused.value.sqlstate == "28000"


def test_a_name_left_empty_in_the_scram_message_is_accepted():
    """Libpq leaves the name empty, since the startup packet has it."""
    exchange = ScramExchange(Passwords(USERS), "alice", None)
    assert exchange.first("SCRAM-SHA-256", b"n,,n=,r=nonce").startswith(b"r=nonce")


@pytest.mark.parametrize("first", [b"", b"n,,", b"\xff\xff", b"n,,n=,r=", b"x,,n=,r=abc", b"n,,n=,r=a b"])
def test_a_malformed_first_message_is_a_protocol_violation(first):
    """Whatever is sent in the place of SCRAM's message, nothing but 08P01 comes of it."""
    with pytest.raises(ProtocolViolation):
        ScramExchange(Passwords(USERS), "alice", None).first("SCRAM-SHA-256", first)


def test_a_mechanism_that_was_not_offered_is_refused():
    """Without TLS there is nothing to bind to."""
    with pytest.raises(ProtocolViolation, match="SASL authentication mechanism"):
        ScramExchange(Passwords(USERS), "alice", None).first("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc")


def test_downgrading_a_client_that_could_bind_is_noticed():
    """The flag y says that the client can bind and believes the server can't; a server that offered it knows better."""
    with pytest.raises(PgError, match="channel binding negotiation") as refused:
        ScramExchange(Passwords(USERS), "alice", b"d" * 32).first("SCRAM-SHA-256", b"y,,n=,r=abcdef")
    assert refused.value.sqlstate == "28000"


@pytest.mark.parametrize(
    "text",
    ["", "md5abc", "SCRAM-SHA-1$4096:c2FsdA==$a2V5:a2V5", "SCRAM-SHA-256$x:c2FsdA==$a2V5:a2V5", USERS["alice"][:-8]],
)
def test_what_is_no_verifier_is_refused_at_the_start(text):
    """A damaged verifier stops the server from starting, not a user from logging in."""
    with pytest.raises(ValueError, match="not a SCRAM-SHA-256 verifier"):
        Passwords({"alice": text})
