"""Lanes and web processes to test with: a configured connection on stores of this process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fakeredis
import httpx
import msgspec
import pytest
from fastapi import FastAPI

from domain import events as e
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import KEPT, Document, Section
from domain.upcasting import decode as event_of
from tests.world import BLANKS, HS, SCHEMAS, SECTION, SF, leaving
from workers.bootstrap import Runtime
from workers.clock import Clock, ManualClock
from workers.connection import ROOM, Lane
from workers.project import Projector
from workers.settings import Settings
from workers.storage.memory import MemoryStores

PORTAL = "44512002"
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
TOKEN = "open-sesame"
MOMENT = 1_767_225_000_000

ENVIRONMENT = {
    "CRMSYNC_REDIS_URL": "redis://of.this.process",
    "CRMSYNC_PUBLIC_URL": "https://sync.example.com",
    "CRMSYNC_API_TOKEN": TOKEN,
    "CRMSYNC_ACME_HUBSPOT_CLIENT_SECRET": SECRET,
}


def memory_lane(clock: Clock | None = None) -> Lane:
    clock = clock or ManualClock()
    stores = MemoryStores(clock)
    return Lane("acme", stores.log, stores.tables, stores.coordination, clock, "test")


@contextmanager
def dying_at_its_cursor(lane: Lane) -> Iterator[None]:
    """Whoever works on a memory lane dies where it would keep how far it has come."""
    alive = lane.coordination.__class__

    class Dying(alive):  # type: ignore[misc,valid-type]  # a memory lane's
        def set_cursor(self, name: str, value: str | None) -> None:
            raise KeyboardInterrupt(name, value)

    lane.coordination.__class__ = Dying
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        lane.coordination.__class__ = alive


def project(lane: Lane) -> Lane:
    """Fold all that the log holds."""
    projector = Projector(lane)
    while projector.step():
        pass
    return lane


class Projecting(ManualClock):
    """The log is folded while somebody waits."""

    lane: Lane

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        project(self.lane)


def crowded(lane: Lane) -> Lane:
    """More waits to be projected than bulk work may add to."""
    lane.append(
        [e.RecordTouched(crm=HS, object="x", id=str(n), occurred_at=1, cause="t") for n in range(ROOM)]
    )
    return lane


def append(lane: Lane, *events: e.AnyEvent) -> Lane:
    lane.append(events)
    return project(lane)


def told(lane: Lane, kind: type[e.Event]) -> list[Any]:
    """The events of a kind that the log holds."""
    found = (event_of(each.raw) for each in lane.log.read("0-0", 100_000))
    return [each for each in found if isinstance(each, kind)]


def configured(
    lane: Lane, section: Section = SECTION, *, portal: str = PORTAL, kept: int | None = KEPT
) -> Lane:
    """A lane on which everything was read once and may sync; each contact keeps so many decisions."""
    documents: list[Any] = [*SCHEMAS, Document("acme", (section,), kept)]
    names = [e.digest(msgspec.to_builtins(each)) for each in documents]
    schemas = [
        e.SchemaObserved(crm=each.crm, object=each.object, digest=name)
        for each, name in zip(SCHEMAS, names, strict=False)
    ]
    lane.append(
        [
            e.AccountObserved(crm=HS, account_id=portal, zone="UTC"),
            *schemas,
            e.ConfigurationApplied(digest=names[-1], by="test"),
            *(e.BaselineCompleted(crm=crm, object=name) for crm in Crm for name in section.kind.objects(crm)),
        ],
        documents,
    )
    return project(lane)


def runtime(**environment: str) -> Runtime:
    """A runtime on a server of this process; ``environment`` adds variables, an empty one takes one away."""
    made = Runtime(Settings.load({**ENVIRONMENT, **environment}), clock=ManualClock())
    made.redis = fakeredis.FakeRedis(server=fakeredis.FakeServer(server_type="valkey", version=(8,)))
    return made


def connect(made: Runtime, *, connected: bool) -> None:
    """Let the runtime's server go away, or come back."""
    made.redis.connection_pool.connection_kwargs["server"].connected = connected


class Client:
    """Sends requests to an application in this process, and waits until each is done with."""

    def __init__(self, app: FastAPI, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self._headers = headers or {}

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                client.headers.update(self._headers)
                return await client.request(method, path, **more)

        return asyncio.run(send())


def shown(
    crm: Crm, name: str, record_id: str, *, ticket: int = 1, source: str = "poll", **fields: Any
) -> e.AnyEvent:
    """A look at a whole record: what is not given is blank."""
    return e.RecordObserved(
        crm=crm,
        object=name,
        id=record_id,
        fields={**BLANKS[name], **fields},
        modified_at=MOMENT + ticket,
        ticket=ticket,
        source=source,
    )


def refused(
    entity: str, *, code: str = "REQUIRED_FIELD_MISSING", message: str = "no [LastName]"
) -> list[e.AnyEvent]:
    """A write that Salesforce refused for good."""
    outcome = Outcome(OutcomeClass.REJECTED, code=code, message=message)
    return [
        leaving(entity, "00Q000000000001EAA", {"City": "Graz"}),
        e.DeliveryAnswered(entity=entity, crm=SF, attempt=1, outcome=outcome, ticket=90),
    ]


ADA = "hubspot/contacts/1"


def with_ada(lane: Lane) -> Lane:
    """Ada, in both CRMs and linked; HubSpot has just moved her from Wien to Graz."""
    person: dict[str, Any] = {
        "email": "ada@example.com",
        "lastname": "Lovelace",
        "city": "Wien",
        "company": "Analytical",
    }
    lead: dict[str, Any] = {
        "Email": "ada@example.com",
        "LastName": "Lovelace",
        "City": "Wien",
        "Company": "Analytical",
    }
    append(lane, shown(HS, "contacts", "1", source="baseline", **person))
    append(lane, shown(SF, "Lead", "00Q000000000001EAA", source="baseline", **lead))
    append(lane, e.SyncRequested(entity=ADA, cause="list", by="test"))
    return append(lane, shown(HS, "contacts", "1", ticket=9, **{**person, "city": "Graz"}))
