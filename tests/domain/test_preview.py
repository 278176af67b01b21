"""What a configuration is predicted to do is what it does (law 9)."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.book import CONNECTION_KEY, Table, decode
from domain.identity import Crm
from domain.mapping import SyncRule
from domain.policy import Document, FieldMapping, Section
from domain.preview import Act, Line, Outlook, Preview
from domain.schema import ObjectSchema
from domain.state import Connection
from tests.domain.crms import HS, SECTION, SF, Life
from tests.domain.lives import QUIET_ACTS, WORK_ACTS, Story, pairs
from tests.domain.lives import Act as Happening
from tests.domain.test_laws import SETTINGS, acts
from tests.world import text

WRITES = {Act.CREATE, Act.UPDATE, Act.DELETE}
BEFORE = msgspec.structs.replace(SECTION, create_as=None, create_in_hubspot=())

SECTIONS = st.builds(
    lambda rules, kept, create_as, in_hubspot, wanted: msgspec.structs.replace(
        SECTION,
        mappings=tuple(
            msgspec.structs.replace(mapping, rule=rule)
            for mapping, rule, keep in zip(SECTION.mappings, rules, kept, strict=True)
            if keep
        ),
        create_as=create_as,
        create_in_hubspot=in_hubspot,
        inclusion_list=wanted,
    ),
    st.tuples(*(st.sampled_from(SyncRule) for _ in SECTION.mappings)),
    st.tuples(*(st.sampled_from([True, True, True, False]) for _ in SECTION.mappings)),
    st.sampled_from(["Lead", "Contact", None]),
    st.sampled_from([None, (), ("Lead",)]),
    st.sampled_from(["Sync", None]),
)
"""Configurations: other rules, less fields, other records to be created, everybody or a list."""


def rested(happening: list[Happening]) -> Story:
    """People that a configuration without creates has served, at rest."""
    story = pairs(3, section=BEFORE)
    for each in happening:
        story.act(each)
    story.rest()
    story.life.checks.clear()  # they know one configuration only
    return story


def connection(life: Life) -> Connection:
    found: Connection = decode(Table.META, life.store.tables[Table.META][CONNECTION_KEY])
    return found


def previewed(life: Life, *facts: e.AnyEvent) -> dict[str, Outlook]:
    preview = Preview(connection(life), life.documents.__getitem__, life.now + 1, facts)
    return {entity: preview.sync(entity, raw) for entity, raw in life.store.tables[Table.CONTACTS].items()}


def applied(life: Life, section: Section) -> e.ConfigurationApplied:
    name = life.document(Document("acme", (section,)))
    return e.ConfigurationApplied(digest=name, by="test", request=str(life.now))


def first_claims(life: Life, since: int) -> dict[tuple[str, Crm], e.DeliveryClaimed]:
    claims: dict[tuple[str, Crm], e.DeliveryClaimed] = {}
    for _, event in life.log[since:]:
        if isinstance(event, e.DeliveryClaimed):
            claims.setdefault((event.entity, event.crm), event)
    return claims


def line_of(claim: e.DeliveryClaimed) -> Line:
    act = Act.DELETE if claim.delete else Act.CREATE if claim.record_id is None else Act.UPDATE
    return Line(act, claim.crm, claim.object)


def sync_all(story: Story, entities: list[str]) -> None:
    for entity in entities:
        story.ask(entity)
    story.rest()


@given(acts(*QUIET_ACTS, *WORK_ACTS, "join", "leave", "new_hubspot", "new_lead"), SECTIONS)
@settings(max_examples=150, **SETTINGS)
def test_what_is_predicted_is_what_is_sent(happening: list[Happening], section: Section) -> None:
    story = rested(happening)
    life, change = story.life, applied(story.life, section)
    predicted, since = previewed(life, change), len(life.log)
    life.append(change)
    sync_all(story, [*predicted])
    claims = first_claims(life, since)

    for entity, outlook in predicted.items():
        if any(line.act in {Act.READ, Act.ASK} for line in outlook):
            continue
        sent = {line_of(claim): claim.fields for (of, _), claim in claims.items() if of == entity}
        foreseen = {line: fields for line, fields in outlook.items() if line.act in WRITES}
        if any(line.act is Act.CREATE for line in foreseen):  # what the new record shows may travel back
            sent = {line: fields for line, fields in sent.items() if line in foreseen}
        assert sent == foreseen


@given(acts(*QUIET_ACTS, *WORK_ACTS, "join", "leave"), SECTIONS)
@settings(max_examples=40, **SETTINGS)
def test_looking_ahead_changes_nothing_and_does_not_remember(
    happening: list[Happening], section: Section
) -> None:
    life = rested(happening).life
    change, image = applied(life, section), life.store.image()
    once = previewed(life, change)
    assert life.store.image() == image
    assert previewed(life, change) == once
    for entity, raw in life.store.tables[Table.CONTACTS].items():
        alone = Preview(connection(life), life.documents.__getitem__, life.now + 1, [change])
        assert alone.sync(entity, raw) == once[entity]


@given(acts(*QUIET_ACTS, *WORK_ACTS, "join", "leave"))
@settings(max_examples=40, **SETTINGS)
def test_at_rest_the_same_configuration_is_foreseen_to_write_nothing(happening: list[Happening]) -> None:
    life = rested(happening).life
    for outlook in previewed(life).values():
        assert not [line for line in outlook if line.act in WRITES]


def test_fields_that_nobody_has_read_are_named() -> None:
    story = rested([])
    mapping = FieldMapping("nickname", {"Lead": "Nick__c"}, SyncRule.TWO_WAY)
    section = msgspec.structs.replace(BEFORE, mappings=(*BEFORE.mappings, mapping))
    known = [
        with_field(story.life, HS, "contacts", "nickname"),
        with_field(story.life, SF, "Lead", "Nick__c"),
    ]
    outlook = previewed(story.life, *known, applied(story.life, section))[story.life.contacts()[0].id]
    assert outlook[Line(Act.READ, HS, "contacts")] == {"nickname": None}
    assert outlook[Line(Act.READ, SF, "Lead")] == {"Nick__c": None}


def with_field(life: Life, crm: Crm, name: str, field: str) -> e.SchemaObserved:
    """An object as it was described, and one field more."""
    known = msgspec.convert(life.documents[connection(life).schemas[f"{crm}/{name}"]], ObjectSchema)
    more = msgspec.structs.replace(known, fields={**known.fields, field: text(field)})
    return e.SchemaObserved(crm=crm, object=name, digest=life.document(more))


def test_who_would_join_the_list_and_who_would_leave_it_is_told() -> None:
    story = rested([])
    member = Line(Act.MEMBER, HS, "contacts")
    everybody = msgspec.structs.replace(BEFORE, inclusion_list=None)
    assert sum(member in each for each in previewed(story.life).values()) == 2
    found = previewed(story.life, applied(story.life, everybody))
    assert sum(member in each for each in found.values()) == 3


def test_a_document_that_cannot_be_used_does_not_come_into_force() -> None:
    life = rested([]).life
    broken = e.ConfigurationApplied(digest=life.document({"connection": "acme"}), by="test")
    preview = Preview(connection(life), life.documents.__getitem__, life.now + 1, [broken])
    assert preview.connection == connection(life)
