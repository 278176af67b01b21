"""Taking a person's values out of an archive: what holds any is written anew, and one manifest swaps all.

Until that manifest is published everything is as it was; afterwards nothing names the old files, and they are
swept up. All other events keep their places and their bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from domain.book import Table, decode, encode
from domain.erasing import blank, is_his
from domain.events import encode as encode_event
from domain.forgetting import forgotten
from domain.groups import Pointers
from domain.records import EMPTY
from domain.state import Contact
from workers.archive import manifest, segments, snapshots
from workers.archive.blocks import NOTHING, pack
from workers.archive.files import Files
from workers.archive.manifest import Manifest, Segment, Snapshot
from workers.archive.segments import Damaged, Place, Reading, WholeSegment, event_of, row_of
from workers.archive.snapshots import DECISIONS, QUEUE, Line
from workers.connection import position_of
from workers.store import START, Entry


class Person(NamedTuple):
    """Who is to be forgotten."""

    names: frozenset[str]  #: what his events are about
    keys: frozenset[str]  #: of his contact and his records, as tables have them
    addresses: frozenset[str]  #: that he ever had


def cleanse(files: Files, person: Person, folded: str) -> list[str]:
    """Write every file anew that holds values of his; returns which were replaced.

    ``folded``: the position up to which the log is; snapshots may be of a later one than it is archived to.

    Raises:
        Damaged: if a segment is; nothing was replaced.
    """
    while True:
        known = manifest.newest(files)
        number = known.number + 1
        following = replace(
            known,
            number=number,
            blanked=max(known.last, folded, key=position_of),
            segments=tuple(_segment(files, each, person, known.pointers, number) for each in known.segments),
            snapshots=tuple(
                left for each in known.snapshots if (left := _snapshot(files, each, person, number))
            ),
        )
        replaced = _replaced(known, following)
        if not replaced or manifest.publish(files, following):
            return replaced


def _replaced(known: Manifest, following: Manifest) -> list[str]:
    kept = {each.name for each in following.files()}
    return [each.name for each in known.files() if each.name not in kept]


# -- segments


def _segment(files: Files, segment: Segment, person: Person, known: Pointers, number: int) -> Segment:
    if not Reading(files, segment.file).holding(person.names):
        return segment
    entries = [*WholeSegment(files, segment).behind(position_of(START))]
    left = [cleansed_entry(entry, person.names, known) for entry in entries]
    if left == entries:
        return segment
    rows = [row_of(entry, known) for entry in left]
    return segments.write(files, rows, Place(number, segment.after), NOTHING)


def cleansed_entry(entry: Entry, names: frozenset[str], known: Pointers) -> Entry:
    """An entry without values of a person."""
    event = event_of(entry)
    if event is None or not is_his(event, names, known):
        return entry
    left = blank(event, known)
    return entry if left == event else Entry(entry.position, encode_event(left))


# -- snapshots


def _snapshot(files: Files, snapshot: Snapshot, person: Person, number: int) -> Snapshot | None:
    """What is left of a snapshot. A damaged one may tell of him, and what it held can be folded: it goes."""
    try:
        lines = [*snapshots.lines_in(files, snapshot)]
    except Damaged:
        return None
    left = [line for each in lines for line in _cleansed(each, person)]
    if left == lines:
        return snapshot
    name = f"{snapshots.FOLDER}/{number:09}_{snapshot.position}"
    return replace(snapshot, file=segments.store(files, name, pack(map(snapshots.row_of, left))))


def _cleansed(line: Line, person: Person) -> Iterator[Line]:
    """What is left of a line: itself, another, or nothing."""
    raw = line.value.encode("latin-1")
    if line.table == QUEUE:
        members = {name: at for name, at in line.members.items() if not _mentions(name, person.keys)}
        if members:
            yield replace(line, members=members)
    elif line.table == Table.CONTACTS and any(key in line.value for key in person.keys):
        contact = _without(decode(Table.CONTACTS, raw), person.keys)
        yield replace(line, value=encode(contact).decode("latin-1"))
    elif line.table == Table.MATCHES and line.key.partition("|")[2] in person.addresses:
        if keys := tuple(key for key in decode(Table.MATCHES, raw) if key not in person.keys):
            yield replace(line, value=encode(keys).decode("latin-1"))
    elif not _is_his(line, person.keys):
        yield line


def _without(contact: Contact, keys: frozenset[str]) -> Contact:
    """What is left of a contact that is his, or that had a record of his then: it is another one's by now."""
    if contact.id in keys or not keys.isdisjoint(contact.pair.values()):
        return forgotten(contact)
    his = {key: replace(EMPTY, gone="erased") for key in contact.records if key in keys}
    return replace(contact, records={**contact.records, **his})


def _is_his(line: Line, keys: frozenset[str]) -> bool:
    private = {Table.OUTBOX, Table.LETTERS, Table.READS, DECISIONS}
    return line.table in private and _mentions(line.key, keys)


def _mentions(text: str, keys: frozenset[str]) -> bool:
    """Whether a member of a queue, or the key of a row, is about one of these contacts or records."""
    parts = {*text.split("|"), "/".join(text.split("/")[-3:])}
    return not parts.isdisjoint(keys)
