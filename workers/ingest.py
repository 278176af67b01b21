"""Ingest: what HubSpot's webhooks say, as events of the log.

A changed value is taken as it came only where the property's type makes that safe; otherwise the event
says no more than that the record changed, and it is read. Neither order nor repetition matters: an event
is named by what it says, and HubSpot's ``eventId`` and ``attemptNumber`` are no part of it.

Source: HubSpot's "Webhooks API" guide.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec

from domain.events import AnyEvent, RecordGone, RecordObserved, RecordsMerged, RecordTouched
from domain.identity import Crm
from domain.policy import KindPolicy, Policy
from domain.state import Connection
from domain.upcasting import UNDECODABLE
from domain.wire import UNSAFE, from_webhook
from workers.connection import Lane

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

OBJECTS = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "product": "products",
    "line_item": "line_items",
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-5": "tickets",
    "0-7": "products",
    "0-8": "line_items",
}
"""A subscription's prefix, or the object type id of a generic one, to the object's name in paths.

A custom object's type id (``2-...``) is its name in paths.
"""


class Hook(msgspec.Struct, frozen=True):
    """One item of a webhook's body; which keys it has depends on its type."""

    portalId: _Number  # noqa: N815 - HubSpot's own keys, here and below
    occurredAt: _Number  # noqa: N815
    subscriptionType: str | None = None  # noqa: N815
    eventType: str | None = None  # noqa: N815 - the older name of the same
    objectId: _Number | None = None  # noqa: N815
    objectTypeId: str | None = None  # noqa: N815
    propertyName: str | None = None  # noqa: N815
    propertyValue: Any = None  # noqa: N815
    primaryObjectId: _Number | None = None  # noqa: N815
    mergedObjectIds: list[_Number] = []  # noqa: N815
    newObjectId: _Number | None = None  # noqa: N815
    fromObjectId: _Number | None = None  # noqa: N815
    fromObjectTypeId: str | None = None  # noqa: N815


class Fate(StrEnum):
    """What became of one item."""

    TAKEN = "taken"
    REPEATED = "repeated"  #: the log holds it already
    UNREADABLE = "unreadable"  #: lacks a key that its type needs, or is no item at all
    OTHER_PORTAL = "other_portal"
    OTHER_OBJECT = "other_object"  #: no kind of entity is configured for it
    NOT_NEEDED = "not_needed"  #: a property that nothing reads, or a type that says nothing


class UnreadableBodyError(ValueError):
    """Nothing of a body can be used."""


def take(lane: Lane, body: bytes) -> Counter[Fate]:
    """Append what a webhook says; returns how many of its items met which fate.

    One append for the whole body: when this returns, all of it is in the log.

    Raises:
        UnreadableBodyError: if the body is no JSON array, or no item of it can be read.
    """
    hooks, unreadable = read(body)
    known = lane.known()
    told = translate(hooks, known.policy, _portal(known.state))
    fates = Counter(each for each in told if isinstance(each, Fate))
    fates[Fate.UNREADABLE] += unreadable
    events = [each for each in told if not isinstance(each, Fate)]
    if fates[Fate.UNREADABLE] and fates[Fate.UNREADABLE] == len(hooks) + unreadable:
        raise UnreadableBodyError("no item has the keys that its type needs")
    fates[Fate.TAKEN] = lane.append(events)
    fates[Fate.REPEATED] = len(events) - fates[Fate.TAKEN]
    return +fates


def _portal(state: Connection) -> str:
    """The portal's id; empty until it was seen."""
    return state.accounts.get(Crm.HUBSPOT, ("", ""))[0]


# -- reading


_decode = msgspec.json.Decoder(list[Hook]).decode


class Read(NamedTuple):
    """The items of a body."""

    hooks: list[Hook]
    unreadable: int


def read(body: bytes) -> Read:
    """Read a body; one bad item does not spoil the others.

    Raises:
        UnreadableBodyError: if it is no JSON array.
    """
    try:
        return Read(_decode(body), 0)
    except UNDECODABLE:
        return _read_apart(body)


def _read_apart(body: bytes) -> Read:
    """Read item by item, text that is no Unicode included: slow, for bodies that hold something odd."""
    try:
        items = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise UnreadableBodyError("it is not a JSON array")
    hooks = [hook for item in items if (hook := _read_one(item)) is not None]
    return Read(hooks, len(items) - len(hooks))


