"""What a translation depends on beside the statement."""

from __future__ import annotations

from attrs import frozen


@frozen
class TranslationContext:
    """What a translation depends on beside the statement; equal contexts give equal translations.

    Attributes:
        catalog: The name under which the session's database is attached.
        live: Read the catalogs live, not from their snapshot, as the session has uncommitted DDL or temporary objects.
    """

    catalog: str = "postgres"
    live: bool = False
