"""What a session's variables say about the text form of values.

The C form, :c:type:`Render`, is made by :func:`duckgres_tx.engine.encoder.make_render`.

Spec: runtime-config-client.html#RUNTIME-CONFIG-CLIENT-FORMAT
"""

from __future__ import annotations

from attrs import frozen


@frozen
class RenderOptions:
    """PostgreSQL's output variables, as canonical values.

    Attributes:
        time_zone: ``TimeZone``: a zone of the tz database, or a POSIX specification (``<+02>-02``).
        extra_float_digits: ``extra_float_digits``, -15 to 3. Above 0: the shortest text that reads back exactly.
        bytea_output: ``hex`` or ``escape``.
        interval_style: ``postgres``, ``postgres_verbose``, ``sql_standard`` or ``iso_8601``.
        date_style: Output style (``ISO``, ``SQL``, ``German`` or ``Postgres``) and field order, such as ``ISO, MDY``.
    """

    time_zone: str = "UTC"
    extra_float_digits: int = 1
    bytea_output: str = "hex"
    interval_style: str = "postgres"
    date_style: str = "ISO, MDY"
