"""Reads the tables of cases: ``formula ==> expectation -- reason``, one to a line.

An expectation is a value as a person writes it (``blank``, ``TRUE``, ``3.5``, ``"text"``, ``2024-02-29``,
``2024-02-29T10:00:00Z``, ``10:00:00``) or ``error``, ``type``, ``syntax`` or ``unknown`` with the position in
the source. A line that begins with ``[zero]`` or ``[blank]`` holds in that handling of blanks only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

from domain.formula import Blanks, ErrorKind, Value

CASES = Path(__file__).parent / "cases"

_KINDS = {
    "error": ErrorKind.VALUE,
    "type": ErrorKind.TYPE,
    "syntax": ErrorKind.SYNTAX,
    "unknown": ErrorKind.UNKNOWN,
}
_CONSTANTS: dict[str, Value] = {"blank": None, "TRUE": True, "FALSE": False}


@dataclass(frozen=True)
class Failure:
    """An error that is expected."""

    kind: ErrorKind
    position: int


@dataclass(frozen=True)
class Case:
    """One line of a table."""

    place: str
    modes: tuple[Blanks, ...]
    formula: str
    expected: Value | Failure
    reason: str


def cases() -> Iterator[Case]:
    """Read all tables."""
    for path in sorted(CASES.glob("*.txt")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line and not line.startswith("# "):
                yield _case(f"{path.stem}:{number}", line)


def _case(place: str, line: str) -> Case:
    modes: tuple[Blanks, ...] = ("zero", "blank")
    if line.startswith("[zero] "):
        modes, line = ("zero",), line.removeprefix("[zero] ")
    elif line.startswith("[blank] "):
        modes, line = ("blank",), line.removeprefix("[blank] ")
    formula, _, rest = line.rpartition(" ==> ")
    expected, _, reason = rest.rpartition(" -- ")
    return Case(place, modes, formula, _expected(expected), reason)


def _expected(text: str) -> Value | Failure:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    kind, _, position = text.partition("@")
    if kind in _KINDS:
        return Failure(_KINDS[kind], int(position))
    if text.startswith('"'):
        return text[1:-1]
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text)
    if "T" in text:
        return datetime.fromisoformat(text)
    return time.fromisoformat(text) if ":" in text else Decimal(text)
