"""Write docs/variables.md from the definitions in duckgres_tx/sql/guc_*.py: run it after a change to those."""

from __future__ import annotations

from pathlib import Path

from duckgres_tx.sql.guc_rules import shown_form
from duckgres_tx.sql.guc_table import SECTIONS, GucDefinition, Meaning, read_section

PAGE = Path(__file__).parent.parent / "docs" / "variables.md"

_HEAD = """\
# Parameters: SET and SHOW

<!-- Written by tools/update_variables.py from duckgres_tx/sql/guc_*.py; change it there. -->

`SET`, `SET LOCAL`, `RESET`, `SHOW`, `current_setting()` and the startup packet's parameters know PostgreSQL's own
parameters, with PostgreSQL's values, ranges, units and error messages. What a parameter does here is one of three things:

* **enforced**: the server acts on it.
* **remembered**: it is accepted and shown back, and changes nothing, because what it tunes isn't there (PostgreSQL's
  planner, its storage, its logs). No parameter that would change what a statement *means* is only remembered: values that
  this server can't honour are refused with SQLSTATE 0A000.
* **read-only**: it says how the server is. The server's configuration decides what isn't fixed.

As in PostgreSQL, `SET` ends with its transaction when that is rolled back, and `SET LOCAL` always does. Parameters of
extensions (`SET myapp.user = '7'`) are remembered. An unknown name is an error (42704). Parameters marked ● are reported
to the client by ParameterStatus, at login and on every change.

A parameter that only superusers may set in PostgreSQL is the same here (42501).

## DuckDB's settings

`SET` of a setting that DuckDB keeps per connection and that touches nobody else (`integer_division`, `default_null_order`,
`pivot_limit` …) goes to DuckDB; it isn't undone by ROLLBACK, and there is no SET LOCAL for it. `SHOW threads` shows any of
DuckDB's settings. `SET` of those that belong to the instance (`threads`, `memory_limit`, `enable_external_access` …) is
refused with 42501: they are the server configuration's.

`integer_division` is on for each session, as `5 / 2` is 2 in PostgreSQL; `SET integer_division = false` gives DuckDB's
2.5.
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, section in SECTIONS.items():
        rows = sorted(read_section(section), key=lambda each: each.key)
        parts.append(f"\n## {title}\n\n| parameter | default | here | effect |\n|---|---|---|---|\n")
        parts.extend(_row(definition) for definition in rows)
    return "".join(parts)


def _row(definition: GucDefinition) -> str:
    default = shown_form(definition, definition.default)
    effect = "" if definition.meaning is Meaning.READ_ONLY else definition.effect
    if definition.only:
        values = ", ".join(f"`{value}`" if value else "empty" for value in definition.only)
        effect = f"{effect}; other values than {values} are refused" if "refused" not in effect else effect
    name = f"`{definition.name}`{' ●' if definition.report else ''}"
    return f"| {name} | {f'`{default}`' if default else ''} | {definition.meaning.value} | {effect} |\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
