"""Messages of a client that doesn't speak UTF-8, converted on the border: inside everything is UTF-8.

A session in UTF-8 has none of this. What is ASCII is the same in all encodings and passes as it is; the rest costs a Python object
for each value.

Spec: multibyte.html#MULTIBYTE-AUTOMATIC-CONVERSION
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence

from duckgres_tx.wire import oids
from duckgres_tx.wire.encodings import Encoding
from duckgres_tx.wire.fields import int16, int32, spread, uint16, uint32
from duckgres_tx.wire.frames import FRAME_HEADER_BYTES, messages

__all__ = ["Transcoder"]

Conversion = Callable[[bytes], bytes]

_TEXTS = frozenset(
    {oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.CHAR, oids.UNKNOWN, oids.JSON, oids.XML, oids.UNSPECIFIED}
)
_ARRAYS_OF_TEXTS = frozenset(oids.ARRAYS[oid] for oid in _TEXTS if oid in oids.ARRAYS) | {oids.JSONB_ARRAY}
_ROWS = (b"D", b"d")
# In a RowDescription, behind a column's name.
_NUMBERS_OF_A_COLUMN = 18
_COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_COPY_HEADER_BYTES = len(_COPY_SIGNATURE) + 8
# How many strings a message of the client's has, and where the first one begins.
_STRINGS = {b"Q": (0, 1), b"P": (0, 2), b"B": (0, 2), b"D": (1, 1), b"C": (1, 1), b"E": (0, 1), b"f": (0, 1)}


class Transcoder:
    """Converts what goes over one connection.

    Which values of a row are text in the wire's sense is known from the last RowDescription, or told by `columns_are`.

    Args:
        encoding: The client's, one that can be converted.
    """

    __slots__ = ("_columns", "_copies_binary", "_copy_decoder", "_of_type", "encoding")

    def __init__(self, encoding: Encoding) -> None:
        assert encoding.codec is not None, "only what can be converted is spoken"  # noqa: S101
        self.encoding = encoding
        self._columns: tuple[Conversion | None, ...] | None = None
        self._copies_binary = False
        self._copy_decoder = codecs.getincrementaldecoder(encoding.codec)()
        self._of_type: Mapping[bytes, Conversion] = {
            b"D": self._row,
            b"T": self._row_description,
            b"E": self._told,
            b"N": self._told,
            b"S": self._told,
            b"C": self._told,
            b"G": self._copy_in_begins,
            b"H": self._copy_out_begins,
            b"d": self._copied,
        }

    def columns_are(self, type_oids: Sequence[int], formats: Sequence[int]) -> None:
        """Tell what the next rows are like.

        Args:
            type_oids: Of the columns.
            formats: 0 text, 1 binary; none: all text; one: it holds for all; else one for each column.
        """
        self._columns = tuple(
            _conversion(oid, code, self._text)
            for oid, code in zip(type_oids, spread(formats, len(type_oids)), strict=True)
        )

    # From the client

    def frame(self, type_byte: bytes, body: bytes) -> bytes:
        """The strings in a message; not the parameters of a Bind, nor CopyData.

        Raises:
            PgError: As `Encoding.to_server`.
        """
        if body.isascii() or type_byte not in _STRINGS:
            return body
        start, count = _STRINGS[type_byte]
        end = start
        for _ in range(count):
            end = body.find(0, end) + 1
            if not end:
                # it will be refused as it is
                return body
        return body[:start] + self.encoding.to_server(body[start:end]) + body[end:]

    def parameters(
        self, values: Sequence[bytes | None], formats: Sequence[int], type_oids: Sequence[int]
    ) -> list[bytes | None]:
        """Those of a Bind.

        Args:
            values: None is NULL.
            formats: As Bind has them.
            type_oids: Of the statement's parameters.

        Raises:
            PgError: As `Encoding.to_server`.
        """
        found: list[bytes | None] = []
        for value, oid, code in zip(values, type_oids, spread(formats, len(values)), strict=True):
            convert = None if value is None else _conversion(oid, code, self.encoding.to_server)
            found.append(value if value is None or convert is None or value.isascii() else convert(value))
        return found

    def copy_data(self, data: bytes) -> bytes:
        """A piece of a COPY in text or CSV, cut anywhere.

        Raises:
            PgError: As `Encoding.to_server`.
        """
        try:
            return self._copy_decoder.decode(data).encode()
        except UnicodeDecodeError as error:
            self.encoding.refuse(error)

    def copy_ends(self) -> None:
        """The client has sent all.

        Raises:
            PgError: 22021 when it ends within a character.
        """
        try:
            self._copy_decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            self.encoding.refuse(error)

    # To the client

    def messages(self, data: bytes) -> Iterator[bytes]:
        """Whole messages, each as the client reads it; those before one that fails have been given.

        Raises:
            PgError: 22P05 for a character that the client's encoding lacks.
        """
        # What begins with a row has nothing but rows.
        if data[:1] in _ROWS and data.isascii():
            yield data
            return
        for message in messages(data):
            convert = self._of_type.get(message[:1])
            if convert is None:
                yield message
            else:
                body = convert(message[FRAME_HEADER_BYTES:])
                yield message[:1] + (len(body) + 4).to_bytes(4) + body

    def _text(self, data: bytes) -> bytes:
        return self.encoding.to_client(data)

    def _told(self, body: bytes) -> bytes:
        """An error, a notice or a variable: strings, and bytes of ASCII before them."""
        return self.encoding.to_client(body, errors="replace")

    def _row_description(self, body: bytes) -> bytes:
        parts, position = [body[:2]], 2
        type_oids, formats = [], []
        for _ in range(uint16(body, 0)[0]):
            end = body.index(0, position) + 1
            parts.append(self._text(body[position:end]))
            position = end + _NUMBERS_OF_A_COLUMN
            parts.append(body[end:position])
            type_oids.append(uint32(body, end + 6)[0])
            formats.append(int16(body, position - 2)[0])
        self.columns_are(type_oids, formats)
        return b"".join(parts)

    def _row(self, body: bytes) -> bytes:
        return body if body.isascii() else b"".join(self._tuple(body, 0)[0])

    def _tuple(self, body: bytes, position: int) -> tuple[list[bytes], int]:
        """Int16(n) n*(Int32(len) Byten), converted, and the position behind it."""
        columns = self._columns
        count = uint16(body, position)[0]
        parts = [body[position : position + 2]]
        position += 2
        for index in range(count):
            end = position + 4 + max(0, int32(body, position)[0])
            value = body[position + 4 : end]
            convert = self._text if columns is None else columns[index] if index < len(columns) else None
            if convert is None or value.isascii():
                parts.append(body[position:end])
            else:
                value = convert(value)
                parts += (len(value).to_bytes(4), value)
            position = end
        return parts, position

    def _copy_in_begins(self, body: bytes) -> bytes:
        self._copy_decoder.reset()
        return body

    def _copy_out_begins(self, body: bytes) -> bytes:
        self._copies_binary = body[0] == 1
        return body

    def _copied(self, body: bytes) -> bytes:
        if not self._copies_binary:
            return self._text(body)
        position = _COPY_HEADER_BYTES if body.startswith(_COPY_SIGNATURE) else 0
        parts = [body[:position]]
        while position < len(body) and int16(body, position)[0] >= 0:
            more, position = self._tuple(body, position)
            parts += more
        return b"".join([*parts, body[position:]])


def _conversion(oid: int, format_code: int, convert: Conversion) -> Conversion | None:
    """What to do with a value of a type; None: nothing, its bytes are no text."""
    # What the engine has of users' types are enums, whose binary form is the label.
    if format_code == 0 or oid in _TEXTS or (oid >= oids.FIRST_OF_USERS and oid % 2 == 0):
        return convert
    if oid == oids.JSONB:
        return lambda value: value[:1] + convert(value[1:])
    if oid in _ARRAYS_OF_TEXTS or oid >= oids.FIRST_OF_USERS:
        return lambda value: _array(value, convert)
    return None


def _array(value: bytes, convert: Conversion) -> bytes:
    """Int32(dimensions) Int32(flags) Int32(element OID) dimensions*(Int32(size) Int32(lower bound)) n*(Int32(len) Byten)."""
    position = 12 + 8 * int32(value, 0)[0]
    parts = [value[:position]]
    while position < len(value):
        end = position + 4 + max(0, int32(value, position)[0])
        element = convert(value[position + 4 : end])
        parts += (value[position : position + 4] if end == position + 4 else len(element).to_bytes(4), element)
        position = end
    return b"".join(parts)
