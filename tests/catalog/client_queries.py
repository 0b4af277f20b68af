"""The clients' queries under ``queries/``: reading the files, and putting OIDs into the places that are kept for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

QUERIES = Path(__file__).parent / "queries"
_BLOCK = re.compile(r"^-- (?P<title>[^\n]*)\n(?P<sql>(?:(?!^;$).*\n)+?);$", re.MULTILINE)
_HOLE = re.compile(r"\{([a-z]\w*)\}")


@frozen
class ClientQuery:
    """One query of a client."""

    client: str
    title: str
    sql: str

    def with_oids(self, oid: Callable[[str], str]) -> str:
        """The query with each ``{name}`` replaced by the object's OID."""
        return _HOLE.sub(
            lambda match: match.group() if match.group(1) in ("r", "p", "f", "a") else oid(match.group(1)), self.sql
        )


def client_queries(client: str) -> list[ClientQuery]:
    """A file's queries."""
    text = (QUERIES / f"{client}.sql").read_text()
    # The first comment is about the file.
    body = text.split("\n\n", 1)[1]
    return [ClientQuery(client, match["title"], match["sql"].strip()) for match in _BLOCK.finditer(body)]


CLIENTS = sorted(path.stem for path in QUERIES.glob("*.sql"))
