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


class Record(msgspec.Struct, frozen=True, array_like=True):
    """All that is known of one CRM record."""

    values: Fields
    version: Version = NEVER  #: of every value that ``newer`` does not name
    newer: dict[str, Version] = {}  #: versions of single fields, above ``version`` or below it
    changed: dict[str, int] = {}  #: when a value was changed by somebody, epoch ms; only unsettled fields
    seen: Version = NEVER  #: of the newest look at the record as a whole
    gone: str = ""  #: why the record is not there any more (``deleted``, ``erased``, ``missing``, ``merged``)
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


def version_of(record: Record, field: str) -> Version:
    """The version of a field's value; ``NEVER`` if the field is unknown."""
    if field not in record.values:
        return NEVER
    return record.newer.get(field, record.version)


def observe(record: Record, event: RecordObserved) -> Folded:
    """Fold one look at a record."""
    version = (event.modified_at, event.ticket)
    values, newer, changed = dict(record.values), dict(record.newer), record.changed
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
    if changes:
        changed = {**changed, **dict.fromkeys(changes, event.modified_at)}
    folded = Record(values, record.version, newer, changed, record.seen, record.gone, record.merged_into)
    return Folded(_whole(_compact(folded, event, version), event, version), changes, frozenset(learned))


def _compact(record: Record, event: RecordObserved, version: Version) -> Record:
    """Let a look that covers every field set the common version; exceptions shrink to what differs."""
    if version <= record.version or not event.fields.keys() >= record.values.keys():
        return record
    newer = {field: at for field in record.values if (at := version_of(record, field)) != version}
    return msgspec.structs.replace(record, version=version, newer=newer)


def _whole(record: Record, event: RecordObserved, version: Version) -> Record:
    if version < record.seen:
        return record
    gone = "merged" if event.merged_into else "deleted" if event.deleted else ""
    return msgspec.structs.replace(record, seen=version, gone=gone, merged_into=event.merged_into)


def lose(record: Record, event: RecordGone) -> Record:
    """Fold the news that a record is not there any more. Being erased outlives every later look."""
    version = (event.at, event.ticket)
    if event.cause != "erased" and version < record.seen:
        return record
    return msgspec.structs.replace(record, seen=max(version, record.seen), gone=event.cause)
