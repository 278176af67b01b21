"""What is decided of masked people is what was decided of the real ones, and nothing of theirs is told."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.book import Table, decode, decode_closed
from domain.bundling import Ended, Told, departures, fold, masked_departures, told
from domain.commons import Suspended
from domain.events import encode
from domain.identity import HUBSPOT, SALESFORCE
from domain.masking import MASKED, Masker
from domain.masks import Mask
from domain.outcomes import Outcome, OutcomeClass
from domain.owners import Owner, OwnerOptions, match_owners
from domain.policy import Document, RoutingRule, Section
from domain.projection import Projection
from domain.slices import Guarded, Slice
from domain.state import Bucket, Suspension
from domain.unmasked import WORD, Unmasked, unmasked
from tests.domain.crms import HS, SECTION, SF, Store
from tests.domain.lives import QUIET_ACTS, TURNS, WORK_ACTS, Act, pairs
from tests.domain.test_laws import SETTINGS, acts
from tests.domain.test_owners import ANN, OURS, QUEUE, TABLE, THEIRS
from tests.world import SECTION as PLAIN
from tests.world import leaving

replace = msgspec.structs.replace
KEY = b"0123456789abcdef"
ADA = "hubspot/contacts/1"

ROUTED = replace(
    SECTION,
    routing=(RoutingRule('BEGINS(title, "x1")', "Contact"),),
    salesforce_filter={"Lead": 'City <> "x2"'},
)
SECTIONS = (SECTION, ROUTED, replace(SECTION, delete_in_hubspot=("Lead",), merge_in_hubspot=True))
NOTHING = Unmasked({}, {}, {})


def stories(given: Slice) -> tuple[dict[str, Told], Unmasked]:
    """What is told of everybody after folding a slice, and what a mask must leave."""
    store = Store()
    projection = Projection(store.fetch, given.documents.__getitem__)
    policies = fold(projection, given)
    store.commit(projection.take_changes())
    everybody = [decode(Table.CONTACTS, raw) for raw in store.tables[Table.CONTACTS].values()]
    closed = {name: [decode_closed(raw) for raw in each] for name, each in store.decisions.items()}
    return {each.id: told(each, closed.get(each.id, [])) for each in everybody}, unmasked(policies)


def written(given: Slice) -> bytes:
    """All that a bundle would hold."""
    events = [encode(what) if isinstance(what, e.Event) else repr(what).encode() for _, what in given.entries]
    return b"\n".join([*events, msgspec.json.encode(given.documents)])


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS), st.sampled_from(SECTIONS), st.binary(min_size=16, max_size=16))
@settings(max_examples=80, **SETTINGS)
def test_the_same_is_decided_of_masked_people(happening: list[Act], section: Section, key: bytes) -> None:
    story = pairs(3, section=section)
    for each in happening:
        story.act(each)
    plain = Slice(story.life.log, story.life.documents)
    expected, stays = stories(plain)
    masker = Masker(Mask(key), stays)
    masked = masker.masked(plain)
    found, _ = stories(masked)

    assert expected.keys() == found.keys()
    assert [row for each in expected for row in masked_departures(expected[each], found[each])] == []
    told_of = written(masked)
    assert [value for value in private(story.life.log, stays) if value.encode() in told_of] == []


def private(log: list[tuple[str, e.AnyEvent]], stays: Unmasked) -> set[str]:
    """What people's fields held that must stay among us, but for what is too short to tell anything."""
    held = {
        ((event.crm, event.object, name), value)
        for _, event in log
        if isinstance(event, e.RecordObserved)
        for name, value in event.fields.items()
        if value is not None and value not in {"true", "false"} and len(value) > 4
    }
    return {value for field, value in held if field not in stays.whole and not stays.keeps(field, value)}


# -- one event after the other

VALUES = {"email": "Ada@Example.com", "lastname": "Lovelace", "stage": "lead"}


def masked(event: Any, stays: Unmasked = NOTHING) -> Any:
    [(_, found)] = Masker(Mask(KEY), stays).masked(Slice([("1-0", event)], {})).entries
    return found


def observed(**fields: str | None) -> e.RecordObserved:
    return e.RecordObserved(
        crm=HS, object="contacts", id="1", fields=fields, modified_at=1, ticket=1, source="poll"
    )


def claimed(**fields: str | None) -> e.DeliveryClaimed:
    return leaving(ADA, "00Q1", fields)


def answered(**stored: str) -> e.DeliveryAnswered:
    outcome = Outcome(OutcomeClass.REJECTED, message="Lovelace is taken", stored=dict(stored), code="TAKEN")
    return e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=outcome, ticket=1)


PERSONAL = [
    observed(**VALUES),
    e.LookedUp(entity=ADA, crm=SF, value="ada@example.com", found=(), ticket=1, request="1-0"),
    claimed(LastName="Lovelace", Email="ada@example.com"),
    answered(LastName="Lovelace"),
    e.LetterDiscarded(letter=f"salesforce|{ADA}", by="Lovelace", why="Lovelace asked"),
    e.SyncRequested(entity=ADA, cause="manual", by="Lovelace"),
    e.LinkChosen(entity=ADA, record=ADA, by="Lovelace"),
    e.Paused(by="Lovelace", why="Lovelace asked"),
    e.Resumed(by="Lovelace"),
    e.SuspensionCleared(name="hubspot", by="Lovelace"),
    e.ConfigurationApplied(digest="d", by="Lovelace"),
    e.TargetRefused(crm=SF, code="X", message="Lovelace"),
    e.PersonErased(entity=ADA, marks=("Lovelace",)),
    Suspended(SF, Suspension(1, "X", "Lovelace")),
]


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: type(event).__name__)
def test_no_name_and_no_address_is_left_of_an_event(event: Any) -> None:
    left = masked(event)
    assert type(left) is type(event)
    said = msgspec.json.encode(left).lower()
    assert b"lovelace" not in said
    assert b"example" not in said


