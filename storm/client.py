"""One session of a storm's client, on asyncio: connected, logged in, asked, and looked at when it ends.

How a session ends is what the storm is about, so nothing is retried and nothing is guessed here: `SessionEndedError` says what the server said,
and in which state the client believed to be.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Self

from attrs import field, frozen

from storm import frames, scram
from storm.frames import Message

ANSWER_DEADLINE_S = 120.0
CONNECT_DEADLINE_S = 120.0
# messages that may come at any time and say nothing of a statement
_ASIDES = frozenset((b"N", b"S"))
_SASL, _SASL_CONTINUE, _SASL_FINAL = 10, 11, 12


@frozen
class Endpoint:
    """Where the server listens and who logs in."""

    host: str
    port: int
    user: str
    keys: scram.Keys = field(repr=False)


class StatementFailedError(Exception):
    """The server answered with an ERROR; the session goes on."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(f"{sqlstate}: {text}")
        self.sqlstate = sqlstate


class SessionEndedError(Exception):
    """The session is over, and it was not we who ended it.

    Attributes:
        how: The SQLSTATE of the FATAL error; ``closed``, ``reset`` or ``silent`` when there was none; ``refused`` or another error of connect.
        status: The transaction status that the server told last; empty before the login was complete.
        answered: Whether an answer to the request under way had begun.
        waited_s: How long ago the request under way was sent; 0 when there was none.
    """

    def __init__(self, how: str, text: str, *, status: str = "", answered: bool = False, waited_s: float = 0.0) -> None:
        super().__init__(f"{how}: {text}")
        self.how, self.status, self.answered, self.waited_s = how, status, answered, waited_s


