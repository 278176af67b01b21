"""A log folded in parts is the log folded whole: who cannot meet, and what all have in common."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.book import Table, encode
from domain.commons import Asked, Cleared, Counted, Note, Suspended, Throttled, take, together
from domain.groups import ABOUT, ABOUT_ROWS, about, about_key, about_row, pointers
from domain.identity import Crm, EntityId, Fields
from domain.kinds import KINDS
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Section
from domain.records import EMPTY
from domain.state import Connection, Contact, Suspension
from domain.surveying import EVERYBODY, UNREADABLE, Glimpses, Split, Survey, split
from tests.domain.crms import HS, SECTION, SF, Life
from tests.domain.lives import Act, pairs
from tests.domain.test_laws import SETTINGS
from tests.world import leaving

KNOWN = pointers(KINDS.values())


def lived(happening: list[Act], number: int = 4, section: Section = SECTION) -> Life:
    story = pairs(number, section=section)
    for each in happening:
        story.act(each)
    story.life.project()
    return story.life


def splitting(
    life: Life, parts: int, stretches: int = 3, begun: Sequence[Sequence[str]] = (), behind: int = 0
) -> Split:
    """Where each row and each event belongs, by two who survey so many stretches in turns.

    ``begun``: what the rows are about that so many events left ``behind`` came to.
    """
    events = [event for _, event in life.log[behind:]]
    size = len(events) // stretches + 1
    surveys = [Survey(KNOWN), Survey(KNOWN)]
    surveys[1].begin(0)
    surveys[1].hold(begun)
    for number, at in enumerate(range(0, len(events), size), 1):
        survey = surveys[number % 2]
        survey.begin(number)
        survey.see(map(e.encode, events[at : at + size]))
    return split([each.findings() for each in surveys], parts)


def test_people_who_never_met_are_in_groups_of_their_own() -> None:
    life = lived([])
    found = splitting(life, 4)
    assert len({*found.parts} - {EVERYBODY}) == len({*found.groups} - {-1}) == 4


def test_everybody_is_in_one_group_who_once_had_the_same_address() -> None:
    story = pairs(2)
    one, other = story.life.living(HS)
    story.life.edit(other, "email", "z@x.org")
    story.rest()
    story.life.edit(one, "email", "y@x.org")
    story.life.edit(other, "email", "a0@x.org")
    story.rest()
    assert len({*splitting(story.life, 2).groups} - {-1}) == 1


def look(crm: Crm, name: str, record_id: str, **fields: str) -> e.RecordObserved:
    return e.RecordObserved(
        crm=crm, object=name, id=record_id, fields={**fields}, modified_at=1, ticket=1, source="poll"
    )


@pytest.mark.parametrize(
    "pointing",
    [
        look(HS, "contacts", "1", salesforce_record_id="00Q1"),
        look(SF, "Lead", "00Q2", HubSpot_Contact_Id__c="7", ConvertedContactId="00Q1"),
        look(HS, "contacts", "1", hs_additional_emails="b@x.org; A@x.org"),
        e.RecordsMerged(crm=SF, object="Lead", winner="00Q9", losers=("00Q1",), at=1),
        e.DeliveryAnswered(
            entity="hubspot/contacts/1",
            crm=SF,
            attempt=1,
            outcome=Outcome(OutcomeClass.RESOLVE, other_id="00Q1"),
            ticket=1,
        ),
        e.LookedUp(
            entity="hubspot/contacts/1",
            crm=SF,
            value="",
            found=("salesforce/Lead/00Q1",),
            ticket=1,
            request="1-0",
        ),
        leaving("hubspot/contacts/1", None, {"Email": "a@x.org"}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_whoever_an_event_points_to_is_in_its_group(pointing: e.AnyEvent) -> None:
    survey = Survey(KNOWN)
    survey.begin(0)
    events = (look(SF, "Lead", "00Q1", Email="a@x.org"), look(SF, "Lead", "00Q5"), pointing)
    survey.see(map(e.encode, events))
    one, stranger, other = split([survey.findings()], 2).groups
    assert one == other != stranger


def test_it_is_told_of_every_event_and_every_row_whom_it_is_about() -> None:
    assert ABOUT.keys() == {*e.KINDS}
    assert ABOUT_ROWS.keys() == {*Table}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("hubspot/contacts/1", "hubspot/1"),
        ("salesforce|hubspot/contacts/1", "hubspot/1"),
        ("salesforce|hubspot/contacts/1|Of/either", "hubspot/1"),
        ("hubspot/contacts/1|claim:salesforce", "hubspot/1"),
        ("look_up/hubspot/salesforce/Lead/00Q1", "salesforce/00Q1"),
        ("membership/12/hubspot/contacts/1", "hubspot/1"),
    ],
)
def test_the_key_of_a_row_or_a_member_of_a_queue_tells_whom_it_is_about(key: str, name: str) -> None:
    assert about_key(key) == [name]


@pytest.mark.parametrize(
    ("table", "damaged"),
    [
        (Table.CONTACTS, b"\xc1"),
        (Table.CONTACTS, encode(Contact(EntityId("hubspot/contacts/1"), "contact", {"no record": EMPTY}))),
        (Table.REFS, b"\xa1\xff"),
    ],
    ids=["no MessagePack", "no name of a record", "no UTF-8"],
)
def test_of_a_row_that_cannot_be_read_its_key_tells(table: Table, damaged: bytes) -> None:
    assert about_row(table, "hubspot/contacts/1", damaged, KNOWN) == ["hubspot/1"]


TEXT = st.text(max_size=3) | st.sampled_from(
    ["hubspot/contacts/1", "salesforce/Lead/00Q1", "a@x.org; B@x.org"]
)
FIELDS = st.dictionaries(st.sampled_from([*{each.field for each in KNOWN}, "city"]), st.none() | TEXT)


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    str | None: st.none() | TEXT,
    Fields: FIELDS,
    Fields | None: st.none() | FIELDS,
}


def anything_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, or of a struct with everything it may have."""
    if kind in VALUES:
        return VALUES[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{each.name: anything_of(each.type) for each in msgspec.structs.fields(kind)})
    return st.from_type(kind)