def _read_one(item: object) -> Hook | None:
    try:
        hook = msgspec.convert(item, Hook)
        str(hook.propertyValue).encode()
    except msgspec.ValidationError:
        return None
    except UnicodeEncodeError:
        return msgspec.structs.replace(hook, propertyValue=None)
    return hook


# -- translating


def translate(hooks: Sequence[Hook], policy: Policy, portal: str) -> list[AnyEvent | Fate]:
    """Say each item as an event, or why it makes none. An empty ``portal`` is not known yet."""
    return list(_translated(hooks, policy, portal))


def _translated(hooks: Sequence[Hook], policy: Policy, portal: str) -> Iterator[AnyEvent | Fate]:
    for hook in hooks:
        prefix, _, what = (hook.subscriptionType or hook.eventType or "").partition(".")
        name = _object(hook, prefix)
        kind = policy.by_object.get((Crm.HUBSPOT, name))
        say = _SAID.get(what)
        if not prefix:
            yield Fate.UNREADABLE
        elif portal and str(hook.portalId) != portal:
            yield Fate.OTHER_PORTAL
        elif kind is None:
            yield Fate.OTHER_OBJECT
        elif say is None:
            yield Fate.NOT_NEEDED
        else:
            yield say(hook, name, kind)


def _object(hook: Hook, prefix: str) -> str:
    generic = prefix == "object"
    name = (hook.objectTypeId or hook.fromObjectTypeId or "") if generic else prefix
    return OBJECTS.get(name, name)


def _touched(hook: Hook, name: str, cause: str, field: str | None = None) -> AnyEvent | Fate:
    record = hook.fromObjectId if hook.objectId is None else hook.objectId
    if record is None:
        return Fate.UNREADABLE
    return RecordTouched(
        crm=Crm.HUBSPOT, object=name, id=str(record), occurred_at=hook.occurredAt, cause=cause, field=field
    )


def _created(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    return _touched(hook, name, "created")


def _restored(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    return _touched(hook, name, "restored")


def _associated(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    return _touched(hook, name, "changed")


def _changed(hook: Hook, name: str, kind: KindPolicy) -> AnyEvent | Fate:
    field = hook.propertyName
    if hook.objectId is None or not field:
        return Fate.UNREADABLE
    if field not in kind.needed[Crm.HUBSPOT, name]:
        return Fate.NOT_NEEDED
    schema = kind.schemas.get((Crm.HUBSPOT, name))
    described = schema.fields.get(field) if schema else None
    if described is None or not isinstance(hook.propertyValue, str):
        return _touched(hook, name, "changed", field)
    value = from_webhook(hook.propertyValue, described)
    if value is UNSAFE:
        return _touched(hook, name, "changed", field)
    return RecordObserved(
        crm=Crm.HUBSPOT,
        object=name,
        id=str(hook.objectId),
        fields={field: value},
        modified_at=hook.occurredAt,
        ticket=0,
        source="webhook",
    )


def _deleted(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    return _gone(hook, name, "deleted")


def _erased(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    return _gone(hook, name, "erased")


def _gone(hook: Hook, name: str, cause: str) -> AnyEvent | Fate:
    if hook.objectId is None:
        return Fate.UNREADABLE
    return RecordGone(
        crm=Crm.HUBSPOT, object=name, id=str(hook.objectId), cause=cause, at=hook.occurredAt, ticket=0
    )


def _merged(hook: Hook, name: str, _: KindPolicy) -> AnyEvent | Fate:
    """The record that goes on is a new one, or the primary one where the portal keeps its id."""
    primary = hook.objectId if hook.primaryObjectId is None else hook.primaryObjectId
    winner = hook.newObjectId or primary
    losers = [each for each in dict.fromkeys([primary, *hook.mergedObjectIds]) if each not in {None, winner}]
    if winner is None or not losers:
        return Fate.UNREADABLE
    return RecordsMerged(
        crm=Crm.HUBSPOT,
        object=name,
        winner=str(winner),
        losers=tuple(map(str, losers)),
        at=hook.occurredAt,
    )


_SAID: dict[str, Callable[[Hook, str, KindPolicy], AnyEvent | Fate]] = {
    "creation": _created,
    "propertyChange": _changed,
    "deletion": _deleted,
    "privacyDeletion": _erased,
    "merge": _merged,
    "restore": _restored,
    "associationChange": _associated,
}
