"""The management API of webhooks: the target and the subscriptions of an app, under a developer key."""

from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import ApiError, invalid, not_found, unauthorised
from simulators.hubspot.rendering import iso
from simulators.hubspot.webhooks import Subscription

_OBJECTS = ("contact", "company", "deal", "ticket", "line_item", "object")
_KINDS = ("creation", "deletion", "merge", "restore", "propertyChange", "associationChange")
_TYPES = {f"{name}.{kind}" for name in _OBJECTS for kind in _KINDS} | {"contact.privacyDeletion"}
_NOT_SUBSCRIBABLE = {"hs_lastmodifieddate", "lastmodifieddate", "num_unique_conversion_events"}
_MOST = 1000
_LEAST_IN_FLIGHT = 6


def endpoints() -> list[Endpoint]:
    """Endpoints of webhook settings and subscriptions."""
    key = frozenset({"hapikey"})
    subscriptions = "/{app}/subscriptions"

    def endpoint(method: str, path: str, handler: Any) -> Endpoint:
        return Endpoint(method, "webhooks", path, handler, key, public=True)

    return [
        endpoint("GET", "/{app}/settings", settings),
        endpoint("PUT", "/{app}/settings", configure),
        endpoint("DELETE", "/{app}/settings", clear),
        endpoint("GET", subscriptions, every),
        endpoint("POST", subscriptions, create),
        endpoint("GET", subscriptions + "/{id}", one),
        endpoint("PATCH", subscriptions + "/{id}", update),
        endpoint("DELETE", subscriptions + "/{id}", delete),
        endpoint("POST", subscriptions + "/batch/update", batch_update),
    ]


def _check(call: Call) -> None:
    key = call.request.one("hapikey") or call.request.headers.get("authorization", "").removeprefix("Bearer ")
    if key != call.portal.settings.developer_key:
        raise unauthorised()
    if call.param("app") != str(call.portal.settings.webhook_app_id):
        raise not_found()


def _settings(call: Call) -> dict[str, Any]:
    chosen = call.portal.settings
    changed = iso(call.portal.webhooks.changed_ms)
    return {
        "targetUrl": chosen.webhook_target_url,
        "throttling": {"maxConcurrentRequests": chosen.webhook_in_flight, "period": "SECONDLY"},
        "createdAt": changed,
        "updatedAt": changed,
    }


def settings(call: Call) -> Answer:
    _check(call)
    if not call.portal.settings.webhook_target_url:
        raise not_found()
    return Answer(200, _settings(call))


def configure(call: Call) -> Answer:
    _check(call)
    body = call.body({"targetUrl", "throttling"}, {"targetUrl", "throttling"})
    in_flight = body["throttling"].get("maxConcurrentRequests", 10)
    if in_flight < _LEAST_IN_FLIGHT:
        raise invalid("maxConcurrentRequests must be greater than 5")
    call.portal.settings.webhook_target_url = str(body["targetUrl"])
    call.portal.settings.webhook_in_flight = int(in_flight)
    call.portal.webhooks.changed_ms = call.portal.clock.now_ms()
    return Answer(200, _settings(call))


def clear(call: Call) -> Answer:
    _check(call)
    call.portal.settings.webhook_target_url = ""
    return Answer(204)


def _show(entry: Subscription) -> dict[str, Any]:
    body = {
        "id": str(entry.id),
        "eventType": entry.event_type,
        "active": entry.active,
        "createdAt": iso(entry.created_ms),
        "updatedAt": iso(entry.updated_ms),
    }
    if entry.property_name is not None:
        body["propertyName"] = entry.property_name
    if entry.object_type_id is not None:
        body["objectTypeId"] = entry.object_type_id
    return body


def _find(call: Call, key: Any) -> Subscription:
    found = call.portal.webhooks.subscriptions.get(int(key)) if str(key).isdigit() else None
    if found is None:
        raise not_found()
    return found


def every(call: Call) -> Answer:
    _check(call)
    return Answer(200, {"results": [_show(entry) for entry in call.portal.webhooks.subscriptions.values()]})


def create(call: Call) -> Answer:
    _check(call)
    body = call.body({"eventType", "propertyName", "objectTypeId", "active"}, {"eventType"})
    kind, name, object_type = body["eventType"], body.get("propertyName"), body.get("objectTypeId")
    if kind not in _TYPES:
        raise invalid(f"Unknown event type {kind}")
    if kind.startswith("object.") and object_type is None:
        raise invalid("objectTypeId is required for generic subscriptions")
    if (kind.endswith(".propertyChange")) != (name is not None) or name in _NOT_SUBSCRIBABLE:
        raise invalid(f"propertyName {name} is not valid for {kind}")
    if len(call.portal.webhooks.subscriptions) >= _MOST:
        message = (
            "Couldn't create another subscription. You've reached the maximum number allowed per application "
            f"({_MOST})."
        )
        raise ApiError(400, {"status": "error", "message": message})
    entry = call.portal.webhooks.subscribe(kind, name, object_type, active=bool(body.get("active", False)))
    return Answer(201, _show(entry))


def one(call: Call) -> Answer:
    _check(call)
    return Answer(200, _show(_find(call, call.param("id"))))


def _activate(call: Call, key: Any, body: dict[str, Any]) -> dict[str, Any]:
    entry = _find(call, key)
    call.portal.webhooks.activate(entry, active=bool(body.get("active", entry.active)))
    return _show(entry)


def update(call: Call) -> Answer:
    _check(call)
    return Answer(200, _activate(call, call.param("id"), call.body({"active"})))


def delete(call: Call) -> Answer:
    _check(call)
    call.portal.webhooks.unsubscribe(_find(call, call.param("id")))
    return Answer(204)


def batch_update(call: Call) -> Answer:
    _check(call)
    inputs = call.body({"inputs"}, {"inputs"})["inputs"]
    results = [_activate(call, entry.get("id"), entry) for entry in inputs]
    now = iso(call.portal.clock.now_ms())
    return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})
