"""HubSpot's webhooks: what is told, how it is signed, and how often it is tried."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest

from simulators.hubspot.settings import CLIENT_SECRET
from simulators.hubspot.webhook_delivery import signature_v1, signature_v3
from tests.simulators.hubspot_client import Crm, ok, refused, serving

KEY = "simulator-developer-key"


@dataclass
class Receiver:
    """The product's end: keeps what arrives, and answers `status`."""

    url: str = ""
    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.requests for event in orjson.loads(body)]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["subscriptionType"] == kind]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            receiver.arrived.release()
            receiver.open.wait(10)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?tenant=a%20b"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def flush(crm: Crm) -> dict[str, int]:
    counts: dict[str, int] = crm.http("POST", "/_sim/webhooks/flush", token="").json()
    return counts


def test_the_signatures_agree_with_published_examples() -> None:
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    body = (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
        b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
        b'"changeFlag":"NEW","appId":54321}]'
    )
    assert signature_v1(secret, body) == "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    signed = signature_v3(
        secret, "https://www.example.com/webhook_uri", b"{'example_field':'example_value'}", "1693657560000"
    )
    assert signed == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="


def test_a_creation_is_one_burst_with_the_same_time(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    record = crm.contact("a@example.com", city="Graz", closedate="2026-07-15")
    flush(crm)
    assert len(receiver.requests) == 1
    assert {event["occurredAt"] for event in receiver.events} == {receiver.events[0]["occurredAt"]}
    created = receiver.of("contact.creation")[0]
    assert (created["objectId"], created["changeFlag"], created["attemptNumber"]) == (
        int(record),
        "CREATED",
        0,
    )
    told = {event["propertyName"]: event["propertyValue"] for event in receiver.of("contact.propertyChange")}
    assert told == {"email": "a@example.com", "city": "Graz", "closedate": "1784073600000"}


def test_a_request_is_signed_over_target_body_and_time(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    crm.contact("a@example.com")
    flush(crm)
    headers, body = receiver.requests[0]
    message = b"POST" + receiver.url.encode() + body + headers["x-hubspot-request-timestamp"].encode()
    expected = base64.b64encode(hmac.new(CLIENT_SECRET.encode(), message, hashlib.sha256).digest()).decode()
    assert headers["x-hubspot-signature-v3"] == expected
    assert headers["x-hubspot-signature"] == hashlib.sha256(CLIENT_SECRET.encode() + body).hexdigest()


def test_who_made_a_change_is_told(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    record = crm.contact("a@example.com")
    crm.person_edits(record, city="Graz")
    crm.client.crm.contacts.basic_api.update(record, {"properties": {"city": ""}})
    flush(crm)
    changes = {
        event["propertyValue"]: (event["changeSource"], event["sourceId"])
        for event in receiver.of("contact.propertyChange")
        if event["propertyName"] == "city"
    }
    assert changes == {"Graz": ("CRM_UI", "userId:7012345"), "": ("INTEGRATION", "1160452")}


def test_an_unchanged_write_is_not_told(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    record = crm.contact("a@example.com", city="Graz")
    flush(crm)
    receiver.requests.clear()
    crm.client.crm.contacts.basic_api.update(record, {"properties": {"city": "Graz"}})
    assert flush(crm)["pending"] == 0
    assert receiver.events == []


def test_deletion_restore_merge_and_privacy_deletion_are_told(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    api = crm.client.crm.contacts.basic_api
    kept, gone, erased = (crm.contact(f"{name}@example.com") for name in ("a", "b", "c"))
    api.archive(kept)
    crm.http("POST", "/_sim/restore", {"id": kept}, token="")
    merged = api.merge({"primaryObjectId": kept, "objectIdToMerge": gone})
    api.purge({"objectId": erased})
    flush(crm)
    assert [event["objectId"] for event in receiver.of("contact.restore")] == [int(kept)]
    assert [event["objectId"] for event in receiver.of("contact.privacyDeletion")] == [int(erased)]
    assert {event["objectId"] for event in receiver.of("contact.deletion")} == {int(kept), int(erased)}
    told = receiver.of("contact.merge")[0]
    assert (told["primaryObjectId"], told["mergedObjectIds"]) == (int(kept), [int(gone)])
    assert told["newObjectId"] == int(merged.id)


def test_an_association_is_told_in_both_directions(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    company = crm.client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    record = crm.contact("a@example.com")
    crm.client.crm.associations.v4.basic_api.create_default("contacts", record, "companies", company)
    flush(crm)
    told = [
        (e["associationType"], e["fromObjectId"], e["toObjectId"])
        for e in receiver.events
        if "fromObjectId" in e
    ]
    assert sorted(told) == [
        ("COMPANY_TO_CONTACT", int(company), int(record)),
        ("CONTACT_TO_COMPANY", int(record), int(company)),
    ]


def test_a_failed_request_is_tried_again_with_a_higher_number(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    crm.contact("a@example.com")
    receiver.status = 503
    assert flush(crm)["retried"] == 2
    receiver.status = 200
    flush(crm)
    first, second = (
        sorted(event["attemptNumber"] for event in orjson.loads(b)) for _, b in receiver.requests
    )
    assert (first, second) == ([0, 0], [1, 1])
    assert len({event["eventId"] for event in receiver.events}) == 2


@pytest.mark.parametrize("regroups", [True, False], ids=["apart", "together"])
def test_a_refused_batch_comes_again_apart_or_together(
    server: Crm, receiver: Receiver, *, regroups: bool
) -> None:
    crm = server.fresh(webhook_target_url=receiver.url, webhook_retry_regroups=regroups)
    rows = [{"properties": {"email": f"p{n}@example.com"}} for n in range(20)]
    crm.client.crm.contacts.batch_api.create({"inputs": rows})
    receiver.status = 500
    flush(crm)
    due = {waiting.due_ms for waiting in crm.simulator.portal.webhooks.delivery._queue}
    assert (len(due) > 1) is regroups


@pytest.mark.parametrize("named", [True, False], ids=["named", "null"])
def test_a_merge_that_made_no_new_record_names_the_kept_one_or_none(
    server: Crm, receiver: Receiver, *, named: bool
) -> None:
    switches = {"merge_keeps_primary_id": True, "merge_event_names_kept_id": named}
    crm = server.fresh(webhook_target_url=receiver.url, **switches)
    kept, gone = crm.contact("a@example.com"), crm.contact("b@example.com")
    crm.client.crm.contacts.basic_api.merge({"primaryObjectId": kept, "objectIdToMerge": gone})
    flush(crm)
    assert receiver.of("contact.merge")[0]["newObjectId"] == (int(kept) if named else None)


def test_after_ten_retries_an_event_is_gone(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    crm.contact("a@example.com")
    receiver.status = 500
    for _ in range(11):
        counts = flush(crm)
    assert (counts["pending"], counts["failed"], len(receiver.requests)) == (0, 2, 11)


def test_batches_hold_at_most_a_hundred_events(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url)
    rows = [{"properties": {"email": f"p{n}@example.com"}} for n in range(60)]
    crm.client.crm.contacts.batch_api.create({"inputs": rows})
    flush(crm)
    assert [len(orjson.loads(body)) for _, body in receiver.requests] == [100, 20]


RATES = [("webhook_loss_rate", "lost", 0), ("webhook_duplicate_rate", "duplicated", 2)]


@pytest.mark.parametrize(("setting", "tally", "copies"), RATES, ids=["loss", "duplication"])
def test_events_get_lost_or_repeated_as_switched(
    server: Crm, receiver: Receiver, setting: str, tally: str, copies: int
) -> None:
    crm = server.fresh(webhook_target_url=receiver.url, **{setting: 1.0})
    crm.contact("a@example.com")
    assert flush(crm)[tally] == 2
    assert len(receiver.of("contact.creation")) == copies


def test_events_leave_by_themselves_when_they_are_due(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_target_url=receiver.url, webhook_delay=[0.0, 0.0])
    crm.contact("a@example.com")
    assert receiver.arrived.acquire(timeout=5)


def test_only_so_many_requests_are_in_flight(server: Crm, receiver: Receiver) -> None:
    receiver.open.clear()
    crm = server.fresh(
        webhook_target_url=receiver.url, webhook_delay=[0.0, 0.0], webhook_batch_size=1, webhook_in_flight=2
    )
    for n in range(3):
        crm.contact(f"p{n}@example.com")
    assert receiver.arrived.acquire(timeout=5)
    assert receiver.arrived.acquire(timeout=5)
    state = crm.http("GET", "/_sim/webhooks", token="").json()
    assert (state["in_flight"], state["pending"], len(receiver.requests)) == (2, 4, 2)


def test_a_slow_answer_counts_as_a_failure(server: Crm, receiver: Receiver) -> None:
    receiver.open.clear()
    crm = server.fresh(webhook_target_url=receiver.url, webhook_timeout=0.05)
    crm.contact("a@example.com")
    assert flush(crm)["retried"] == 2


def test_subscriptions_are_managed_over_the_api(server: Crm, receiver: Receiver) -> None:
    crm = server.fresh(webhook_subscribe_all=False)
    from hubspot import HubSpot as Client  # noqa: PLC0415 - another client, with the developer's key

    client = Client(api_key=KEY, host=crm.url, retries=False)
    webhooks, app = client.webhooks, 1160452
    target = {"targetUrl": receiver.url, "throttling": {"maxConcurrentRequests": 10}}
    assert ok(webhooks.settings_api, "configure", app, target).target_url == receiver.url
    assert ok(webhooks.settings_api, "get_all", app).throttling.max_concurrent_requests == 10
    api = webhooks.subscriptions_api
    wanted = {"eventType": "contact.propertyChange", "propertyName": "city", "active": True}
    made = ok(api, "create", app, wanted)
    generic = ok(api, "create", app, {"eventType": "object.creation", "objectTypeId": "0-1", "active": False})
    assert ok(api, "get_by_id", generic.id, app).object_type_id == "0-1"
    ok(api, "update", generic.id, app, {"active": True})
    ok(api, "update_batch", app, {"inputs": [{"id": generic.id, "active": True}]})
    assert len(ok(api, "get_all", app).results) == 2
    crm.contact("a@example.com", city="Graz")
    flush(crm)
    kinds = {(event["subscriptionType"], event["subscriptionId"]) for event in receiver.events}
    assert kinds == {("contact.propertyChange", int(made.id)), ("object.creation", int(generic.id))}
    ok(api, "archive", made.id, app)
    assert refused(api, "get_by_id", made.id, app).status == 404
    ok(webhooks.settings_api, "clear", app)
    assert server.simulator.violations == []
