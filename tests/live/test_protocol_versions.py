"""Which version of the protocol is spoken, and what it means for cancel keys."""

from __future__ import annotations

import threading
import time

import pytest
import raw


def _cancel(server, backend_pid: int, secret_key: bytes) -> None:
    with raw.RawClient((server.host, server.port)) as canceller:
        canceller.send(raw.cancel_request(backend_pid, secret_key))
        with pytest.raises(EOFError):
            canceller.read()


@pytest.mark.parametrize(("minor", "key_bytes"), [(0, 4), (2, 32), (9999, 32)])
def test_a_cancel_key_is_as_long_as_the_protocol_says(server, minor, key_bytes):
    """4 bytes in 3.0, 32 in 3.2, which is also what a client of the future is told to speak; it cancels, no other key does."""
    with raw.RawClient((server.host, server.port), timeout_s=30) as client:
        client.login(server.user, server.password, minor=minor)
        assert len(client.secret_key) == key_bytes
        assert client.newest_minor == (2 if minor > 2 else None)
        wrong = client.secret_key[:-1] + bytes([client.secret_key[-1] ^ 1])

        def cancel_wrongly_then_rightly() -> None:
            time.sleep(0.3)
            for key in (wrong, client.secret_key[:4] if key_bytes > 4 else wrong, client.secret_key):
                _cancel(server, client.backend_pid, key)
                time.sleep(0.2)

        canceller = threading.Thread(target=cancel_wrongly_then_rightly)
        canceller.start()
        began = time.monotonic()
        client.send(raw.query("SELECT count(*) FROM range(10000000000) AS a(n) WHERE n % 7 = 3"))
        answers = client.until("Z")
        canceller.join()
        assert [kind for kind, _ in answers] == ["E", "Z"]
        assert b"57014" in answers[0][1]
        # the wrong keys came first
        assert time.monotonic() - began > 0.6
