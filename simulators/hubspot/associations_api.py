"""Associations v4: of one record, and in batches."""

from typing import Any

from simulators.base import Answer
from simulators.hubspot.associations import DEFINED, Kind, Node, kinds
from simulators.hubspot.calls import Call, Endpoint, Page
from simulators.hubspot.errors import ApiError, Body, error_row, invalid, not_found
from simulators.hubspot.rendering import iso
from simulators.hubspot.table import Table

Ends = tuple[Node, Node]
_MAX_PAGE, _MAX_READ, _MAX_CREATE, _MAX_ARCHIVE = 500, 1000, 2000, 100
_READ, _WRITE = "crm.objects.{type}.read", "crm.objects.{type}.write"


def endpoints() -> list[Endpoint]:
    """Endpoints of the associations API, under their own rate limit."""
    of_record = "/{type}/{id}/associations/{to_type}"
    default = "/{type}/{id}/associations/default/{to_type}/{to_id}"
    pair = "/{type}/{to_type}"

    def single(method: str, path: str, handler: Any, query: frozenset[str], scope: str) -> Endpoint:
        return Endpoint(method, "object-associations", path, handler, query, scope, "associations")

    def batch(path: str, handler: Any, scope: str, method: str = "POST") -> Endpoint:
        return Endpoint(method, "associations", pair + path, handler, scope=scope, limit="associations")

    none: frozenset[str] = frozenset()
    return [
        single("GET", of_record, of_one, frozenset({"limit", "after"}), _READ),
        single("PUT", of_record + "/{to_id}", put, none, _WRITE),
        single("PUT", default, put_default, none, _WRITE),
        single("DELETE", of_record + "/{to_id}", delete, none, _WRITE),
        batch("/batch/read", batch_read, _READ),
        batch("/batch/create", batch_create, _WRITE),
        batch("/batch/associate/default", batch_default, _WRITE),
        batch("/batch/archive", batch_archive, _WRITE),
        batch("/batch/labels/archive", batch_archive_labels, _WRITE),
        batch("/labels", labels, _READ, "GET"),
    ]


def _far(call: Call) -> Table:
    return call.table("to_type")


def _node(table: Table, call: Call, key: Any) -> Node:
    record = table.find(call.record_id(key))
    if record is None:
        raise not_found()
    return table.type.id, record.id


def _shown(kind: Kind) -> Body:
    return {"category": DEFINED, "typeId": kind.type_id, "label": kind.label}


def _links(call: Call, node: Node, far: Table) -> list[Body]:
    return [
        {"toObjectId": other, "associationTypes": [_shown(kind) for kind in reversed(known)]}
        for other, known in call.portal.associations.of(node, far.type.id)
    ]


def of_one(call: Call) -> Answer:
    node = _node(call.table(), call, call.param("id"))
    limit, after = call.number("limit", _MAX_PAGE, _MAX_PAGE), call.number("after", 0, 10**12)
    links = [entry for entry in _links(call, node, _far(call)) if entry["toObjectId"] > after]
    cursor = str(links[limit - 1]["toObjectId"]) if len(links) > limit else None
    return Answer(200, Page(links[:limit], cursor, call.request.path).as_json())


def _wanted(call: Call, types: Any) -> list[Kind]:
    """The kinds that a body's association types name; 400 for one that does not fit the pair."""
    if not isinstance(types, list) or not types:
        raise invalid("Invalid input JSON on line 1, column 1: association types are required")
    known = {kind.type_id: kind for kind in kinds(call.table().type.id, _far(call).type.id)}
    for entry in types:
        call.check_fields(entry, {"associationCategory", "associationTypeId"})
        if entry.get("associationTypeId") not in known:
            raise invalid(f"One or more association types are not valid: {entry.get('associationTypeId')}")
    return [known[entry["associationTypeId"]] for entry in types]


def _pair(call: Call, node: Node, other: Node) -> Body:
    labels = [
        kind.label
        for to_id, known in call.portal.associations.of(node, other[0])
        if to_id == other[1]
        for kind in known
        if kind.label
    ]
    return {
        "fromObjectTypeId": node[0],
        "fromObjectId": node[1],
        "toObjectTypeId": other[0],
        "toObjectId": other[1],
        "labels": labels,
    }


def put(call: Call) -> Answer:
    node, other = _node(call.table(), call, call.param("id")), _node(_far(call), call, call.param("to_id"))
    for kind in _wanted(call, call.json()):
        call.portal.associate(node, other, kind, call.origin)
    return Answer(201, _pair(call, node, other))


def _default_kind(call: Call) -> Kind:
    known = kinds(call.table().type.id, _far(call).type.id)
    if not known:
        raise invalid(f"No association type from {call.param('type')} to {call.param('to_type')}")
    return known[0]


