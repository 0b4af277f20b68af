"""What every client's socket is set to, so that a peer that has died without a word is noticed."""

from __future__ import annotations

import contextlib
import socket

from duckgres_tx.session.connection import configure_socket


def test_a_dead_peer_is_noticed_and_small_answers_leave_at_once():
    """After a minute, whether or not something was to be sent; Nagle's algorithm is off."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(socket.create_connection(listener.getsockname()))
        client, _ = listener.accept()
        stack.enter_context(client)
        configure_socket(client)

        def option(name):
            return client.getsockopt(socket.IPPROTO_TCP, name)

        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        probing_s = option(socket.TCP_KEEPIDLE) + option(socket.TCP_KEEPINTVL) * option(socket.TCP_KEEPCNT)
        assert (probing_s, option(socket.TCP_USER_TIMEOUT)) == (60, 60_000)
        assert option(socket.TCP_NODELAY)
        assert not client.get_inheritable()


def test_a_unix_socket_has_nothing_to_set():
    """TCP's options would be errors there."""
    near, far = socket.socketpair()
    with near, far:
        configure_socket(near)
