"""A log folded group by group is the log folded in its order, or it is noticed that it cannot be."""

from array import array
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book import CONNECTION_KEY, Changes, Table, decode
from domain.events import AnyEvent, Paused, SuspensionCleared, TargetRefused, encode
from domain.parts import Part, unite
from domain.state import Connection
from domain.surveying import EVERYBODY, Split
from tests.domain.crms import HS, SECTION, SF, Life, Store
from tests.domain.lives import DELETIONS, QUIET_ACTS, TURNS, WORK_ACTS, Act, pairs, replay
from tests.domain.test_groups import KNOWN, lived, look, splitting
from tests.domain.test_laws import SETTINGS, acts
from workers.archive.snapshots import (
    Line,
    changes_of,
    lines_of,
    names_in,
    queue_lines,
    queues_of,
    rows_of,
)
from workers.clock import ManualClock
from workers.folding import ByGroup, InOrder
from workers.storage.memory import MemoryLog, MemoryTables
from workers.store import START, Entry

GUARDED = msgspec.structs.replace(
    SECTION, delete_in_hubspot=("Lead", "Contact"), guards={"creates": 3, "deletes": 1, "blanked": 6}
)


SHARES = st.just(0.0) | st.floats(0, 1)
"""How much of the log is left behind, with what it came to kept: often nothing."""

ROOMS = st.sampled_from([0, 2_000, 1_000_000])
"""Bytes of events that wait for each other: none, some, all."""


def log_of(life: Life) -> MemoryLog:
    """A log that holds what the events name."""
    log = MemoryLog(ManualClock())
    log.append([], {name: msgspec.json.encode(plain) for name, plain in life.documents.items()})
    return log


class Cut(NamedTuple):
    """A log, and what is kept of its beginning."""

    life: Life
    rows: list[Line]  #: that the events before came to
    entries: list[Entry]

    def split(self, parts: int, stretches: int = 3) -> Split:
        names = [names_in(row, KNOWN) for row in self.rows]
        return splitting(self.life, parts, stretches, names, len(self.life.log) - len(self.entries))

    def begun(self, owners: bytes, number: int) -> MemoryTables:
        """Tables with the rows of a part."""
        tables = MemoryTables()
        mine = (row for row, owner in zip(self.rows, owners, strict=True) if owner == number)
        assert tables.commit(START, START, changes_of(mine))
        return tables


def cut(life: Life, share: float = 0.0) -> Cut:
    """A life of which the state after some share of the log is kept."""
    entries = [Entry(position, encode(event)) for position, event in life.log]
    at = int(share * len(entries))
    tables = in_order(life, MemoryTables(), entries[:at])
    lines = [*queue_lines(queues_of(tables), frozenset()), *lines_of(tables)]
    return Cut(life, [*rows_of(lines)], entries[at:])


def in_order(life: Life, tables: MemoryTables, entries: list[Entry], room: int = 1_000_000) -> MemoryTables:
    folding = InOrder(log_of(life), room, tables)
    for each in entries:
        folding.take([each])
    folding.put_by()
    return tables


def folded(log: Cut, found: Split, number: int, room: int) -> tuple[Part, Changes]:
    begun, behind = found.parts[: len(log.rows)], slice(len(log.rows), None)
    tables, common = log.begun(begun, number), log.begun(begun, EVERYBODY)
    folding = ByGroup(log_of(log.life), number, room, lambda _: None, tables, common)
    for each in zip(log.entries, found.parts[behind], found.groups[behind], strict=True):
        folding.take([each])
    return folding.part(), folding.tables.contents()


def by_group(log: Cut, found: Split, parts: int, room: int = 1_000_000) -> list[Changes] | None:
    made = [folded(log, found, number, room) for number in range(parts)]
    raw = log.begun(found.parts[: len(log.rows)], EVERYBODY).fetch(Table.META, [CONNECTION_KEY])[0]
    common = unite([part for part, _ in made], decode(Table.META, raw) if raw else Connection())
    return None if common is None else [*(contents for _, contents in made), common]


def image(whole: list[Changes]) -> dict[str, Any]:
    store = Store()
    for changes in whole:
        store.commit(changes)
    return store.image()


