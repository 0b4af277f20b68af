"""Texts of a session whose ``standard_conforming_strings`` is off, before anything else looks at them."""

from __future__ import annotations

from duckgres_tx.session.session import Session
from duckgres_tx.sql.escaped_strings import StandardText, standard_text


def standardize(session: Session, text: str) -> StandardText:
    """The text as it is with ``standard_conforming_strings``; the client is warned of what relies on its being off."""
    standard = standard_text(text)
    if session.acting.warns_of_escapes:
        for warning in standard.warnings():
            session.notice(warning)
    return standard
