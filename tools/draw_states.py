"""Writes the diagram and the table of states in docs/protocol.md from duckgres_tx/wire/state.py.

python tools/draw_states.py
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from duckgres_tx.wire.state import BUSY, DISCARDED, PACKETS, SENT, TAKEN_UP, State

TARGET = Path(__file__).resolve().parent.parent / "docs" / "protocol.md"
BEGIN = "<!-- drawn by tools/draw_states.py from duckgres_tx/wire/state.py, do not edit -->\n"
END = "<!-- end of what is drawn -->\n"


def steps() -> Iterator[tuple[State, State, str]]:
    """Every way from a state to another: from, to, the message; what the server says has a `<` before it."""
    for packet, target in PACKETS.items():
        yield State.STARTUP, target, packet.__name__
    for state in State:
        for taken, target in TAKEN_UP.get(state, {}).items():
            yield state, target, taken.__name__
        for said, target in SENT.get(state, {}).items():
            yield state, target, f"< {said.__name__}"


def diagram() -> str:
    """The states and what leads from one to another, in Mermaid's language. What stays is left to the table."""
    labels: dict[tuple[State, State], list[str]] = defaultdict(list)
    for start, end, label in steps():
        if start is not end and end is not State.CLOSED:
            labels[start, end].append(label)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.STARTUP.name}"]
    for (start, end), names in labels.items():
        lines.append(f"    {start.name} --> {end.name}: {', '.join(names)}")
    lines.append("```")
    return "\n".join(lines)


def _names(classes: Iterable[type]) -> str:
    return ", ".join(sorted(each.__name__ for each in classes))


def table() -> str:
    """State by state: its meaning, what is taken up, what is discarded."""
    lines = ["| state | meaning | taken up | discarded |", "|---|---|---|---|"]
    for state in State:
        taken = _names(PACKETS if state is State.STARTUP else TAKEN_UP.get(state, ()))
        if state in BUSY:
            taken = "*nothing: the client has no turn, its messages wait*"
        lines.append(f"| {state.name} | {state.value} | {taken} | {_names(DISCARDED.get(state, ()))} |")
    return "\n".join(lines)


def draw() -> str:
    """All that stands between the two marks."""
    return f"\n{diagram()}\n\n{table()}\n\n"


def main() -> None:
    """Replace what stands between the marks."""
    head, rest = TARGET.read_text().split(BEGIN)
    TARGET.write_text(head + BEGIN + draw() + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
