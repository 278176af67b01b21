"""Reads the tokens of a formula into its syntax tree.

The precedences are the platform's own: ``^`` binds looser than ``*`` and ``/``, so ``2*3^2`` is 36, and every
binary operator groups to the left.
"""

from decimal import Decimal

from domain.formula.errors import ErrorKind, FormulaError
from domain.formula.lexer import Token, TokenKind, tokenize
from domain.formula.nodes import Call, Literal, Name, Node, Operation

MAX_NESTING = 100
"""Parentheses, calls and signs inside each other; real formulas stay far below."""

_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("=", "==", "<>", "!="), 3),
    **dict.fromkeys(("<", ">", "<=", ">="), 4),
    **dict.fromkeys(("+", "-", "&"), 5),
    "^": 6,
    **dict.fromkeys(("*", "/"), 7),
}
_CANONICAL = {"==": "=", "!=": "<>", "!": "NOT"}
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


def parse_source(source: str) -> Node:
    """Parse a whole formula. Raises FormulaError where it stops being one."""
    return _Parser(tokenize(source)).formula()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    def formula(self) -> Node:
        node = self._expression(1)
        if self._peek().kind is not TokenKind.END:
            raise self._unexpected()
        return node

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._tokens[self._index]
        self._index += 1
        return token

    def _at(self, symbol: str) -> bool:
        token = self._peek()
        return token.kind is TokenKind.SYMBOL and token.text == symbol

    def _expect(self, symbol: str) -> None:
        if not self._at(symbol):
            raise self._unexpected(f", expected {symbol!r}")
        self._index += 1

    def _unexpected(self, hint: str = "") -> FormulaError:
        token = self._peek()
        found = "end of the formula" if token.kind is TokenKind.END else f"{token.kind} {token.text!r}"
        return FormulaError(token.position, f"unexpected {found}{hint}", ErrorKind.SYNTAX)

    def _expression(self, lowest: int) -> Node:
        left = self._unary()
        while (precedence := self._operator()) >= lowest:
            token = self._take()
            right = self._expression(precedence + 1)
            left = Operation(token.position, _CANONICAL.get(token.text, token.text), (left, right))
        return left

    def _operator(self) -> int:
        token = self._peek()
        return _PRECEDENCE.get(token.text, 0) if token.kind is TokenKind.SYMBOL else 0

    def _unary(self) -> Node:
        token = self._peek()
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise FormulaError(token.position, "the formula is nested too deeply", ErrorKind.UNKNOWN)
        node = self._signed() if _is_sign(token) else self._primary()
        self._depth -= 1
        return node

    def _signed(self) -> Node:
        token = self._take()
        symbol = _CANONICAL.get(token.text, token.text).upper()
        return Operation(token.position, symbol, (self._unary(),))

    def _primary(self) -> Node:
        token = self._peek()
        if token.kind is TokenKind.NUMBER:
            return Literal(self._take().position, Decimal(token.text))
        if token.kind is TokenKind.TEXT:
            return Literal(self._take().position, token.text)
        if token.kind is TokenKind.NAME:
            return self._named(self._take())
        if not self._at("("):
            raise self._unexpected(", expected a value")
        self._index += 1
        node = self._expression(1)
        self._expect(")")
        return node

    def _named(self, token: Token) -> Node:
        upper = token.text.upper()
        if upper in _CONSTANTS:
            return Literal(token.position, _CONSTANTS[upper])
        if self._at("("):
            return Call(token.position, upper, self._arguments())
        return Name(token.position, token.text)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._at(")"):
            if arguments and not self._at(","):
                raise self._unexpected(", expected ',' or ')'")
            self._index += bool(arguments)
            arguments.append(self._expression(1))
        self._expect(")")
        return tuple(arguments)


def _is_sign(token: Token) -> bool:
    if token.kind is TokenKind.NAME:
        return token.text.upper() == "NOT"
    return token.kind is TokenKind.SYMBOL and token.text in {"+", "-", "!"}
