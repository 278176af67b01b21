"""Older routes that readers of HubSpot still call: property lists of v1 and v2, associations v3."""

from typing import Any

from simulators.base import Answer
from simulators.hubspot.associations import Kind, Node, kinds
from simulators.hubspot.associations_api import Ends, batch_answer, batch_inputs, ends_or_error
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import Body, error_row, invalid

_MAX_READ, _MAX_WRITE = 1000, 2000
_PAIR = "/{type}/{to_type}/batch"
_READ, _WRITE = "crm.objects.{type}.read", "crm.objects.{type}.write"


def endpoints() -> list[Endpoint]:
    """Endpoints of earlier generations."""

    def pair(verb: str, handler: Any, scope: str) -> Endpoint:
        return Endpoint("POST", "associations-v3", f"{_PAIR}/{verb}", handler, scope=scope)

    return [
        Endpoint("GET", "properties-old", "/{type}/properties", properties, scope="crm.schemas.{type}.read"),
        Endpoint(
            "GET", "companies-v2", "/properties", company_properties, scope="crm.schemas.companies.read"
        ),
        pair("read", batch_read, _READ),
        pair("create", batch_create, _WRITE),
        pair("archive", batch_archive, _WRITE),
    ]


def properties(call: Call) -> Answer:
    return Answer(200, [prop.as_json() for prop in call.table().properties.values() if not prop.archived])


def company_properties(call: Call) -> Answer:
    call.request.params["type"] = "companies"
    return properties(call)


def _linked(call: Call, node: Node, to_type: str) -> list[Body]:
    return [
        {"id": str(other), "type": kind.name}
        for other, known in call.portal.associations.of(node, to_type)
        for kind in reversed(known)
    ]


def batch_read(call: Call) -> Answer:
    table, far = call.table(), call.table("to_type")
    results, errors = [], []
    for entry in batch_inputs(call, _MAX_READ, {"id"}):
        key = str(entry.get("id"))
        links = _linked(call, (table.type.id, table.resolve(call.record_id(key))), far.type.id)
        if links:
            results.append({"from": {"id": key}, "to": links})
        else:
            message = f"No {far.type.singular} is associated with {table.type.singular} {key}."
            errors.append(error_row("OBJECT_NOT_FOUND", message, {"fromObjectId": [key]}))
    return batch_answer(call, 200, results, errors)


def _named(call: Call, name: Any) -> Kind:
    for kind in kinds(call.table().type.id, call.table("to_type").type.id):
        if name in {kind.name, str(kind.type_id)}:
            return kind
    raise invalid(f"{name} is not a valid association type")


def _each(call: Call, errors: list[Body]) -> list[tuple[Ends, Kind, Body]]:
    """The inputs whose ends exist; the others go to `errors`."""
    found = []
    for entry in batch_inputs(call, _MAX_WRITE, {"from", "to", "type"}):
        kind, ends = _named(call, entry.get("type")), ends_or_error(call, entry, errors)
        if ends is not None:
            found.append((ends, kind, entry))
    return found


def batch_create(call: Call) -> Answer:
    errors: list[Body] = []
    results = []
    for (node, other), kind, entry in _each(call, errors):
        call.portal.associate(node, other, kind, call.origin)
        results.append(entry)
    return batch_answer(call, 201, results, errors)


def batch_archive(call: Call) -> Answer:
    for (node, other), kind, _ in _each(call, []):
        call.portal.dissociate(node, other, {kind.type_id}, call.origin)
    return Answer(204)
