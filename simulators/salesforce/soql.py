"""SOQL: text to a syntax tree (SOQL and SOSL reference, "SOQL SELECT Syntax")."""

import re
from dataclasses import dataclass

from simulators.salesforce.errors import ApiError
from simulators.salesforce.soql_tree import (
    Aggregate,
    All,
    Compare,
    Condition,
    Contained,
    Literal,
    Not,
    Order,
    Path,
    Query,
    Some,
    without_alias,
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:\\.|[^'\\])*')"""
    r"""|(?P<datetime>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d))"""
    r"""|(?P<date>\d{4}-\d\d-\d\d)|(?P<number>[+-]?\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_][\w.]*(?::\d+)?)|(?P<sign><=|>=|!=|<>|[=<>(),]))""",
)
_ESCAPE = re.compile(r"\\(.)")
_SPECIAL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"})
_CLAUSES = frozenset(
    {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "USING", "WITH"}
)
_OPERATORS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        ApiError: MALFORMED_QUERY.
    """
    parser = _Parser(text)
    query = parser.query()
    parser.end()
    return query


@dataclass(slots=True, frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read(text)
        self._at = 0

    def _read(self, text: str) -> list[_Token]:
        found, at = [], 0
        while text[at:].strip():
            matched = _TOKEN.match(text, at)
            if not matched or not matched.lastgroup:
                raise self._error(f"unexpected token: '{text[at:].strip()[:1]}'", at)
            kind = matched.lastgroup
            found.append(_Token(kind, matched[kind], matched.start(kind)))
            at = matched.end()
        return [*found, _Token("end", "<EOF>", len(text))]

    def _error(self, what: str, at: int) -> ApiError:
        return ApiError("MALFORMED_QUERY", f"\n{located(self._text, at)}\n{what}")

    def _unexpected(self) -> ApiError:
        token = self._tokens[self._at]
        if token.kind == "end":
            return ApiError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        return self._error(f"unexpected token: '{token.text}'", token.at)

    def _word(self, *words: str) -> str | None:
        """Take the next token if it is one of these words."""
        token = self._tokens[self._at]
        if token.kind == "name" and token.text.upper() in words:
            self._at += 1
            return token.text.upper()
        return None

    def _sign(self, *signs: str) -> str | None:
        token = self._tokens[self._at]
        if token.kind == "sign" and token.text in signs:
            self._at += 1
            return token.text
        return None

    def _need(self, taken: str | None) -> str:
        if taken is None:
            raise self._unexpected()
        return taken

    def _name(self) -> str:
        token = self._tokens[self._at]
        if token.kind != "name" or ":" in token.text:
            raise self._unexpected()
        self._at += 1
        return token.text

    def _number(self) -> int:
        token = self._tokens[self._at]
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected()
        self._at += 1
        return int(token.text)

    def end(self) -> None:
        if self._tokens[self._at].kind != "end":
            raise self._unexpected()

    def query(self) -> Query:
        self._need(self._word("SELECT"))
        query = Query()
        self._select(query)
        self._need(self._word("FROM"))
        query.source_column = self._tokens[self._at].at + 1
        query.source = self._name()
        alias = self._alias()
        if self._word("WHERE"):
            query.where = self._any()
        if self._word("GROUP"):
            self._need(self._word("BY"))
            query.group = self._paths()
        if self._word("HAVING"):
            query.having = self._any()
        if self._word("ORDER"):
            self._need(self._word("BY"))
            query.order = self._orders()
        self._tail(query)
        return without_alias(query, alias) if alias else query

    def _tail(self, query: Query) -> None:
        if self._word("LIMIT"):
            query.limit = self._number()
        if self._word("OFFSET"):
            query.offset = self._number()
        if self._word("ALL"):
            self._need(self._word("ROWS"))
        if self._word("FOR"):
            self._need(self._word("VIEW", "REFERENCE", "UPDATE"))

    def _alias(self) -> str | None:
        token = self._tokens[self._at]
        if token.kind == "name" and token.text.upper() not in _CLAUSES:
            self._at += 1
            return token.text
        return None

    def _select(self, query: Query) -> None:
        while True:
            self._item(query)
            if not self._sign(","):
                return

    def _item(self, query: Query) -> None:
        if self._sign("("):
            query.select.append(self.query())
            self._need(self._sign(")"))
            return
        if self._tokens[self._at].text.upper() == "FIELDS":
            query.fields_of = self._fields()
            return
        item = self._operand()
        alias = self._alias()
        if isinstance(item, Aggregate):
            item = Aggregate(item.function, item.path, alias)
        elif alias:
            query.aliases[item.text] = alias
        query.select.append(item)

    def _fields(self) -> str:
        self._at += 1
        self._need(self._sign("("))
        group = self._need(self._word("ALL", "STANDARD", "CUSTOM"))
        self._need(self._sign(")"))
        return group

    def _operand(self) -> Path | Aggregate:
        name = self._name()
        if name.upper() in _AGGREGATES and self._sign("("):
            path = None if self._sign(")") else Path(tuple(self._name().split(".")))
            if path is not None:
                self._need(self._sign(")"))
            elif name.upper() != "COUNT":
                raise self._unexpected()
            return Aggregate(name.upper(), path)
        return Path(tuple(name.split(".")))

    def _paths(self) -> list[Path]:
        found = [Path(tuple(self._name().split(".")))]
        while self._sign(","):
            found.append(Path(tuple(self._name().split("."))))
        return found

    def _orders(self) -> list[Order]:
        found = [self._order()]
        while self._sign(","):
            found.append(self._order())
        return found

    def _order(self) -> Order:
        path = self._operand()
        descending = self._word("ASC", "DESC") == "DESC"
        nulls = None
        if self._word("NULLS"):
            nulls = self._need(self._word("FIRST", "LAST")) == "LAST"
        return Order(path, descending, nulls)

    def _any(self) -> Condition:
        """Conditions joined by AND or by OR: mixing them without parentheses is an error, as in SOQL."""
        found = [self._one()]
        joiner = self._word("AND", "OR")
        chosen = joiner
        while joiner:
            found.append(self._one())
            joiner = self._word("AND", "OR")
            if joiner and joiner != chosen:
                self._at -= 1
                raise self._unexpected()
        if len(found) == 1:
            return found[0]
        return All(tuple(found)) if chosen == "AND" else Some(tuple(found))

    def _one(self) -> Condition:
        if self._word("NOT"):
            return Not(self._one())
        if self._sign("("):
            inner = self._any()
            self._need(self._sign(")"))
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        path = self._operand()
        if sign := self._sign(*_OPERATORS):
            return Compare(path, _OPERATORS[sign], self._literal())
        if self._word("LIKE"):
            return Compare(path, "LIKE", self._literal())
        negated = self._word("NOT")
        word = self._need(self._word("IN") if negated else self._word("IN", "INCLUDES", "EXCLUDES"))
        if isinstance(path, Aggregate):
            raise self._unexpected()
        self._need(self._sign("("))
        if self._tokens[self._at].text.upper() == "SELECT":
            contained = Contained(path, "NOT IN" if negated else word, (), self.query())
        else:
            contained = Contained(path, "NOT IN" if negated else word, self._literals())
        self._need(self._sign(")"))
        return contained

    def _literals(self) -> tuple[Literal, ...]:
        found = [self._literal()]
        while self._sign(","):
            found.append(self._literal())
        return tuple(found)

    def _literal(self) -> Literal:
        token = self._tokens[self._at]
        self._at += 1
        match token.kind:
            case "text":
                return Literal("text", _ESCAPE.sub(lambda c: _SPECIAL.get(c[1], c[1]), token.text[1:-1]))
            case "number":
                return Literal("number", float(token.text))
            case "date" | "datetime":
                return Literal(token.kind, token.text.upper())
            case "name":
                return self._word_literal(token)
            case _:
                pass
        self._at -= 1
        raise self._unexpected()

    def _word_literal(self, token: _Token) -> Literal:
        word = token.text.upper()
        if word in ("TRUE", "FALSE"):
            return Literal("boolean", word == "TRUE")
        if word == "NULL":
            return Literal("null", None)
        if re.fullmatch(
            r"(TODAY|YESTERDAY|TOMORROW|(THIS|LAST|NEXT)_(N_)?[A-Z_0-9]+(:\d+)?|N_DAYS_AGO:\d+)", word
        ):
            return Literal("relative", word)
        self._at -= 1
        raise self._unexpected()


def located(text: str, at: int) -> str:
    """The query around a position, with a mark below it, as error messages show it."""
    row = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1)
    line = text.split("\n")[row - 1]
    return f"{line}\n{' ' * column}^\nERROR at Row:{row}:Column:{column + 1}"
