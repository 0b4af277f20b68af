"""Writes what PostgreSQL answers into conversations of tests/conversations that say only what is sent, or for all anew.

    python tools/record_conversations.py [--all] tests/conversations/new.pt …

Exchanges that have no answers yet end with an empty line or a comment. An exchange is over when nothing has come for a moment.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "live")]

import conversation  # noqa: E402
import oracle  # noqa: E402
import raw  # noqa: E402

QUIET_S = 0.12


def record(client: raw.RawClient, path: Path, everything: bool) -> None:
    """Have a conversation with PostgreSQL and write it down."""
    lines = path.read_text().splitlines()
    for exchange in reversed(answered := [_ask(client, each, everything) for each in conversation.read(path, False)]):
        start = exchange.line - 1
        end = start + len(exchange.sent)
        while end < len(lines) and lines[end].startswith("<"):
            end += 1
        # the line that only ended the exchange
        if end < len(lines) and not lines[end]:
            end += 1
        lines[start:end] = [*(f"> {each}" for each in exchange.sent), *(f"< {each}" for each in exchange.expected)]
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.name}: {len(answered)} exchanges")


def _ask(client: raw.RawClient, exchange: conversation.Exchange, everything: bool) -> conversation.Exchange:
    if exchange.expected and not everything:
        conversation.run(client, exchange)
        return exchange
    client.send(*(conversation.encode(message) for message in exchange.sent))
    answers = [conversation.answer(client, exchange.fields)]
    client.socket.settimeout(QUIET_S)
    while answers[-1] != "End":
        try:
            answers.append(conversation.answer(client, exchange.fields))
        except TimeoutError:
            break
    client.socket.settimeout(20)
    return conversation.Exchange(exchange.line, exchange.sent, tuple(answers))


def main() -> None:
    """Start PostgreSQL, and talk."""
    paths = [Path(argument) for argument in sys.argv[1:] if argument != "--all"]
    with oracle.running() as server:
        for path in paths:
            with raw.RawClient(f"{server.socket_directory}/.s.PGSQL.5432") as client:
                client.login("postgres")
                record(client, path, everything="--all" in sys.argv)


if __name__ == "__main__":
    main()
