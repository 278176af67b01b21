"""Picklists: compared by API value with literals, never bare.

Source: Salesforce Help, "Formula Operators and Functions": ISPICKVAL, INCLUDES, PICKLISTCOUNT; "Tips for
Using Picklist Formula Fields".
"""

from decimal import Decimal

from domain.formula.errors import ErrorKind, Fault
from domain.formula.functions import Build, Function, check_count, check_kind, settled
from domain.formula.kinds import Kind
from domain.formula.logic import demand_text_literal
from domain.formula.nodes import Call
from domain.formula.typed import Scope, Typed, lenient

_PICKLIST = frozenset({Kind.PICKLIST})
_MULTIPICKLIST = frozenset({Kind.MULTIPICKLIST})


def _is_pick_value(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    check_count(call, 2, 2)
    check_kind(call, arguments[0], _PICKLIST)
    demand_text_literal(call, arguments[1])
    return settled(call, Kind.BOOLEAN, arguments, lenient, lambda value, literal: value == literal)


def _includes(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    check_count(call, 2, 2)
    check_kind(call, arguments[0], _MULTIPICKLIST)
    demand_text_literal(call, arguments[1])
    return settled(call, Kind.BOOLEAN, arguments, lenient, includes)


def includes(chosen: str | None, wanted: str | None) -> bool:
    """Look for one value among those chosen; what an empty literal matches is not documented."""
    if wanted is None:
        raise Fault("what INCLUDES makes of an empty text is not documented", ErrorKind.UNKNOWN)
    return wanted in _split(chosen)


def picklist_count(chosen: str | None) -> Decimal:
    return Decimal(len(_split(chosen)))


def _split(chosen: str | None) -> list[str]:
    return [] if chosen is None else [value for value in chosen.split(";") if value]


FUNCTIONS: dict[str, Build] = {
    "ISPICKVAL": _is_pick_value,
    "INCLUDES": _includes,
    "PICKLISTCOUNT": Function(picklist_count, (_MULTIPICKLIST,), Kind.NUMBER, style=lenient),
}
