"""What a translation depends on beside the statement."""

from __future__ import annotations

from attrs import frozen


@frozen
class TranslationContext:
    """What a translation depends on beside the statement; equal contexts give equal translations.

    Attributes:
        catalog: The name under which the session's database is attached.
        date_order: How a date of three numbers in a constant is read: ``MDY``, ``DMY`` or ``YMD``.
        live: Read the catalogs live, not from their snapshot, as the session has uncommitted DDL or temporary objects.
        checks_divisors: Division by zero is an error, and that of integers gives integers; else it is DuckDB's.
        typed_parameters: The numbers of the parameters that the client has said the type of, where that matters (it divides).
        array_parameters: Of these, the ones that are arrays.
    """

    catalog: str = "postgres"
    live: bool = False
    date_order: str = "MDY"
    checks_divisors: bool = True
    typed_parameters: frozenset[int] = frozenset()
    array_parameters: frozenset[int] = frozenset()
