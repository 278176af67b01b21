"""What HubSpot's webhooks say becomes events, item by item."""

import json
from typing import Any

import msgspec
import pytest

from domain.events import AnyEvent, RecordGone, RecordObserved, RecordsMerged, RecordTouched
from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from domain.policy import FieldMapping, Section
from tests.workers.lanes import PORTAL, configured, memory_lane
from tests.world import HS
from workers.connection import Lane
from workers.ingest import Fate, UnreadableBodyError, read, take, translate

AT = 1_762_502_400_123
LANE = configured(memory_lane())

CARS = Section(
    ObjectKind(
        "cars", "2-77", ("Car__c",), {"2-77": ("plate",), "Car__c": ("Plate__c",)}, "sf_id", "Hs_Id__c"
    ),
    (FieldMapping("plate", {"Car__c": "Plate__c"}, SyncRule.TWO_WAY),),
)


def item(kind: str, **more: Any) -> dict[str, Any]:
    own: dict[str, Any] = {} if "associationChange" in kind else {"objectId": 51234}
    return {
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": int(PORTAL),
        "appId": 3,
        "occurredAt": AT,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "changeSource": "CRM_UI",
        "sourceId": "userId:7",
        **own,
        **more,
    }


def changed(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return item("contact.propertyChange", propertyName=name, propertyValue=value, **more)


def body(*items: Any) -> bytes:
    return json.dumps(items).encode()


def told(*items: Any, lane: Lane = LANE) -> list[AnyEvent | Fate]:
    return translate(read(body(*items)).hooks, lane.policy(), PORTAL)


def touched(cause: str, field: str | None = None) -> RecordTouched:
    return RecordTouched(crm=HS, object="contacts", id="51234", occurred_at=AT, cause=cause, field=field)


def observed(name: str, value: str | None) -> RecordObserved:
    return RecordObserved(
        crm=HS,
        object="contacts",
        id="51234",
        fields={name: value},
        modified_at=AT,
        ticket=0,
        source="webhook",
    )


def gone(cause: str) -> RecordGone:
    return RecordGone(crm=HS, object="contacts", id="51234", cause=cause, at=AT, ticket=0)


def merged(winner: str, *losers: str) -> RecordsMerged:
    return RecordsMerged(crm=HS, object="contacts", winner=winner, losers=losers, at=AT)


@pytest.mark.parametrize(
    ("said", "event"),
    [
        pytest.param(item("contact.creation", changeFlag="CREATED"), touched("created"), id="creation"),
        pytest.param(changed("city", "Wien"), observed("city", "Wien"), id="change"),
        pytest.param(changed("city", ""), observed("city", None), id="cleared"),
        pytest.param(changed("city", "REDACTED"), touched("changed", "city"), id="redacted"),
        pytest.param(changed("city", "x" * 5000), touched("changed", "city"), id="very long"),
        pytest.param(changed("city", None), touched("changed", "city"), id="without its value"),
        pytest.param(changed("city", 12), touched("changed", "city"), id="a value that is no text"),
        pytest.param(changed("city", "Wie\ud83d"), touched("changed", "city"), id="half a character"),
        pytest.param(
            changed("salesforce_record_id", "00Q"),
            touched("changed", "salesforce_record_id"),
            id="nobody described",
        ),
        pytest.param(item("contact.deletion"), gone("deleted"), id="deletion"),
        pytest.param(item("contact.privacyDeletion"), gone("erased"), id="privacy deletion"),
        pytest.param(item("contact.restore"), touched("restored"), id="restore"),
        pytest.param(
            item("contact.merge", primaryObjectId=51234, mergedObjectIds=[51980], newObjectId=60001),
            merged("60001", "51234", "51980"),
            id="merge into a new record",
        ),
        pytest.param(
            item("contact.merge", primaryObjectId=51234, mergedObjectIds=[51980, 51234], newObjectId=None),
            merged("51234", "51980"),
            id="merge that keeps the primary",
        ),
        pytest.param(
            item(
                "contact.associationChange",
                fromObjectId=51234,
                toObjectId=9,
                associationType="CONTACT_TO_COMPANY",
            ),
            touched("changed"),
            id="association",
        ),
        pytest.param(item("object.creation", objectTypeId="0-1"), touched("created"), id="generic creation"),
        pytest.param(
            item(
                "object.associationChange",
                fromObjectTypeId="0-1",
                toObjectTypeId="0-2",
                fromObjectId=51234,
                toObjectId=9,
            ),
            touched("changed"),
            id="generic association",
        ),
        pytest.param(
            {**item("?"), "subscriptionType": None, "eventType": "contact.restore"},
            touched("restored"),
            id="older key",
        ),
    ],
)
def test_each_type_becomes_its_event(said: dict[str, Any], event: AnyEvent) -> None:
    assert told(said) == [event]


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        pytest.param(item("contact.creation", portalId=1), Fate.OTHER_PORTAL, id="another portal"),
        pytest.param(item("company.creation"), Fate.OTHER_OBJECT, id="an object nobody configured"),
        pytest.param(item("object.creation", objectTypeId="2-9"), Fate.OTHER_OBJECT, id="a custom object"),
        pytest.param(item("conversation.newMessage"), Fate.OTHER_OBJECT, id="no record at all"),
        pytest.param(changed("hs_score", "12"), Fate.NOT_NEEDED, id="a property nothing reads"),
        pytest.param(item("contact.newMood"), Fate.NOT_NEEDED, id="a type of the future"),
        pytest.param(item("contact.creation", objectId=None), Fate.UNREADABLE, id="no record id"),
        pytest.param(item("contact.deletion", objectId=None), Fate.UNREADABLE, id="deletion of nothing"),
        pytest.param(item("contact.propertyChange"), Fate.UNREADABLE, id="no property"),
        pytest.param(item("contact.merge", objectId=None), Fate.UNREADABLE, id="merge of nothing"),
        pytest.param(item("contact.merge"), Fate.UNREADABLE, id="merge without losers"),
        pytest.param(item("", subscriptionType=None), Fate.UNREADABLE, id="no type"),
    ],
)
def test_what_makes_no_event_says_why(said: dict[str, Any], fate: Fate) -> None:
    assert told(said) == [fate]


