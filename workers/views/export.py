"""Sync errors as CSV, for whoever mends the data: the CRMs' messages, but no field's value."""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from domain.wire import instant
from workers.views.letters import LetterView

COLUMNS = (
    "contact",
    "crm",
    "reason",
    "code",
    "category",
    "cause",
    "remedy",
    "message",
    "fields",
    "at",
    "attempts",
    "letter",
)


def write_csv(file: TextIO, letters: Iterable[LetterView]) -> None:
    """Write a heading and a line for each error."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for letter in letters:
        writer.writerow(_harmless(cell) for cell in _row(letter))


def _row(each: LetterView) -> Iterator[str]:
    yield from (each.entity, each.crm, each.reason, each.code, each.category, each.cause, each.remedy)
    at = instant(each.at)[:19].replace("T", " ")
    yield from (each.message, ", ".join(sorted(each.fields)), at, str(each.attempts), each.key)


def _harmless(cell: str) -> str:
    """A spreadsheet takes what begins with these for a formula, and a CRM's message may begin with any."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
