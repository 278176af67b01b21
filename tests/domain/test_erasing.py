"""What is left of a person who is erased: ids, and nothing that anybody wrote about him."""

import pytest
from hypothesis import given, settings

from domain import events as e
from domain.erasing import blank, is_his, names_of
from domain.events import AnyEvent, encode
from domain.groups import pointers
from domain.identity import Fields
from domain.kinds import KINDS
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Contact
from tests.domain.crms import HS, SF
from tests.domain.lives import QUIET_ACTS, WORK_ACTS, Act, pairs
from tests.domain.test_laws import SETTINGS, acts
from tests.world import leaving

KNOWN = pointers(KINDS.values())
ENTITY = "hubspot/contacts/1"
SECRET = "ada@example.com"
VALUES: Fields = {"email": SECRET, "lastname": SECRET}
OUTCOME = Outcome(OutcomeClass.REJECTED, message=SECRET, stored=VALUES, record_id="00Q1")

HIS = [
    e.RecordObserved(
        crm=HS,
        object="contacts",
        id="1",
        fields={**VALUES, "salesforce_record_id": "00Q1"},
        modified_at=1,
        ticket=1,
        source="poll",
    ),
    e.LookedUp(entity=ENTITY, crm=SF, value=SECRET, found=("salesforce/Lead/00Q1",), ticket=1, request="1-0"),
    leaving(ENTITY, "00Q1", VALUES),
    e.DeliveryAnswered(entity=ENTITY, crm=SF, attempt=1, outcome=OUTCOME, ticket=1),
    e.LetterDiscarded(letter=f"salesforce|{ENTITY}", by="ops", why=SECRET),
]


@pytest.mark.parametrize("event", HIS, ids=lambda event: type(event).__name__)
def test_no_value_is_left_of_an_event_and_its_ids_are(event: AnyEvent) -> None:
    left = blank(event, KNOWN)
    assert SECRET.encode() not in encode(left)
    assert type(left) is type(event)
    assert (b"00Q1" in encode(left)) is (b"00Q1" in encode(event))
    assert blank(left, KNOWN) == left
    assert is_his(event, names_of(Contact(id=ENTITY, kind="contacts")), KNOWN)  # type: ignore[arg-type]  # a name


def test_an_event_that_only_points_to_him_is_somebody_elses() -> None:
    merged = e.RecordsMerged(crm=HS, object="contacts", winner="9", losers=("1",), at=1)
    assert not is_his(merged, frozenset({"hubspot/1"}), KNOWN)


@given(acts(*QUIET_ACTS, *WORK_ACTS, "leave", "join"))
@settings(max_examples=60, **SETTINGS)
def test_no_table_and_no_decision_holds_a_value_of_his(happening: list[Act]) -> None:
    story = pairs(2)
    life, row = story.life, story.life.living(HS)[0]
    for each in happening:
        story.act(each)
    life.project()
    said = {value for _, event in life.log for value in _values(event) if _is_of(event, row.id)}
    others = {value for _, event in life.log for value in _values(event) if not _is_of(event, row.id)}
    life.append(
        e.RecordGone(crm=HS, object="contacts", id=row.id, cause="erased", at=life.now, ticket=life.draw())
    )
    life.project()
    kept = b"".join(key.encode() + raw for rows in life.store.tables.values() for key, raw in rows.items())
    kept += b"".join(raw for closed in life.store.decisions.values() for raw in closed)
    assert not [value for value in said - others if len(value) > 4 and value.encode() in kept]


def _values(event: AnyEvent) -> list[str]:
    return [each for each in event.fields.values() if each] if isinstance(event, e.RecordObserved) else []


def _is_of(event: AnyEvent, record_id: str) -> bool:
    return isinstance(event, e.RecordObserved) and event.id == record_id