def test_a_portal_that_was_never_seen_is_taken_at_its_word() -> None:
    hooks = read(body(item("contact.creation", portalId=1))).hooks
    assert translate(hooks, LANE.policy(), "") == [touched("created")]


def test_a_kind_of_its_own_is_known_by_its_object_type() -> None:
    lane = configured(memory_lane(), CARS)
    (event,) = told(
        item("object.propertyChange", objectTypeId="2-77", propertyName="plate", propertyValue="W-1"),
        lane=lane,
    )
    assert event == RecordTouched(
        crm=HS, object="2-77", id="51234", occurred_at=AT, cause="changed", field="plate"
    )


def test_all_that_is_taken_is_in_the_log() -> None:
    lane = configured(memory_lane())
    before = lane.log.tail()
    assert take(lane, body(item("contact.creation"), changed("city", "Wien"), changed("hs_score", "1"))) == {
        Fate.TAKEN: 2,
        Fate.NOT_NEEDED: 1,
    }
    assert [decode_event(each.raw) for each in lane.log.read(before, 9)] == [
        touched("created"),
        observed("city", "Wien"),
    ]


def decode_event(raw: bytes) -> AnyEvent:
    found: AnyEvent = msgspec.json.decode(raw, type=RecordTouched | RecordObserved)
    return found


def test_a_repeat_is_known_by_what_it_says() -> None:
    lane = configured(memory_lane())
    take(lane, body(changed("city", "Wien")))
    again = body(changed("city", "Wien", eventId=99, attemptNumber=3, subscriptionId=5))
    assert take(lane, again) == {Fate.REPEATED: 1}


def test_good_items_are_taken_from_between_bad_ones() -> None:
    lane = configured(memory_lane())
    mixed = body(
        7, item("contact.creation"), {"portalId": "x"}, None, item("contact.deletion", occurredAt=-1)
    )
    assert take(lane, mixed) == {Fate.TAKEN: 1, Fate.UNREADABLE: 4}


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"portalId":1}', id="an object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b"[{}, 1]", id="no item with its keys"),
        pytest.param(body(item("contact.creation", objectId=10**30)), id="an id of no CRM"),
        pytest.param(body(item("contact.creation", objectId=None)), id="no item that its type can use"),
    ],
)
def test_a_body_of_which_nothing_can_be_read_is_refused(useless: bytes) -> None:
    lane = configured(memory_lane())
    before = lane.log.tail()
    with pytest.raises(UnreadableBodyError):
        take(lane, useless)
    assert lane.log.tail() == before


def test_text_in_a_wrong_encoding_is_read_again_not_lost() -> None:
    bad = body(changed("city", "W?en"), item("contact.creation")).replace(b"W?en", b"W\xefen")
    assert translate(read(bad).hooks, LANE.policy(), PORTAL) == [
        touched("changed", "city"),
        touched("created"),
    ]


def test_an_empty_array_is_fine() -> None:
    assert take(LANE, b"[]") == {}


def test_before_a_configuration_nothing_concerns_us() -> None:
    assert take(memory_lane(), body(item("contact.creation"))) == {Fate.OTHER_OBJECT: 1}
