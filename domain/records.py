"""Folding what a CRM shows of one record: a join, so neither order nor repetition matters.

Each field carries a version, (the CRM's stamp, the read's ticket). Older never overwrites newer, equal
changes nothing. A field nobody has read is absent: unknown, which is neither compared nor written.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from domain.events import RecordGone, RecordObserved
from domain.identity import Fields

T = TypeVar("T")

Version = tuple[int, int]
"""(modified stamp in epoch ms, ticket of the read)."""

NEVER: Version = (-1, -1)


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """All that is known of one CRM record."""

    values: Fields
    version: Version = NEVER  #: of every value that ``newer`` does not name
    newer: dict[str, Version] = {}  #: versions of single fields, above ``version`` or below it
    changed: dict[str, int] = {}  #: when a value was seen to change, epoch ms; settled fields are left out
    seen: Version = NEVER  #: of the newest look at the record as a whole
    gone: str = ""  #: why it is gone: ``deleted``, ``erased``, ``missing``, ``merged`` or ``converted``
    merged_into: str | None = None  #: the id that went on, if the record lost a merge


class Folded(msgspec.Struct, frozen=True, gc=False):
    """A record after a look at it, and what that look changed."""

    record: Record
    changes: Fields  #: fields whose known value became another, as they were
    learned: frozenset[str]  #: fields known for the first time


EMPTY = Record(values={})

_EXPLAINED = frozenset({"merged", "converted"})
"""Why a record went on under another id says more than that it is not there."""


DELETED = frozenset({"deleted", "missing"})
"""Why a record is gone for good; one that was merged or converted goes on as another."""


def version_of(record: Record, field: str) -> Version:
    """The version of a field's value; ``NEVER`` if the field is unknown."""
    if field not in record.values:
        return NEVER
    return record.newer.get(field, record.version)


def observe(record: Record, event: RecordObserved) -> Folded:
    """Fold one look at a record."""
    version, known, shown = (event.modified_at, event.ticket), record.values, event.fields
    newest = version > record.seen
    taken = shown if newest else _younger(record, shown, version)
    changes, learned = ({}, _NONE) if taken == known else _news(known, taken)
    covers = len(shown) - len(learned) == len(known)
    values, base, newer, changed = known, record.version, record.newer, record.changed
    if changes or learned:
        values = taken if covers and newest else {**known, **taken}
    if covers and (newest or version > base):
        base, newer = version, {} if newest else _above(newer, version)
    elif taken:
        newer = _noted(newer, taken, version)
    if changes:
        changed = _noted(changed, changes, event.modified_at)
    seen, gone, merged_into = _whole(record, event, version)
    return Folded(Record(values, base, newer, changed, seen, gone, merged_into), changes, learned)


_NONE: frozenset[str] = frozenset()
_UNKNOWN: Any = object()


def _news(known: Fields, taken: Fields) -> tuple[Fields, frozenset[str]]:
    """What the values were that became others, and the fields that are known for the first time."""
    if not known:
        return {}, frozenset(taken)
    changes: Fields = {}
    learned = []
    for field, value in taken.items():
        before = known.get(field, _UNKNOWN)
        if before != value:
            if before is _UNKNOWN:
                learned.append(field)
            else:
                changes[field] = before
    return changes, frozenset(learned) if learned else _NONE


def _younger(record: Record, shown: Fields, version: Version) -> Fields:
    """The shown values that are younger than what is known."""
    return {field: value for field, value in shown.items() if version > version_of(record, field)}


def _noted(moments: dict[str, T], fields: Iterable[str], moment: T) -> dict[str, T]:
    """The moments of single fields, with another one for some of them."""
    noted = moments.copy()
    for field in fields:
        noted[field] = moment
    return noted


def _above(newer: dict[str, Version], version: Version) -> dict[str, Version]:
    return {field: at for field, at in newer.items() if at > version}


def _whole(record: Record, event: RecordObserved, version: Version) -> tuple[Version, str, str | None]:
    """What is known of the record as a whole: the newest look at it, why it is gone, and into what."""
    if version >= record.seen:
        seen = version
    elif event.source == "read" and event.ticket > record.seen[1]:
        seen = (record.seen[0], event.ticket)
    else:
        return record.seen, record.gone, record.merged_into
    if event.merged_into:
        return seen, "merged", event.merged_into
    if record.gone in _EXPLAINED:
        return seen, record.gone, record.merged_into
    return seen, "deleted" if event.deleted else "", record.merged_into


def lose(record: Record, event: RecordGone) -> Record:
    """Fold the news that a record is not there any more. Being erased outlives every later look.

    A read that did not find the record has no stamp but the server's second: what counts is when it began.
    """
    version = (event.at, event.ticket)
    later = event.cause == "missing" and event.ticket > record.seen[1]
    if event.cause != "erased" and version < record.seen and not later:
        return record
    cause = record.gone if record.gone in _EXPLAINED and event.cause != "erased" else event.cause
    return msgspec.structs.replace(record, seen=max(version, record.seen), gone=cause)
