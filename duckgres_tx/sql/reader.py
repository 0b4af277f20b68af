"""Reading a statement token by token, for the small grammars of the session's own statements."""

from __future__ import annotations

from typing import NoReturn

from attrs import define

from duckgres_tx.errors import PgError
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, Token, string_value


@define
class TokenReader:
    """A place in a statement; every ``take_…`` moves on or raises PostgreSQL's syntax error with its position."""

    statement: SourceStatement
    index: int = 0

    @property
    def at_end(self) -> bool:
        """Whether all tokens are read."""
        return self.index >= len(self.statement.tokens)

    @property
    def token(self) -> Token | None:
        """The next token."""
        return None if self.at_end else self.statement.tokens[self.index]

    def peek(self, *words: str, ahead: int = 0) -> bool:
        """Whether the next token (or the one ``ahead`` of it) is one of these keywords."""
        index = self.index + ahead
        return index < len(self.statement.tokens) and self.statement.tokens[index].is_word(*words)

    def peek_text(self, text: str) -> bool:
        """Whether the next token is this operator or punctuation."""
        token = self.token
        return token is not None and token.text == text

    def accept(self, *words: str) -> str:
        """Read one of these keywords if it comes next; the keyword, or an empty string."""
        token = self.token
        if token is not None and token.is_word(*words):
            self.index += 1
            return token.word
        return ""

    def accept_all(self, *words: str) -> bool:
        """Read these keywords if all of them come next, in this order."""
        if all(self.peek(word, ahead=ahead) for ahead, word in enumerate(words)):
            self.index += len(words)
            return True
        return False

    def accept_text(self, text: str) -> bool:
        """Read this operator or punctuation if it comes next."""
        if self.peek_text(text):
            self.index += 1
            return True
        return False

    def take(self, *words: str) -> str:
        """Read one of these keywords."""
        word = self.accept(*words)
        if not word:
            self.fail()
        return word

    def take_text(self, text: str) -> None:
        """Read this operator or punctuation."""
        if not self.accept_text(text):
            self.fail()

    def take_name(self) -> str:
        """Read an identifier: folded to lower case unless quoted."""
        token = self.token
        if token is None or not token.name:
            self.fail()
        self.index += 1
        return token.name

    def take_qualified_name(self) -> tuple[str, ...]:
        """Read ``a.b.c``."""
        parts = [self.take_name()]
        while self.accept_text("."):
            parts.append(self.take_name())
        return tuple(parts)

    def take_string(self) -> str:
        """Read a string constant; its value."""
        token = self.token
        if token is None or token.kind is not Kind.STRING:
            self.fail()
        self.index += 1
        return string_value(token.text)

    def accept_integer(self) -> int | None:
        """Read a signed integer if one comes next."""
        token, sign, ahead = self.token, 1, 0
        if token is not None and token.text in ("-", "+"):
            sign, ahead = (-1 if token.text == "-" else 1), 1
        index = self.index + ahead
        if index < len(self.statement.tokens) and self.statement.tokens[index].text.isdecimal():
            self.index = index + 1
            return sign * int(self.statement.tokens[index].text)
        return None

    def rest(self) -> SourceStatement:
        """All that isn't read yet, as a statement of its own; reads it."""
        if self.at_end:
            self.fail()
        tokens = self.statement.tokens[self.index :]
        start = tokens[0].start
        self.index = len(self.statement.tokens)
        moved = tuple(Token(t.kind, t.text, t.start - start, t.end - start, t.word) for t in tokens)
        return SourceStatement(self.statement.text[start:], self.statement.offset + start, moved)

    def finish(self) -> None:
        """Make sure that nothing is left.

        Raises:
            PgError: 42601 at the first token that is left.
        """
        if not self.at_end:
            self.fail()

    def fail(self) -> NoReturn:
        """Refuse the next token as PostgreSQL's parser does.

        Raises:
            PgError: 42601; its position counts in the whole query string.
        """
        token = self.token
        if token is None:
            raise PgError(
                "42601",
                "syntax error at end of input",
                position=self.statement.offset + len(self.statement.text.rstrip()) + 1,
            )
        raise PgError(
            "42601",
            f'syntax error at or near "{token.text}"',
            position=self.statement.offset + token.start + 1,
        )
