"""Webhooks: which changes are told to whom, and their delivery (the documentation's webhooks guide).

Delivery is at least once, in no order, in batches of at most 100, at most ten requests at a time; a request
that fails or takes over five seconds is tried again, ten times within a day.
"""

import asyncio
import base64
import hashlib
import hmac
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

import httpx
import orjson

from simulators.clock import Clock
from simulators.hubspot.records import Origin, Record, Table
from simulators.hubspot.settings import HubSpotSettings

_DECODED = (
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
)
_FIRST_RETRY_S = 60.0
_IDLE_S = 0.5
_SUCCESS = range(200, 300)
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs no time to make
Event = dict[str, Any]


def signature_v1(secret: str, body: bytes) -> str:
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, uri: str, body: bytes, timestamp: str) -> str:
    for encoded, plain in _DECODED:
        uri = uri.replace(encoded, plain).replace(encoded.lower(), plain)
    message = b"POST" + uri.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


@dataclass(slots=True)
class Subscription:
    """A subscription of the webhooks API; `object_type_id` only with generic `object.*` types."""

    id: int
    event_type: str
    property_name: str | None
    object_type_id: str | None
    active: bool
    created_ms: int
    updated_ms: int


@dataclass(order=True, slots=True)
class _Pending:
    due_ms: int
    number: int
    event: Event = field(compare=False)


