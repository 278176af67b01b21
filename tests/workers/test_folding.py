"""A log folded group by group is the log folded in its order, or it is noticed that it cannot be."""

from array import array
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book import Changes
from domain.events import AnyEvent, Paused, SuspensionCleared, TargetRefused, encode
from domain.parts import Part, unite
from domain.surveying import EVERYBODY, Split
from tests.domain.crms import HS, SECTION, SF, Life, Store
from tests.domain.lives import DELETIONS, QUIET_ACTS, TURNS, WORK_ACTS, Act, pairs, replay
from tests.domain.test_groups import lived, splitting
from tests.domain.test_laws import SETTINGS, acts
from workers.clock import ManualClock
from workers.folding import ByGroup, InOrder
from workers.storage.memory import MemoryLog
from workers.store import Entry

GUARDED = msgspec.structs.replace(
    SECTION, delete_in_hubspot=("Lead", "Contact"), guards={"creates": 3, "deletes": 1, "blanked": 6}
)


ROOMS = st.sampled_from([0, 2_000, 1_000_000])
"""Bytes of events that wait for each other: none, some, all."""


def log_of(life: Life) -> MemoryLog:
    """A log that holds what the events name."""
    log = MemoryLog(ManualClock())
    log.append([], {name: msgspec.json.encode(plain) for name, plain in life.documents.items()})
    return log


def entries(life: Life) -> list[Entry]:
    return [Entry(position, encode(event)) for position, event in life.log]


def folded(life: Life, found: Split, number: int, room: int) -> tuple[Part, Changes]:
    folding = ByGroup(log_of(life), number, room, lambda _: None)
    for each in zip(entries(life), found.parts, found.groups, strict=True):
        folding.take([each])
    return folding.part(), folding.tables.contents()


def by_group(life: Life, found: Split, parts: int, room: int = 1_000_000) -> list[Changes] | None:
    made = [folded(life, found, number, room) for number in range(parts)]
    common = unite([part for part, _ in made])
    return None if common is None else [*(contents for _, contents in made), common]


def image(whole: list[Changes]) -> dict[str, Any]:
    store = Store()
    for changes in whole:
        store.commit(changes)
    return store.image()


def whole(life: Life) -> dict[str, Any]:
    return replay(life, [len(life.log)], reload=False).image()


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, longest=60), st.integers(1, 4), st.integers(1, 6), ROOMS)
@settings(max_examples=150, **SETTINGS)
def test_groups_that_are_folded_by_themselves_make_what_the_log_makes_in_its_order(
    happening: list[Act], parts: int, stretches: int, room: int
) -> None:
    life = lived(happening)
    made = by_group(life, splitting(life, parts, stretches), parts, room)
    assert made is not None
    assert image(made) == whole(life)


@given(
    acts(*QUIET_ACTS, *WORK_ACTS, *DELETIONS, "new_hubspot", "new_lead", longest=60), st.integers(1, 4), ROOMS
)
@settings(max_examples=100, **SETTINGS)
def test_guards_either_let_the_groups_be_put_together_or_tell_that_they_cannot(
    happening: list[Act], parts: int, room: int
) -> None:
    life = lived(happening, section=GUARDED)
    made = by_group(life, splitting(life, parts), parts, room)
    assert made is None or image(made) == whole(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), st.integers(1, 2), ROOMS, st.randoms(use_true_random=False))
@settings(max_examples=100, **SETTINGS)
def test_groups_that_were_not_independent_are_never_taken_for_the_whole(
    happening: list[Act], parts: int, room: int, random: Any
) -> None:
    """Even if somebody were to split at random."""
    life = lived(happening)
    groups = array("l", (each if each < 0 else random.randrange(4) for each in splitting(life, 2).groups))
    found = splitting(life, 2)._replace(
        parts=bytes(each % parts if each >= 0 else EVERYBODY for each in groups), groups=groups
    )
    made = by_group(life, found, parts, room)
    assert made is None or image(made) == whole(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), st.integers(0, 100_000))
@settings(max_examples=30, **SETTINGS)
def test_what_one_folds_alone_is_encoded_on_the_way_where_there_is_no_room(
    happening: list[Act], room: int
) -> None:
    life = lived(happening)
    folding = InOrder(log_of(life), room % 50)
    for each in entries(life):
        folding.take([each])
    folding.put_by()
    assert image([folding.tables.contents()]) == whole(life)


def test_a_guard_that_trips_among_all_but_in_no_group_is_noticed() -> None:
    story = pairs(4, section=msgspec.structs.replace(SECTION, guards={"blanked": 2}))
    for row in story.life.living(HS)[:3]:
        story.life.edit(row, "firstname", None)
    story.rest()
    assert by_group(story.life, splitting(story.life, 4), 4) is None


def test_what_is_said_of_the_connection_counts_once_and_from_its_place_on() -> None:
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
    made = by_group(life, splitting(life, 3), 3)
    assert made is not None
    assert image(made) == whole(life)
