"""The start of a session as a raw client needs it: StartupMessage, cleartext password or SCRAM-SHA-256."""

from __future__ import annotations

import socket
import struct

from scramp import ScramClient

from benchmarks.endpoints import Endpoint

PROTOCOL_3_0 = 196608
AUTHENTICATION_OK = 0
AUTHENTICATION_CLEARTEXT = 3
AUTHENTICATION_SASL = 10
AUTHENTICATION_SASL_CONTINUE = 11
AUTHENTICATION_SASL_FINAL = 12


class ServerRefusedError(Exception):
    """The server answered with an ErrorResponse; the text holds severity, SQLSTATE and message."""


def message(kind: bytes, body: bytes) -> bytes:
    """One typed frontend message."""
    return kind + struct.pack("!I", len(body) + 4) + body


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """The next bytes of the stream, blocking up to the socket's timeout.

    Raises:
        ConnectionError: The server hung up first.
    """
    taken = bytearray()
    while len(taken) < size:
        block = connection.recv(size - len(taken))
        if not block:
            text = "the server closed the connection"
            raise ConnectionError(text)
        taken += block
    return bytes(taken)


def read_message(connection: socket.socket) -> tuple[bytes, bytes]:
    """The next backend message: its type and body.

    Raises:
        ServerRefusedError: It is an ErrorResponse.
    """
    header = read_exactly(connection, 5)
    body = read_exactly(connection, int.from_bytes(header[1:]) - 4)
    if header[:1] == b"E":
        raise ServerRefusedError(describe_error(body))
    return header[:1], body


def describe_error(body: bytes) -> str:
    """An ErrorResponse's fields on one line."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return f"{fields.get(b'S')} {fields.get(b'C')}: {fields.get(b'M')}"


def log_in(connection: socket.socket, endpoint: Endpoint) -> None:
    """Begin a session on a fresh connection and read up to the first ReadyForQuery."""
    parameters = f"user\0{endpoint.user}\0database\0{endpoint.database}\0\0".encode()
    connection.sendall(struct.pack("!II", len(parameters) + 8, PROTOCOL_3_0) + parameters)
    scram: ScramClient | None = None
    while True:
        kind, body = read_message(connection)
        if kind == b"Z":
            return
        if kind != b"R":
            continue
        request = int.from_bytes(body[:4])
        if request == AUTHENTICATION_CLEARTEXT:
            connection.sendall(message(b"p", endpoint.password.encode() + b"\0"))
        elif request == AUTHENTICATION_SASL:
            scram = ScramClient(["SCRAM-SHA-256"], endpoint.user, endpoint.password)
            first = scram.get_client_first().encode()
            connection.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first))
        elif request == AUTHENTICATION_SASL_CONTINUE and scram:
            scram.set_server_first(body[4:].decode())
            connection.sendall(message(b"p", scram.get_client_final().encode()))
        elif request == AUTHENTICATION_SASL_FINAL and scram:
            scram.set_server_final(body[4:].decode())
        elif request != AUTHENTICATION_OK:
            text = f"authentication request {request} is not one that this client knows"
            raise ServerRefusedError(text)
