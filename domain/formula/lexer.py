"""Cuts the source of a formula into tokens.

Source: Salesforce Help, "Elements of a Formula" and "Tips for Building Formulas" (comments).
"""

import re
from enum import StrEnum
from typing import NamedTuple

from domain.formula.errors import ErrorKind, FormulaError


class TokenKind(StrEnum):
    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    SYMBOL = "symbol"
    END = "end"


class Token(NamedTuple):
    kind: TokenKind
    text: str  #: as it will be used: text literals without quotes and escapes
    position: int


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\f\r\n]+ | /\*.*?\*/)
      | (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<text>"(?:\\[nrt"'\\]|[^"\\\n\r])*" | '(?:\\[nrt"'\\]|[^'\\\n\r])*')
      | (?P<name>[A-Za-z$][A-Za-z0-9_$:.\#]*)
      | (?P<symbol>\|\| | && | == | != | <> | <= | >= | /(?!\*) | [-=<>+&^*!(),])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\([\"\\])")


def tokenize(source: str) -> list[Token]:
    """Cut the source; the last token is always of kind END. Raises FormulaError on what is no token."""
    tokens = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise FormulaError(position, _complaint(source, position), ErrorKind.SYNTAX)
        if match.lastgroup != "blank":
            tokens.append(_token(match))
        position = match.end()
    tokens.append(Token(TokenKind.END, "", len(source)))
    return tokens


def _token(match: re.Match[str]) -> Token:
    kind = TokenKind(match.lastgroup or "")
    text = match.group()
    if kind is TokenKind.TEXT:
        text = _ESCAPE.sub(r"\1", text[1:-1])
    return Token(kind, text, match.start())


def _complaint(source: str, position: int) -> str:
    if source.startswith("/*", position):
        return "the comment is not closed"
    if source[position] in "\"'":
        return "the text is not closed on its line, or holds an unknown escape"
    return f"unexpected character {source[position]!r}"
