"""The syntax tree of a formula. Every node knows where it stands in the source."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, TRUE, FALSE or NULL; an empty text is kept as ``""``."""

    position: int
    value: Decimal | str | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A field, a parent's field (``Account.Name``) or a global one (``$User.Id``), as spelled."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One or two operands; the symbol is canonical (``=``, ``<>``, ``NOT``), the position is its own."""

    position: int
    symbol: str
    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name in capitals."""

    position: int
    name: str
    arguments: tuple["Node", ...]


Node = Literal | Name | Operation | Call
