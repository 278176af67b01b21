"""Folding what a CRM shows of one record: a join, so neither order nor repetition matters.

Each field carries a version, (the CRM's stamp, the read's ticket). Older never overwrites newer, equal
changes nothing. A field nobody has read is absent: unknown, which is neither compared nor written.
"""

from typing import NamedTuple

import msgspec

from domain.events import RecordGone, RecordObserved
from domain.identity import Fields, FieldValue

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


class Change(NamedTuple):
    """A known value that an observation replaced by another."""

    before: FieldValue
    after: FieldValue


class Folded(NamedTuple):
    """A record after a look at it, and what that look changed."""

    record: Record
    changes: dict[str, Change]  #: fields whose known value became another
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
    version = (event.modified_at, event.ticket)
    covers = version > record.version and event.fields.keys() >= record.values.keys()
    if covers and not record.newer:
        return _replace_all(record, event, version)
    values, newer = dict(record.values), dict(record.newer)
    changes: dict[str, Change] = {}
    learned: list[str] = []
    for field, value in event.fields.items():
        if version <= version_of(record, field):
            continue
        if field not in values:
            learned.append(field)
        elif values[field] != value:
            changes[field] = Change(values[field], value)
        values[field] = value
        newer[field] = version
    base = record.version
    if covers:
        base, newer = version, {field: at for field, at in newer.items() if at > version}
    return Folded(_looked(record, event, version, values, base, newer, changes), changes, frozenset(learned))


def _replace_all(record: Record, event: RecordObserved, version: Version) -> Folded:
    """Fold a look that covers every known field and is younger than all of them: the usual case."""
    known, shown = record.values, event.fields
    if known == shown:
        return Folded(_looked(record, event, version, known, version, {}, {}), {}, _NONE)
    changes = {
        field: Change(before, value)
        for field, value in (shown.items() if known else ())
        if (before := known.get(field, value)) != value
    }
    learned = frozenset(shown.keys() - known.keys()) if len(shown) > len(known) else _NONE
    return Folded(_looked(record, event, version, shown, version, {}, changes), changes, learned)


_NONE: frozenset[str] = frozenset()


def _looked(
    record: Record,
    event: RecordObserved,
    version: Version,
    values: Fields,
    base: Version,
    newer: dict[str, Version],
    changes: dict[str, Change],
) -> Record:
    """The record with new values, and, if this is the newest look at it as a whole, whether it is there."""
    changed = record.changed
    if changes:
        changed = {**changed, **dict.fromkeys(changes, event.modified_at)}
    seen, gone, merged_into = record.seen, record.gone, record.merged_into
    if version >= seen or (event.source == "read" and event.ticket > seen[1]):
        seen = max(version, (seen[0], event.ticket))
        gone = _absence(record, event)
        merged_into = event.merged_into or merged_into
    return Record(values, base, newer, changed, seen, gone, merged_into)


def _absence(record: Record, event: RecordObserved) -> str:
    """Why a record that was just looked at is not there; a conversion and a merge are for ever."""
    if event.merged_into:
        return "merged"
    if record.gone in _EXPLAINED:
        return record.gone
    return "deleted" if event.deleted else ""


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