def make_tls() -> ssl.SSLContext:
    """TLS without a look at the certificate, which is the server's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Session(asyncio.Protocol):
    """One connection; made by `connect`, ended by `close` (or ``async with``).

    Attributes:
        status: The transaction status that the server told last: I, T or E.
        backend_pid: From BackendKeyData, for a CancelRequest.
        secret_key: The same.
    """

    def __init__(self) -> None:
        self.status = ""
        self.backend_pid = 0
        self.secret_key = b""
        self._transport: asyncio.Transport | None = None
        self._reader = frames.FrameReader()
        self._messages: deque[Message] = deque()
        self._untyped: asyncio.Future[bytes] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lost = ""
        self._lost_text = ""
        self._asked_at = 0.0
        self._answered = False

    @classmethod
    async def connect(cls, endpoint: Endpoint, database: str, tls: ssl.SSLContext | None) -> Self:
        """Connect and log in, up to the first ReadyForQuery.

        Raises:
            SessionEndedError: It did not work.
        """
        session = cls()
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                await session._open(endpoint, tls)
                await session._log_in(endpoint, database)
        except TimeoutError:
            session.abort()
            raise SessionEndedError("silent", f"not connected within {CONNECT_DEADLINE_S:.0f} s") from None
        except (OSError, ssl.SSLError) as error:
            session.abort()
            raise SessionEndedError(_how(error), str(error)) from error
        except BaseException:
            session.abort()
            raise
        return session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def ask(self, *messages: bytes, deadline_s: float = ANSWER_DEADLINE_S) -> list[Message]:
        """Send messages and read up to ReadyForQuery.

        Raises:
            StatementFailedError: An ERROR was among the answers.
            SessionEndedError: The session ended instead.
        """
        self.send(*messages)
        return [message async for message in self.answers(deadline_s)]

    async def rows(self, sql: str) -> list[list[str | None]]:
        """What a simple query returns."""
        return [frames.values(body) for kind, body in await self.ask(frames.query(sql)) if kind == b"D"]

    async def value(self, sql: str) -> str | None:
        """The first value of the first row."""
        return (await self.rows(sql))[0][0]

    def send(self, *messages: bytes) -> None:
        """Begin a request; its answers are read with `answers` or `read`."""
        self._asked_at, self._answered = time.monotonic(), False
        self._write(b"".join(messages))

    async def answers(self, deadline_s: float = ANSWER_DEADLINE_S) -> AsyncIterator[Message]:
        """The answers to what was sent, up to ReadyForQuery, each within the deadline.

        Raises:
            StatementFailedError: After ReadyForQuery, if there was an ERROR.
            SessionEndedError: The session ended instead.
        """
        failure: StatementFailedError | None = None
        while True:
            kind, body = await self.read(deadline_s)
            self._answered = True
            if kind == b"E":
                told = frames.error_fields(body)
                failure = StatementFailedError(told.get("C", ""), told.get("M", ""))
            yield kind, body
            if kind == b"Z":
                self.status, self._asked_at = body.decode(), 0.0
                break
        if failure is not None:
            raise failure

    async def read(self, deadline_s: float = ANSWER_DEADLINE_S) -> Message:
        """The next message that isn't an aside.

        Raises:
            SessionEndedError: A FATAL error, the end of the stream, or nothing within the deadline.
        """
        while True:
            while self._messages:
                kind, body = self._messages.popleft()
                if kind == b"E":
                    told = frames.error_fields(body)
                    if told.get("V") in {"FATAL", "PANIC"}:
                        raise self._ended(told.get("C", ""), told.get("M", ""))
                if kind not in _ASIDES:
                    return kind, body
            if self._lost:
                raise self._ended(self._lost, self._lost_text)
            try:
                async with asyncio.timeout(deadline_s):
                    await self._wait()
            except TimeoutError:
                raise self._ended("silent", f"no answer within {deadline_s:.0f} s") from None

    async def rest(self, seconds: float) -> None:
        """Be idle, unless the server ends the session.

        Raises:
            SessionEndedError: It did.
        """
        try:
            async with asyncio.timeout(seconds):
                kind, _ = await self.read(seconds + 1)
        except TimeoutError:
            return
        raise self._ended("broken", f"an unasked-for message {kind!r}")

    def pause(self) -> None:
        """Read no more bytes from the socket, as a slow client does."""
        if self._transport is not None and not self._lost:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._lost:
            self._transport.resume_reading()

    def close(self) -> None:
        """Say goodbye and hang up."""
        if self._transport is not None and not self._lost:
            self._write(frames.TERMINATE)
            self._transport.close()

    def abort(self) -> None:
        """Hang up without a word."""
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._untyped is not None:
            if not self._untyped.done():
                self._untyped.set_result(data)
            return
        self._messages.extend(self._reader.feed(data))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream has ended."""
        self._lost = "reset" if exc is not None else "closed"
        self._lost_text = str(exc) if exc is not None else "the server hung up without a word"
        if self._untyped is not None and not self._untyped.done():
            self._untyped.set_result(b"")
        self._wake()

    # ---- within

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._lost:
            self._transport.write(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _ended(self, how: str, text: str) -> SessionEndedError:
        waited_s = time.monotonic() - self._asked_at if self._asked_at else 0.0
        return SessionEndedError(
            how, text, status=self.status, answered=self._answered and bool(self._asked_at), waited_s=waited_s
        )

    async def _open(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, endpoint.host, endpoint.port)
        if tls is None:
            return
        self._untyped = loop.create_future()
        self._write(frames.SSL_REQUEST)
        answer = await self._untyped
        if answer != b"S":
            raise self._ended(self._lost or "broken", f"the answer to SSLRequest is {answer[:100]!r}")
        assert self._transport is not None
        transport = await loop.start_tls(self._transport, self, tls)
        if transport is None:
            raise self._ended(self._lost or "broken", "hung up in the TLS handshake")
        self._transport, self._untyped = transport, None

    async def _log_in(self, endpoint: Endpoint, database: str) -> None:
        self.send(frames.startup(endpoint.user, database))
        exchange = scram.Exchange(endpoint.keys)
        async for kind, body in self.answers(CONNECT_DEADLINE_S):
            if kind == b"K":
                self.backend_pid, self.secret_key = int.from_bytes(body[:4]), body[4:]
            if kind != b"R":
                continue
            asked = int.from_bytes(body[:4])
            if asked == _SASL:
                first = exchange.first()
                hello = scram.MECHANISM.encode() + b"\0" + len(first).to_bytes(4) + first
                self._write(frames.frame(b"p", hello))
            elif asked == _SASL_CONTINUE:
                self._write(frames.frame(b"p", exchange.final(body[4:])))
            elif asked == _SASL_FINAL:
                exchange.check(body[4:])


def _how(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "reset" if isinstance(error, ConnectionResetError) else "broken"


async def cancel(endpoint: Endpoint, backend_pid: int, secret_key: bytes, tls: ssl.SSLContext | None) -> None:
    """Send a CancelRequest on a connection of its own and wait for the server's close, as libpq does.

    Raises:
        SessionEndedError: The connection could not be made, or the server did not hang up in time.
    """
    session = Session()
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            await session._open(endpoint, tls)  # noqa: SLF001
            session.send(frames.cancel_request(backend_pid, secret_key))
            await session.read()
    except SessionEndedError as ended:
        if ended.how != "closed":
            raise
    except TimeoutError:
        raise SessionEndedError("silent", "a CancelRequest was not answered by a close") from None
    except OSError as error:
        raise SessionEndedError(_how(error), str(error)) from error
    finally:
        session.abort()