@given(st.one_of(*map(anything_of, e.KINDS)))
@settings(max_examples=500, **SETTINGS)
def test_a_survey_that_reads_only_a_glimpse_of_an_event_sees_whom_all_of_it_is_about(
    event: e.AnyEvent,
) -> None:
    seen, whole = Glimpses(KNOWN).names(e.encode(event)), about(event, KNOWN)
    assert (seen[:1], sorted(seen)) == (whole[:1], sorted(whole))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no event",
        b"[]",
        b'{"kind":"observed/1"}',
        b'{"kind":"gone/1","crm":"zoho","id":"1"}',
        b'{"kind":"gone/1","crm":"hubspot","id":"\xff"}',
    ],
)
def test_what_is_no_event_goes_to_one_part(raw: bytes) -> None:
    assert Glimpses(KNOWN).names(raw) == [UNREADABLE]


# -- what all contacts have in common

HOURS = st.integers(0, 2)
CHANGES = st.one_of(
    st.builds(Throttled, st.sampled_from([HS, SF]), st.integers(1, 9)),
    st.builds(
        Suspended,
        st.sampled_from([HS, SF]),
        st.builds(Suspension, st.integers(1, 9), st.text(max_size=1), st.just("")),
    ),
    st.builds(Cleared, st.sampled_from(["hubspot", "salesforce", "creates", "blanked"])),
    st.builds(Asked, st.sampled_from(["creates", "blanked"])),
    st.builds(Counted, st.sampled_from(["creates", "blanked"]), HOURS, st.integers(1, 3), st.just(4)),
)


def noted(changes: Sequence[tuple[int, Any]]) -> Iterator[Note]:
    """The notes of a part by itself, as its contacts were answered."""
    connection = Connection()
    for position, change in changes:
        connection, granted = take(connection, change)
        yield Note((position, 0), change, granted)


@given(st.lists(st.tuples(CHANGES, st.integers(0, 1)), max_size=12))
def test_what_contacts_change_in_common_is_put_together_in_the_logs_order(
    happening: list[tuple[Any, int]],
) -> None:
    placed = [
        (position, change, 0 if isinstance(change, Cleared) else owner)
        for position, (change, owner) in enumerate(happening)
    ]
    parts = [
        [
            (position, change)
            for position, change, owner in placed
            if owner == number or isinstance(change, Cleared)
        ]
        for number in (0, 1)
    ]
    notes = [*noted(parts[0]), *(n for n in noted(parts[1]) if not isinstance(n.change, Cleared))]
    plain = [*noted([(position, change) for position, change, _ in placed])]
    expected = Connection(config="c")
    for note in plain:
        expected, _ = take(expected, note.change)

    found = together(Connection(), Connection(config="c"), notes)
    same_answers = sorted(notes, key=lambda each: each.position) == plain
    assert found == (expected if same_answers else None)
