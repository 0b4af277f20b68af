"""What TLS settles on: the choices that cost both sides least, and the others for who wants them."""

from __future__ import annotations

import contextlib

import pytest
from OpenSSL import SSL
from OpenSSL._util import lib
from session_fakes import certificate

from duckgres_tx.session.tls import TlsServer


@pytest.fixture(scope="module")
def server():
    """With a certificate of its own."""
    return TlsServer(*certificate())


def settle(server, groups=None, suites=None):
    """A handshake in memory: the client's connection."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if groups is not None and lib.SSL_CTX_set1_curves_list(context._context, groups) != 1:
        lib.ERR_clear_error()
        pytest.skip("this OpenSSL doesn't know the group")
    if suites is not None:
        context.set_tls13_ciphersuites(suites)
    client, ours = SSL.Connection(context, None), server.serverConnectionForTLS(None)
    client.set_connect_state()
    ours.set_accept_state()
    for _ in range(5):
        for one, other in ((client, ours), (ours, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(1 << 16))
    return client


def test_the_cheap_choices_come_first(server):
    """Whatever order the client has."""
    client = settle(server)
    assert client.get_cipher_name() == "TLS_AES_128_GCM_SHA256"
    assert client.get_group_name().lower() == "x25519"
    reverse = settle(server, suites=b"TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256")
    assert reverse.get_cipher_name() == "TLS_AES_128_GCM_SHA256"


@pytest.mark.parametrize("suite", [b"TLS_AES_256_GCM_SHA384", b"TLS_CHACHA20_POLY1305_SHA256"])
def test_another_cipher_suite_is_there_for_who_wants_it(server, suite):
    """Also when it is the only one."""
    assert settle(server, suites=suite).get_cipher_name() == suite.decode()


@pytest.mark.parametrize("group", [b"secp256r1", b"secp384r1", b"secp521r1", b"X25519MLKEM768"])
def test_another_group_is_there_for_who_wants_it(server, group):
    """So is the hybrid of ML-KEM, where OpenSSL has it."""
    assert settle(server, groups=group).get_group_name().lower() == group.decode().lower()
