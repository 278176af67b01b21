"""Webhooks: the subscriptions of the app, and which events a change makes (the webhooks guide)."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulators.clock import Clock
from simulators.hubspot.records import Origin, Record
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.table import Table
from simulators.hubspot.webhook_delivery import Delivery, Event


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


class Webhooks:
    """Subscriptions, and the events they ask for."""

    def __init__(self, settings: HubSpotSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self.delivery = Delivery(settings, clock, rng)
        self.subscriptions: dict[int, Subscription] = {}
        self.changed_ms = clock.now_ms()
        self._found: dict[tuple[str, str, str | None], list[tuple[int, str]]] = {}
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
        if not (prop.writable or prop.told):
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
        settings = self._settings
        common = {
            "portalId": settings.portal_id,
            "appId": settings.webhook_app_id,
            "occurredAt": now_ms,
            "attemptNumber": 0,
            "changeSource": origin.source,
            "sourceId": origin.source_id,
        }
        numbers = self._rng.getrandbits
        self.delivery.add([{"eventId": numbers(32), **event, **common} for event in events], now_ms)


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
