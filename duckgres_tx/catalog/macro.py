"""A function of pg_catalog as a DuckDB macro."""

from __future__ import annotations

from attrs import frozen


@frozen
class Macro:
    """One function with its overloads.

    Attributes:
        name: As PostgreSQL has it.
        overloads: (parameters, body) each; templates as in ``relation.Relation``. DuckDB tells overloads apart by the
            number of their parameters.
        table: It gives rows and stands in FROM.
    """

    name: str
    overloads: tuple[tuple[str, str], ...]
    table: bool = False

    def create(self, schema: str) -> str:
        """The template of the CREATE MACRO."""
        kind = "TABLE " if self.table else ""
        definitions = ", ".join(f"({parameters}) AS {kind}({body})" for parameters, body in self.overloads)
        name = self.name if self.name.isidentifier() else f'"{self.name}"'
        return f"CREATE MACRO {schema}.{name}{definitions}"


def macro(name: str, *overloads: str) -> Macro:
    """A scalar macro; each overload is written ``parameters -> body``."""
    pairs = tuple(
        (parameters.strip(), body.strip()) for parameters, _, body in (text.partition("->") for text in overloads)
    )
    return Macro(name, pairs)


def lookup(fact: str, value: str, where: str, *columns: str) -> str:
    """A scalar subquery on one fact or table that an argument can't be mistaken in.

    A macro's argument may be an unqualified column (``pg_get_constraintdef(oid)``), which would be found in the
    subquery's own relation first. So that one's columns are renamed: ``oid`` becomes ``_oid``.

    Args:
        fact: The relation's template, such as ``{f}.constraints``.
        value: The expression to give, over the renamed columns.
        where: The condition, over the renamed columns and the arguments.
        columns: The relation's columns that the two use.
    """
    renamed = ", ".join(f"{column} AS _{column}" for column in columns)
    return f"(SELECT {value} FROM (SELECT {renamed} FROM {fact}) AS _fact WHERE {where})"


def constant(value: str, *parameter_lists: str) -> tuple[tuple[str, str], ...]:
    """Overloads that differ in their parameters and give the same."""
    return tuple((parameters, value) for parameters in parameter_lists)