def _defaults(call: Call, node: Node, other: Node) -> list[Body]:
    kind = _default_kind(call)
    call.portal.associate(node, other, kind, call.origin)
    ends = ((node, other, kind.type_id), (other, node, kind.inverse))
    return [
        {
            "from": {"id": str(near[1])},
            "to": {"id": str(far[1])},
            "associationSpec": {"associationCategory": DEFINED, "associationTypeId": number},
        }
        for near, far, number in ends
    ]


def put_default(call: Call) -> Answer:
    node, other = _node(call.table(), call, call.param("id")), _node(_far(call), call, call.param("to_id"))
    return batch_answer(call, 200, _defaults(call, node, other), [])


def delete(call: Call) -> Answer:
    node, other = _node(call.table(), call, call.param("id")), _node(_far(call), call, call.param("to_id"))
    call.portal.dissociate(node, other, None, call.origin)
    return Answer(204)


def batch_inputs(call: Call, most: int, allowed: set[str]) -> list[Body]:
    """The inputs of a batch, checked for number and fields."""
    inputs = call.body({"inputs"}, {"inputs"})["inputs"]
    if not isinstance(inputs, list) or len(inputs) > most:
        raise invalid(f"The maximum number of inputs supported in a batch request is {most}")
    for entry in inputs:
        call.check_fields(entry, allowed)
    call.request.rows = len(inputs)
    return inputs


def batch_answer(call: Call, status: int, results: list[Body], errors: list[Body]) -> Answer:
    """The answer to a batch; 207 with errors."""
    now = iso(call.portal.clock.now_ms())
    body: Body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(207 if errors else status, body)


def batch_read(call: Call) -> Answer:
    table, far = call.table(), _far(call)
    results, missing = [], []
    for entry in batch_inputs(call, _MAX_READ, {"id", "after"}):
        record = table.find(call.record_id(entry.get("id")))
        links = [] if record is None else _links(call, (table.type.id, record.id), far)
        if links:
            results.append({"from": {"id": str(entry["id"])}, "to": links})
        else:
            missing.append(str(entry.get("id")))
    message = f"No {far.type.singular} is associated with {table.type.singular} %s."
    context = {"fromObjectId": missing}
    errors = [
        {
            **error_row("OBJECT_NOT_FOUND", message % key, context),
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        }
        for key in missing
    ]
    return batch_answer(call, 200, results, errors)


def _ends(call: Call, entry: Body) -> Ends:
    node = _node(call.table(), call, (entry.get("from") or {}).get("id"))
    return node, _node(_far(call), call, (entry.get("to") or {}).get("id"))


def ends_or_error(call: Call, entry: Body, errors: list[Body]) -> Ends | None:
    """The two records of an input; None, and an entry in `errors`, where one does not exist."""
    try:
        return _ends(call, entry)
    except ApiError:
        context = {"fromObjectId": [str(entry.get("from"))], "toObjectId": [str(entry.get("to"))]}
        errors.append(error_row("OBJECT_NOT_FOUND", "One of the objects does not exist", context))
        return None


def batch_create(call: Call) -> Answer:
    results: list[Body] = []
    errors: list[Body] = []
    for entry in batch_inputs(call, _MAX_CREATE, {"from", "to", "types"}):
        wanted = _wanted(call, entry.get("types"))
        ends = ends_or_error(call, entry, errors)
        if ends is not None:
            for kind in wanted:
                call.portal.associate(*ends, kind, call.origin)
            results.append(_pair(call, *ends))
    return batch_answer(call, 201, results, errors)


def batch_default(call: Call) -> Answer:
    results: list[Body] = []
    errors: list[Body] = []
    for entry in batch_inputs(call, _MAX_CREATE, {"from", "to"}):
        ends = ends_or_error(call, entry, errors)
        results += [] if ends is None else _defaults(call, *ends)
    return batch_answer(call, 200, results, errors)


def batch_archive(call: Call) -> Answer:
    for entry in batch_inputs(call, _MAX_ARCHIVE, {"from", "to"}):
        node = _node(call.table(), call, (entry.get("from") or {}).get("id"))
        for target in entry.get("to") or []:
            other = (_far(call).type.id, call.record_id(target.get("id")))
            call.portal.dissociate(node, other, None, call.origin)
    return Answer(204)


def batch_archive_labels(call: Call) -> Answer:
    for entry in batch_inputs(call, _MAX_ARCHIVE, {"from", "to", "types"}):
        numbers = {kind.type_id for kind in _wanted(call, entry.get("types"))}
        call.portal.dissociate(*_ends(call, entry), numbers, call.origin)
    return Answer(204)


def labels(call: Call) -> Answer:
    known = kinds(call.table().type.id, _far(call).type.id)
    return Answer(200, {"results": [_shown(kind) for kind in known]})
