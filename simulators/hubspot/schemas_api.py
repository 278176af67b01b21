"""Pipelines and custom object schemas, as far as readers ask for them."""

from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import not_found
from simulators.hubspot.rendering import iso

_PIPELINES = {"deals": ("pipeline", "dealstage"), "tickets": ("hs_pipeline", "hs_pipeline_stage")}
_CLOSED = {"closedwon", "closedlost", "4"}


def endpoints() -> list[Endpoint]:
    """Endpoints of pipelines and schemas, read only."""
    scope = "crm.schemas.{type}.read"
    return [
        Endpoint("GET", "pipelines", "/{type}", pipelines, scope=scope),
        Endpoint("GET", "pipelines", "/{type}/{pipeline}", pipeline, scope=scope),
        Endpoint("GET", "pipelines", "/{type}/{pipeline}/stages", stages, scope=scope),
        Endpoint("GET", "schemas", "", schemas, frozenset({"archived"}), "crm.schemas.custom.read"),
    ]


def _stages(call: Call) -> list[dict[str, Any]]:
    table = call.table()
    prop = table.properties[_PIPELINES[table.type.name][1]]
    created = iso(prop.created_ms)
    return [
        {
            "id": option["value"],
            "label": option["label"],
            "displayOrder": option["displayOrder"],
            "metadata": {"isClosed": str(option["value"] in _CLOSED).lower()},
            "createdAt": created,
            "updatedAt": created,
            "archived": False,
        }
        for option in prop.options
    ]


def _pipelines(call: Call) -> list[dict[str, Any]]:
    table = call.table()
    if table.type.name not in _PIPELINES:
        return []
    prop = table.properties[_PIPELINES[table.type.name][0]]
    created = iso(prop.created_ms)
    return [
        {
            "id": option["value"],
            "label": option["label"],
            "displayOrder": option["displayOrder"],
            "stages": _stages(call),
            "createdAt": created,
            "updatedAt": created,
            "archived": False,
        }
        for option in prop.options
    ]


def pipelines(call: Call) -> Answer:
    return Answer(200, {"results": _pipelines(call)})


def pipeline(call: Call) -> Answer:
    for entry in _pipelines(call):
        if entry["id"] == call.param("pipeline"):
            return Answer(200, entry)
    raise not_found()


def stages(call: Call) -> Answer:
    pipeline(call)
    return Answer(200, {"results": _stages(call)})


def schemas(_: Call) -> Answer:
    """There are no custom objects."""
    return Answer(200, {"results": []})