class Webhooks:
    """Subscriptions, events not delivered yet, and their sender."""

    def __init__(self, settings: HubSpotSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self.subscriptions: dict[int, Subscription] = {}
        self.tally: Counter[str] = Counter()
        self.changed_ms = clock.now_ms()
        self._found: dict[tuple[str, str, str | None], list[tuple[int, str]]] = {}
        self._queue: list[_Pending] = []
        self._numbers = 0
        self._in_flight = 0
        self._news: asyncio.Event | None = None
        self._configured: list[dict[str, Any]] = []
        self.configure()

    def configure(self) -> None:
        """Take over subscriptions from the settings, and forget who was subscribed to what."""
        self._found.clear()
        for spec in self._settings.webhook_subscriptions:
            if spec not in self._configured:
                active = bool(spec.get("active", True))
                self.subscribe(
                    spec["eventType"], spec.get("propertyName"), spec.get("objectTypeId"), active=active
                )
        self._configured = list(self._settings.webhook_subscriptions)

    def subscribe(
        self, event_type: str, property_name: str | None, object_type_id: str | None, *, active: bool
    ) -> Subscription:
        now_ms = self._clock.now_ms()
        number = max(self.subscriptions, default=2_250_109) + 1
        entry = Subscription(number, event_type, property_name, object_type_id, active, now_ms, now_ms)
        self.subscriptions[number] = entry
        self._found.clear()
        return entry

    def activate(self, entry: Subscription, *, active: bool) -> None:
        entry.active = active
        entry.updated_ms = self._clock.now_ms()
        self._found.clear()

    def unsubscribe(self, entry: Subscription) -> None:
        del self.subscriptions[entry.id]
        self._found.clear()

    def created(self, table: Table, record: Record, origin: Origin, now_ms: int) -> None:
        """A creation and a change per property, as one burst with the same time."""
        if not self._on():
            return
        events = self._events(table, "creation", None, {"objectId": record.id, "changeFlag": "CREATED"})
        for name, value in record.values.items():
            events += self._value_events(table, record.id, name, value)
        self._send(events, origin, now_ms)

    def changed(
        self, table: Table, record: Record, names: Iterable[str], origin: Origin, now_ms: int
    ) -> None:
        if not self._on():
            return
        events: list[Event] = []
        for name in names:
            events += self._value_events(table, record.id, name, record.values.get(name, ""))
        self._send(events, origin, now_ms)

    def happened(self, table: Table, kind: str, body: Event, origin: Origin, now_ms: int) -> None:
        """Any other event of an object: deletion, merge, restore, privacyDeletion, associationChange."""
        if self._on():
            self._send(self._events(table, kind, None, body), origin, now_ms)

    def _on(self) -> bool:
        return self._settings.webhook_enabled and bool(self._settings.webhook_target_url)

    def _value_events(self, table: Table, record_id: int, name: str, value: str) -> list[Event]:
        prop = table.properties[name]
        if not prop.writable:
            return []
        body = {"objectId": record_id, "propertyName": name, "propertyValue": _told(prop.type, value)}
        return self._events(table, "propertyChange", name, body)

    def _events(self, table: Table, kind: str, name: str | None, body: Event) -> list[Event]:
        events = []
        for number, event_type in self._subscribed(table, kind, name):
            event = {"subscriptionId": number, "subscriptionType": event_type, **body}
            if event_type.startswith("object."):
                _make_generic(event, table, kind)
            events.append(event)
        return events

    def _subscribed(self, table: Table, kind: str, name: str | None) -> list[tuple[int, str]]:
        key = (table.type.id, kind, name)
        if key not in self._found:
            self._found[key] = list(self._find_subscribed(table, kind, name))
        return self._found[key]

    def _find_subscribed(self, table: Table, kind: str, name: str | None) -> Iterator[tuple[int, str]]:
        own_type, generic = f"{table.type.singular}.{kind}", f"object.{kind}"
        explicit = False
        for entry in self.subscriptions.values():
            about = entry.event_type == own_type or (
                entry.event_type == generic and entry.object_type_id == table.type.id
            )
            if about and entry.active and entry.property_name == name:
                explicit = explicit or entry.event_type == own_type
                yield entry.id, entry.event_type
        if self._settings.webhook_subscribe_all and not explicit:
            yield 3_300_000 + len(self._found), own_type

    def _send(self, events: list[Event], origin: Origin, now_ms: int) -> None:
        settings, rng = self._settings, self._rng
        delay_ms = int(1000 * rng.uniform(*settings.webhook_delay))
        common = {
            "portalId": settings.portal_id,
            "appId": settings.webhook_app_id,
            "occurredAt": now_ms,
            "attemptNumber": 0,
            "changeSource": origin.source,
            "sourceId": origin.source_id,
        }
        for event in events:
            if rng.uniform(0, 1) < settings.webhook_loss_rate:
                self.tally["lost"] += 1
                continue
            whole = {"eventId": rng.getrandbits(32), **event, **common}
            self._enqueue(whole, now_ms + delay_ms)
            if rng.uniform(0, 1) < settings.webhook_duplicate_rate:
                self.tally["duplicated"] += 1
                self._enqueue(dict(whole), now_ms + delay_ms + rng.randrange(1, 500))

    def _enqueue(self, event: Event, due_ms: int) -> None:
        self._numbers += 1
        heappush(self._queue, _Pending(due_ms, self._numbers, event))
        if self._news is not None:
            self._news.set()

    def state(self) -> dict[str, Any]:
        """Counts for the control API."""
        counts = {name: self.tally[name] for name in ("delivered", "failed", "retried", "lost", "duplicated")}
        waiting = {"pending": len(self._queue), "in_flight": self._in_flight}
        return {**waiting, **counts, "requests": self.tally["requests"]}

    async def run(self, active: Callable[[], bool]) -> None:
        """Deliver events as they fall due, while `active` says so."""
        self._news = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()
        async with self._client() as client:
            while active():
                self._news.clear()
                while self._in_flight < self._settings.webhook_in_flight and (batch := self._due()):
                    task = asyncio.create_task(self._deliver(client, batch))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                await self._rest()

    async def _rest(self) -> None:
        assert self._news is not None
        wait_s = _IDLE_S
        if self._queue and self._in_flight < self._settings.webhook_in_flight:
            wait_s = min(wait_s, max(0.005, (self._queue[0].due_ms - self._clock.now_ms()) / 1000))
        try:
            await asyncio.wait_for(self._news.wait(), wait_s)
        except TimeoutError:
            return

    def _due(self, *, everything: bool = False) -> list[Event]:
        now_ms = self._clock.now_ms()
        batch: list[Event] = []
        while self._queue and len(batch) < self._settings.webhook_batch_size:
            if not everything and self._queue[0].due_ms > now_ms:
                break
            batch.append(heappop(self._queue).event)
        if self._settings.webhook_shuffle:
            self._rng.shuffle(batch)
        if batch:
            self._in_flight += 1
        return batch

    async def flush(self) -> dict[str, Any]:
        """One attempt at everything that waits, retries included; then the counts."""
        batches = []
        while batch := self._due(everything=True):
            batches.append(batch)
        async with self._client() as client:
            for batch in batches:
                await self._deliver(client, batch)
        return self.state()

    def _client(self) -> httpx.AsyncClient:
        context = _NO_TLS
        if self._settings.webhook_target_url.startswith("https:"):
            context = ssl.create_default_context(cafile=self._settings.webhook_ca_file or None)
        return httpx.AsyncClient(timeout=self._settings.webhook_timeout, trust_env=False, verify=context)

    async def _deliver(self, client: httpx.AsyncClient, batch: list[Event]) -> None:
        body = orjson.dumps(batch)
        self.tally["requests"] += 1
        try:
            answer = await client.post(
                self._settings.webhook_target_url, content=body, headers=self._headers(body)
            )
            delivered = answer.status_code in _SUCCESS
        except httpx.HTTPError:
            delivered = False
        self._in_flight -= 1
        if delivered:
            self.tally["delivered"] += len(batch)
        else:
            self._retry(batch)
        if self._news is not None:
            self._news.set()

    def _retry(self, batch: list[Event]) -> None:
        settings = self._settings
        for event in batch:
            attempt = event["attemptNumber"] + 1
            if attempt > settings.webhook_retries:
                self.tally["failed"] += 1
                continue
            again = {**event, "attemptNumber": attempt}
            if not settings.webhook_retry_keeps_event_id:
                again["eventId"] = self._rng.getrandbits(32)
            pause_s = _FIRST_RETRY_S * 2 ** (attempt - 1) * self._rng.uniform(0.5, 1.5)
            self.tally["retried"] += 1
            self._enqueue(
                again, self._clock.now_ms() + int(1000 * pause_s * settings.webhook_retry_compression)
            )

    def _headers(self, body: bytes) -> dict[str, str]:
        settings = self._settings
        headers = {"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"}
        if "v1" in settings.webhook_signatures:
            headers["X-HubSpot-Signature"] = signature_v1(settings.webhook_secret, body)
            headers["X-HubSpot-Signature-Version"] = "v1"
        if "v3" in settings.webhook_signatures:
            timestamp = str(self._clock.now_ms())
            headers["X-HubSpot-Request-Timestamp"] = timestamp
            signed = signature_v3(settings.webhook_secret, settings.webhook_target_url, body, timestamp)
            headers["X-HubSpot-Signature-v3"] = signed
        return headers


def _make_generic(event: Event, table: Table, kind: str) -> None:
    """Turn an event into the form of the generic `object.*` subscriptions."""
    if kind == "associationChange":
        event.pop("associationType", None)
        return
    event["objectTypeId"] = table.type.id
    if kind == "propertyChange":
        event["isSensitive"] = False


def _told(kind: str, value: str) -> str:
    """A value as events carry it: dates in epoch milliseconds."""
    if not value or kind not in {"date", "datetime"}:
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return str(round(moment.timestamp() * 1000))
