"""TLS at the client's end of a connection in memory."""

from __future__ import annotations

import ssl
from typing import Any

from attrs import define, field


@define
class TlsSocket:
    """What ``raw.RawClient`` needs of a socket, over another one.

    Args:
        plain: Where the records go and come from.
        alpn: The protocols that the client offers.
        minimum: The oldest version that it speaks.
        maximum: The newest.
    """

    plain: Any
    alpn: tuple[str, ...] = ()
    maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    _incoming: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(factory=ssl.MemoryBIO)
    _tls: ssl.SSLObject = field(init=False)

    def __attrs_post_init__(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = self.maximum
        if self.alpn:
            context.set_alpn_protocols(list(self.alpn))
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    @property
    def transport(self) -> Any:
        """The plain connection's."""
        return self.plain.transport

    def handshake(self) -> str | None:
        """Shake hands.

        Returns:
            The protocol that was settled on.

        Raises:
            ssl.SSLError: The server doesn't want to.
            EOFError: It has hung up.
        """
        self._work(self._tls.do_handshake)
        return self._tls.selected_alpn_protocol()

    def sendall(self, data: bytes) -> None:
        """Send."""
        self._work(lambda: self._tls.write(data))

    def recv(self, count: int) -> bytes:
        """Read; nothing at the end."""
        try:
            data: bytes = self._work(lambda: self._tls.read(count))
        except (EOFError, ssl.SSLError):
            return b""
        return data

    def close(self) -> None:
        """Hang up."""
        self.plain.close()

    def _work(self, step: Any) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.plain.recv(65536)
                if not data:
                    raise EOFError from None
                self._incoming.write(data)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self.plain.sendall(data)