def test_blanks_ids_and_who_was_added_to_a_campaign_stay() -> None:
    assert masked(observed(city=None)).fields == {"city": None}
    assert masked(observed()).id == "1"
    member = e.SyncRequested(entity=ADA, cause="campaign_added", by="00v000000000001AAA")
    assert masked(member) == member
    guarded = Guarded("creates", Bucket(1, 2))
    assert masked(guarded) == guarded


def test_what_stays_is_noted_with_its_reason() -> None:
    stage, city = (HUBSPOT, "contacts", "stage"), (HUBSPOT, "contacts", "city")
    stays = Unmasked({stage: "the list reads it"}, {city: frozenset({"wien"})}, {})
    masker = Masker(Mask(KEY), stays)
    look = observed(**VALUES, city="Wien;Graz")
    [(_, found)] = masker.masked(Slice([("1-0", look)], {})).entries

    assert isinstance(found, e.RecordObserved)
    assert found.fields["stage"] == "lead"
    assert str(found.fields["city"]).startswith("Wien;")
    assert "Graz" not in str(found.fields["city"])
    assert masker.left == {stage: "the list reads it", city: WORD}


def test_the_answer_to_a_write_is_masked_as_the_object_asks_that_was_written() -> None:
    stays = Unmasked({(SALESFORCE, "Lead", "City"): "a rule reads it"}, {}, {})
    entries: list[tuple[str, Any]] = [
        ("1-0", claimed(City="Wien")),
        ("2-0", answered(City="Wien", LastName="Byron")),
    ]
    [_, (_, answer)] = Masker(Mask(KEY), stays).masked(Slice(entries, {})).entries

    assert isinstance(answer, e.DeliveryAnswered)
    assert answer.outcome.stored is not None
    assert answer.outcome.stored["City"] == "Wien"
    assert answer.outcome.stored["LastName"] != "Byron"


def test_an_address_that_stays_stays_in_searches_too() -> None:
    email = (HUBSPOT, "contacts", "email")
    stays = Unmasked({email: "the list reads it"}, {}, {"contacts": email})
    assert masked(PERSONAL[1], stays) == PERSONAL[1]


# -- documents


def test_of_people_who_own_records_nothing_but_ids_is_told_and_they_stand_for_the_same() -> None:
    section = replace(PLAIN, owners=OwnerOptions(table={**TABLE, "2": ANN, "3": QUEUE[:15]}))
    documents = {
        e.digest(plain): plain
        for plain in map(msgspec.to_builtins, (OURS, THEIRS, Document("acme", (section,))))
    }
    ours, theirs, configuration = documents
    entries: list[tuple[str, Any]] = [
        ("1-0", e.DirectoryObserved(crm=HS, digest=ours)),
        ("2-0", e.DirectoryObserved(crm=SF, digest=theirs)),
        ("3-0", e.ConfigurationApplied(digest=configuration, by="test")),
    ]
    found = Masker(Mask(KEY), NOTHING).masked(Slice(entries, documents))

    named = [found.documents[what.digest] for _, what in found.entries]  # type: ignore[union-attr]  # events
    left, right = (msgspec.convert(each, list[Owner]) for each in named[:2])
    document = msgspec.convert(named[2], Document)
    before = match_owners(OURS, THEIRS, section.owners)
    assert match_owners(left, right, document.sections[0].owners) == before
    said = msgspec.json.encode(found.documents).lower()
    assert not [each for each in (b"ann", b"acme.com", b"inbound", b"robert") if each in said]


def test_documents_that_name_nobody_keep_their_names() -> None:
    document = msgspec.to_builtins(Document("acme", (PLAIN,)))
    name = e.digest(document)
    entries = [("1-0", e.ConfigurationApplied(digest=name, by="test"))]
    found = Masker(Mask(KEY), NOTHING).masked(Slice(entries, {name: document}))
    assert [*found.documents] == [name]


# -- comparing

ENDED = Ended("manual", "ops", 1, 2, "rejected", "Lovelace is taken", {"salesforce": ("City",)})


def test_equal_stories_do_not_depart_from_each_other() -> None:
    story = Told(decisions={"1-0": ENDED}, member=True)
    assert departures(story, story) == []


def test_each_thing_that_is_not_the_same_is_named() -> None:
    one = Told(decisions={"1-0": ENDED})
    other = Told(decisions={"1-0": replace(ENDED, reason="delivered", wrote={})}, waits_for="awaiting_read")
    assert departures(one, other) == [
        ("decisions 1-0 reason", "rejected", "delivered"),
        ("decisions 1-0 wrote salesforce", ("City",), None),
        ("waits_for", None, "awaiting_read"),
    ]


def test_words_that_were_masked_do_not_count_and_words_that_came_to_be_do() -> None:
    plain = Told(decisions={"1-0": ENDED})
    hidden = Told(decisions={"1-0": replace(ENDED, explanation=MASKED, detail=MASKED)})
    assert masked_departures(plain, hidden) == []
    silent = Told(decisions={"1-0": replace(ENDED, explanation="", detail="")})
    assert masked_departures(silent, hidden) != []
    assert masked_departures(plain, Told(decisions={"1-0": replace(ENDED, detail="other")})) != []
