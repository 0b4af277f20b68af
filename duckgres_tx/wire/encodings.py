"""The character sets that a client may speak, by PostgreSQL's names, and what is said of a character that one of them lacks.

The server's own is UTF-8. Names are compared as PostgreSQL does: letters and digits only, in any case.

Spec: multibyte.html#MULTIBYTE-CHARSET-SUPPORTED
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from attrs import frozen

from duckgres_tx.errors import PgError

__all__ = ["ENCODINGS", "NUMBERED", "SERVER_ENCODING", "SQL_ASCII", "Encoding", "find"]

SERVER_ENCODING = "UTF8"
# Bytes as they are: nothing is converted, and nothing checked but that it is UTF-8 all the same.
SQL_ASCII = "SQL_ASCII"


@frozen
class Encoding:
    """A client's character set.

    Attributes:
        name: PostgreSQL's.
        codec: Python's name for it; None when there is none, so that it can't be converted.
        single_byte: Every byte is a character, or none.
    """

    name: str
    codec: str | None
    single_byte: bool = False

    def to_server(self, data: bytes) -> bytes:
        """Text of the client's in UTF-8.

        Raises:
            PgError: 22021 for what is no text in this encoding, 22P05 for a character that Unicode lacks.
        """
        if data.isascii():
            return data
        assert self.codec is not None, "only what can be converted is spoken"  # noqa: S101
        try:
            return data.decode(self.codec).encode()
        except UnicodeDecodeError as error:
            self.refuse(error)

    def to_client(self, data: bytes, *, errors: str = "strict") -> bytes:
        """Text in UTF-8 as the client reads it.

        Args:
            data: It.
            errors: ``replace`` has "?" for what the client can't be told; for messages, which must not fail.

        Raises:
            PgError: 22P05 for a character that this encoding lacks.
        """
        if data.isascii():
            return data
        assert self.codec is not None, "only what can be converted is spoken"  # noqa: S101
        try:
            return data.decode().encode(self.codec, errors)
        except UnicodeEncodeError as error:
            raise self._untranslatable(error.object[error.start].encode(), SERVER_ENCODING, self.name) from error

    def refuse(self, error: UnicodeDecodeError) -> NoReturn:
        """Say what is wrong with what the client has sent."""
        sequence = error.object[error.start : max(error.end, error.start + 1)]
        if self.single_byte:
            raise self._untranslatable(sequence[:1], self.name, SERVER_ENCODING) from error
        raise PgError("22021", f'invalid byte sequence for encoding "{self.name}": {_shown(sequence)}') from error

    @staticmethod
    def _untranslatable(sequence: bytes, source: str, target: str) -> PgError:
        return PgError(
            "22P05",
            f'character with byte sequence {_shown(sequence)} in encoding "{source}" has no equivalent in encoding "{target}"',
        )


def _shown(sequence: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in sequence)


# PostgreSQL's name, Python's codec, other spellings.
_SINGLE_BYTE = """
    ISO_8859_5 iso8859_5
    ISO_8859_6 iso8859_6
    ISO_8859_7 iso8859_7
    ISO_8859_8 iso8859_8
    KOI8R koi8_r koi8
    KOI8U koi8_u
    LATIN1 iso8859_1 iso88591
    LATIN2 iso8859_2 iso88592
    LATIN3 iso8859_3 iso88593
    LATIN4 iso8859_4 iso88594
    LATIN5 iso8859_9 iso88599
    LATIN6 iso8859_10 iso885910
    LATIN7 iso8859_13 iso885913
    LATIN8 iso8859_14 iso885914
    LATIN9 iso8859_15 iso885915
    LATIN10 iso8859_16 iso885916
    WIN866 cp866 alt windows866
    WIN874 cp874 windows874
    WIN1250 cp1250 windows1250
    WIN1251 cp1251 win windows1251
    WIN1252 cp1252 windows1252
    WIN1253 cp1253 windows1253
    WIN1254 cp1254 windows1254
    WIN1255 cp1255 windows1255
    WIN1256 cp1256 windows1256
    WIN1257 cp1257 windows1257
    WIN1258 cp1258 windows1258 abc tcvn tcvn5712 vscii
"""
_MULTI_BYTE = """
    BIG5 cp950 win950 windows950
    EUC_CN gb2312
    EUC_JIS_2004 euc_jis_2004
    EUC_JP euc_jp
    EUC_KR euc_kr
    EUC_TW -
    GB18030 gb18030
    GBK gbk win936 windows936
    JOHAB johab
    MULE_INTERNAL -
    SHIFT_JIS_2004 shift_jis_2004
    SJIS cp932 mskanji shiftjis win932 windows932
    UHC cp949 win949 windows949
"""


def _read() -> dict[str, Encoding]:
    found = {"utf8": Encoding("UTF8", "utf-8"), "sqlascii": Encoding(SQL_ASCII, None)}
    found["unicode"] = found["utf8"]
    for table, single_byte in ((_SINGLE_BYTE, True), (_MULTI_BYTE, False)):
        for line in table.split("\n"):
            if words := line.split():
                name, codec, *others = words
                encoding = Encoding(name, None if codec == "-" else codec, single_byte)
                found |= {_plain(spelling): encoding for spelling in (name, *others)}
    return found


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


# In the order of PostgreSQL's numbers (pg_enc in pg_wchar.h), from 0.
_NUMBERED = """
    SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8
    LATIN9 LATIN10 WIN1256 WIN1258 WIN866 WIN874 KOI8R WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 WIN1250
    WIN1253 WIN1254 WIN1255 WIN1257 KOI8U SJIS BIG5 GBK UHC GB18030 JOHAB SHIFT_JIS_2004
"""
NUMBERED = tuple(_NUMBERED.split())
# By their plain names.
ENCODINGS: Mapping[str, Encoding] = _read()


def find(name: str) -> Encoding | None:
    """The encoding that a name means; None for one that PostgreSQL doesn't know as a client's either."""
    return ENCODINGS.get(_plain(name))