def whole(life: Life) -> dict[str, Any]:
    return replay(life, [len(life.log)], reload=False).image()


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, longest=60), st.integers(1, 4), st.integers(1, 6), ROOMS, SHARES)
@settings(max_examples=200, **SETTINGS)
def test_groups_that_are_folded_by_themselves_make_what_the_log_makes_in_its_order(
    happening: list[Act], parts: int, stretches: int, room: int, share: float
) -> None:
    life = lived(happening)
    log = cut(life, share)
    made = by_group(log, log.split(parts, stretches), parts, room)
    assert made is not None
    assert image(made) == whole(life)


@given(
    acts(*QUIET_ACTS, *WORK_ACTS, *DELETIONS, "new_hubspot", "new_lead", longest=60),
    st.integers(1, 4),
    ROOMS,
    SHARES,
)
@settings(max_examples=100, **SETTINGS)
def test_guards_either_let_the_groups_be_put_together_or_tell_that_they_cannot(
    happening: list[Act], parts: int, room: int, share: float
) -> None:
    life = lived(happening, section=GUARDED)
    log = cut(life, share)
    made = by_group(log, log.split(parts), parts, room)
    assert made is None or image(made) == whole(life)


@given(
    acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), st.integers(1, 2), ROOMS, SHARES, st.randoms(use_true_random=False)
)
@settings(max_examples=200, **SETTINGS)
def test_groups_that_were_not_independent_are_never_taken_for_the_whole(
    happening: list[Act], parts: int, room: int, share: float, random: Any
) -> None:
    """Even if somebody were to split at random."""
    life = lived(happening)
    log = cut(life, share)
    found = log.split(2)
    groups = array("l", (each if each < 0 else random.randrange(4) for each in found.groups))
    found = Split(bytes(each % parts if each >= 0 else EVERYBODY for each in groups), groups)
    made = by_group(log, found, parts, room)
    assert made is None or image(made) == whole(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), SHARES, st.integers(0))
@settings(max_examples=150, **SETTINGS)
def test_what_was_given_to_the_wrong_part_is_noticed_or_does_not_matter(
    happening: list[Act], share: float, chosen: int
) -> None:
    life = lived(happening)
    log = cut(life, share)
    found = log.split(2)
    given = [number for number, part in enumerate(found.parts) if part != EVERYBODY]
    wrong = given[chosen % len(given)]
    parts = bytes(part ^ (number == wrong) for number, part in enumerate(found.parts))
    made = by_group(log, found._replace(parts=parts), 2)
    assert made is None or image(made) == whole(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), st.integers(0, 100_000))
@settings(max_examples=30, **SETTINGS)
def test_what_one_folds_alone_is_encoded_on_the_way_where_there_is_no_room(
    happening: list[Act], room: int
) -> None:
    life = lived(happening)
    tables = in_order(life, MemoryTables(), cut(life).entries, room % 50)
    assert image([tables.contents()]) == whole(life)


def test_looks_at_several_people_that_answer_nobody_any_more_connect_none_of_them() -> None:
    story = pairs(3)
    for row in story.life.living(HS):
        late = look(HS, "contacts", row.ref.id, firstname="Late")
        story.life.append(msgspec.structs.replace(late, source="read", request="1-0"))
    story.rest()
    log = cut(story.life)
    assert len({*log.split(3).parts} - {EVERYBODY}) == 3
    assert by_group(log, log.split(3), 3) is not None


def test_a_guard_that_trips_among_all_but_in_no_group_is_noticed() -> None:
    story = pairs(4, section=msgspec.structs.replace(SECTION, guards={"blanked": 2}))
    for row in story.life.living(HS)[:3]:
        story.life.edit(row, "firstname", None)
    story.rest()
    log = cut(story.life)
    assert by_group(log, log.split(4), 4) is None


@pytest.mark.parametrize("share", [0.0, 0.7, 0.9, 1.0])
def test_what_is_said_of_the_connection_counts_once_and_from_its_place_on(share: float) -> None:
    story = pairs(4)
    life = story.life
    said: list[AnyEvent] = [
        TargetRefused(crm=HS, code="NO", message="no"),
        TargetRefused(crm=SF, code="NO", message="no"),
        SuspensionCleared(name="salesforce", by="me"),
        Paused(by="me"),
        TargetRefused(crm=SF, code="AGAIN", message="no"),
    ]
    for number, event in enumerate(said):
        life.append(event)
        life.edit(life.living(HS)[number % 4], "firstname", f"new {number}")
        story.rest()
    log = cut(life, share)
    made = by_group(log, log.split(3), 3)
    assert made is not None
    assert image(made) == whole(life)
