"""The static types of the formula language and which of them go together."""

from collections.abc import Iterable
from enum import StrEnum


class Kind(StrEnum):
    """What an expression yields, known before any record is seen."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "date/time"
    TIME = "time"
    LOCATION = "location"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multi-select picklist"
    NULL = "null"  #: the literal NULL: fits every type
    ANY = "unknown"  #: an expression that we cannot evaluate: fits every type


PERCENT = "percent"

BY_DESCRIBE_TYPE = {
    **dict.fromkeys(("string", "textarea", "phone", "email", "url", "id", "reference"), Kind.TEXT),
    **dict.fromkeys(("encryptedstring", "combobox"), Kind.TEXT),
    **dict.fromkeys(("int", "double", "currency", PERCENT), Kind.NUMBER),
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "time": Kind.TIME,
    "picklist": Kind.PICKLIST,
    "multipicklist": Kind.MULTIPICKLIST,
}
"""Describe type -> kind; a type that is not here makes its field unknown."""

_WILD = frozenset({Kind.NULL, Kind.ANY})


def fits(kind: Kind, allowed: frozenset[Kind]) -> bool:
    return kind in allowed or kind in _WILD


def common(kinds: Iterable[Kind]) -> Kind | None:
    """Name the kind that all share, NULL and ANY aside; None if they do not share one."""
    present = set(kinds)
    known = present - _WILD
    if len(known) > 1:
        return None
    if known:
        return known.pop()
    return Kind.ANY if Kind.ANY in present else Kind.NULL
