"""Where a server listens and who may enter: what every client of the benchmark needs to know."""

from __future__ import annotations

import os

import psycopg
from attrs import evolve, frozen

CONNECT_TIMEOUT_S = 30


@frozen
class Endpoint:
    """A server's address on this machine with a user's login.

    ``sslmode`` is libpq's: ``disable`` for plain text, ``require`` for TLS.
    """

    label: str
    port: int
    user: str
    password: str
    database: str
    host: str = "127.0.0.1"
    sslmode: str = "disable"

    def using(self, *, database: str | None = None, sslmode: str | None = None) -> Endpoint:
        """The same server, another database or another way to it."""
        return evolve(self, database=database or self.database, sslmode=sslmode or self.sslmode)

    def conninfo(self) -> str:
        """Libpq's connection string."""
        return psycopg.conninfo.make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.database,
            sslmode=self.sslmode,
            gssencmode="disable",
            connect_timeout=CONNECT_TIMEOUT_S,
        )

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A psycopg connection in autocommit mode; the caller closes it."""
        return psycopg.connect(self.conninfo(), autocommit=True)

    def environment(self) -> dict[str, str]:
        """The environment for libpq's programs (pgbench, psql): the password stays off their command lines."""
        return {
            **os.environ,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGSSLMODE": self.sslmode,
            "PGGSSENCMODE": "disable",
            "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S),
        }
