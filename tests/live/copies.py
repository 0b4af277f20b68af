"""COPY through psycopg, for the tests: what comes of it, or what the error says."""

from __future__ import annotations

import psycopg


def login(server):
    """How to reach the server with psycopg or psycopg2."""
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "dbname": "postgres",
    }


def copy_in(connection, statement, *pieces):
    """Copy; the number of rows, or what the error says."""
    with connection.cursor() as cursor:
        try:
            with cursor.copy(statement) as copy:
                for piece in pieces:
                    copy.write(piece)
        except psycopg.Error as error:
            told = error.diag
            return told.sqlstate, told.message_primary, told.message_detail, told.message_hint, told.context
        return cursor.rowcount


def copy_out(connection, statement):
    """Copy; the messages, or what the error says."""
    with connection.cursor() as cursor:
        try:
            with cursor.copy(statement) as copy:
                return [bytes(piece) for piece in copy]
        except psycopg.Error as error:
            told = error.diag
            return told.sqlstate, told.message_primary, told.message_detail, told.statement_position
