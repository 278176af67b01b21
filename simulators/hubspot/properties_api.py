"""Property definitions and their groups."""

import re
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, api_error
from simulators.hubspot.errors import ApiError, Body, invalid
from simulators.hubspot.formulas import Formula, compile_formula
from simulators.hubspot.properties import FIELD_TYPES, Property
from simulators.hubspot.rendering import iso
from simulators.hubspot.table import Table

_EDITABLE = {
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hidden",
    "formField",
    "calculationFormula",
}
_CREATE = _EDITABLE | {
    "name",
    "hasUniqueValue",
    "externalOptions",
    "referencedObjectType",
    "dataSensitivity",
    "currencyPropertyName",
    "numberDisplayHint",
    "showCurrencySymbol",
}
_REQUIRED = {"name", "label", "type", "fieldType", "groupName"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_MAX_UNIQUE = 10
_MAX_BATCH = 100
_READ, _WRITE = "crm.schemas.{type}.read", "crm.schemas.{type}.write"


def endpoints() -> list[Endpoint]:
    """Endpoints of the properties API."""
    shown = frozenset({"archived", "properties", "dataSensitivity", "locale"})

    def endpoint(method: str, path: str, handler: Any, query: frozenset[str] = frozenset()) -> Endpoint:
        return Endpoint(method, "properties", "/{type}" + path, handler, query, _READ if query else _WRITE)

    return [
        endpoint("GET", "", every, shown),
        endpoint("POST", "", create),
        endpoint("GET", "/{name}", one, shown),
        endpoint("PATCH", "/{name}", update),
        endpoint("DELETE", "/{name}", archive),
        endpoint("POST", "/batch/create", batch_create),
        Endpoint("POST", "properties", "/{type}/batch/read", batch_read, scope=_READ),
        endpoint("POST", "/batch/archive", batch_archive),
        endpoint("GET", "/groups", groups, shown),
        endpoint("POST", "/groups", create_group),
        endpoint("GET", "/groups/{group}", one_group, shown),
        endpoint("PATCH", "/groups/{group}", update_group),
        endpoint("DELETE", "/groups/{group}", archive_group),
    ]


def _find(table: Table, name: str, *, archived: bool = False) -> Property:
    found = table.properties.get(name)
    if found is None or found.archived is not archived:
        raise api_error(
            404, f"Property {name} of object type {table.type.id} does not exist", "OBJECT_NOT_FOUND"
        )
    return found


def every(call: Call) -> Answer:
    archived = call.flag("archived")
    shown = [p.as_json() for p in call.table().properties.values() if p.archived is archived]
    return Answer(200, {"results": shown})


def one(call: Call) -> Answer:
    return Answer(200, _find(call.table(), call.param("name"), archived=call.flag("archived")).as_json())


def create(call: Call) -> Answer:
    return Answer(201, _create(call, call.body(_CREATE, _REQUIRED)).as_json())


def _create(call: Call, body: Body) -> Property:
    table = call.table()
    _check_new(call, table, body)
    now_ms = call.portal.clock.now_ms()
    prop = Property(
        name=body["name"],
        label=body["label"],
        type=body["type"],
        field_type=body["fieldType"],
        group=body["groupName"],
        description=body.get("description") or "",
        options=_options(call, body.get("options") or []),
        unique=bool(body.get("hasUniqueValue")),
        calculated=body["fieldType"] == "calculation_equation",
        hidden=bool(body.get("hidden")),
        form_field=bool(body.get("formField")),
        external_options=bool(body.get("externalOptions")),
        referenced=body.get("referencedObjectType") or "",
        formula=body.get("calculationFormula") or "",
        display_order=body.get("displayOrder", -1),
        created_ms=now_ms,
        updated_ms=now_ms,
        user_id=str(call.token.user_id) if call.token and call.token.user_id else "",
    )
    if prop.formula:
        table.formulas[prop.name] = _formula(prop.formula)
    table.properties[prop.name] = prop
    if prop.unique:
        table.unique[prop.name] = {}
    return prop


def _formula(text: str) -> Formula:
    try:
        return compile_formula(text)
    except ValueError as error:
        raise invalid(str(error)) from error


def _check_new(call: Call, table: Table, body: Body) -> None:
    name = str(body.get("name"))
    if not _NAME.fullmatch(name):
        raise invalid(f"Property name {name} is not valid: lower-case letters, digits and underscores")
    if name in table.properties and not table.properties[name].archived:
        message = f'A property named "{name}" already exists.'
        raise api_error(409, message, "OBJECT_ALREADY_EXISTS")
    if body["fieldType"] not in FIELD_TYPES.get(body["type"], set()):
        raise invalid(f"fieldType {body['fieldType']} is not valid for type {body['type']}")
    if body["groupName"] not in call.portal.groups[table.type.name]:
        raise invalid(f"Property group {body['groupName']} does not exist")
    if body["type"] == "enumeration" and body["fieldType"] != "calculation_equation":
        _require_options(body)
    custom = [p for p in table.properties.values() if p.unique and not p.hubspot_defined]
    if body.get("hasUniqueValue") and len(custom) >= _MAX_UNIQUE:
        raise invalid(f"At most {_MAX_UNIQUE} unique properties per object type")


def _require_options(body: Body) -> None:
    if not (body.get("options") or body.get("externalOptions")):
        raise invalid("An enumeration property requires options")


def _options(call: Call, given: list[Body]) -> list[Body]:
    shown = []
    for place, option in enumerate(given):
        call.check_fields(option, {"label", "value", "description", "displayOrder", "hidden", "readOnly"})
        if call.dated and "displayOrder" not in option:
            raise invalid("Some required fields were not set: [options.displayOrder]")
        shown.append(
            {
                "label": str(option.get("label", "")),
                "value": str(option.get("value", "")),
                "description": option.get("description") or "",
                "displayOrder": option.get("displayOrder", place),
                "hidden": bool(option.get("hidden")),
            }
        )
    if len({option["value"] for option in shown}) < len(shown):
        raise invalid("Options must have distinct values")
    return shown


def update(call: Call) -> Answer:
    table = call.table()
    prop = _find(table, call.param("name"))
    body = call.body(_EDITABLE)
    if prop.hubspot_defined and body.keys() - {"options", "label", "description"}:
        raise invalid(f"Property {prop.name} is defined by HubSpot and cannot be changed")
    prop.label = body.get("label", prop.label)
    prop.group = body.get("groupName", prop.group)
    prop.description = body.get("description", prop.description)
    prop.type = body.get("type", prop.type)
    prop.field_type = body.get("fieldType", prop.field_type)
    prop.hidden = body.get("hidden", prop.hidden)
    prop.form_field = body.get("formField", prop.form_field)
    prop.display_order = body.get("displayOrder", prop.display_order)
    if "calculationFormula" in body:
        table.formulas[prop.name] = _formula(body["calculationFormula"])
        prop.formula = body["calculationFormula"]
    if "options" in body:
        prop.options = _options(call, body["options"])
    prop.updated_ms = call.portal.clock.now_ms()
    prop.prepare()
    return Answer(200, prop.as_json())


def archive(call: Call) -> Answer:
    _archive(call.table(), call.param("name"))
    return Answer(204)


def _archive(table: Table, name: str) -> None:
    prop = table.properties.get(name)
    if prop is None or prop.archived:
        return
    if prop.hubspot_defined:
        raise invalid(f"Property {name} is defined by HubSpot and cannot be archived")
    prop.archived = True
    table.unique.pop(name, None)
    table.formulas.pop(name, None)


def _inputs(call: Call, extra: set[str] = frozenset()) -> tuple[Body, list[Body]]:  # type: ignore[assignment]
    body = call.body({"inputs"} | extra, {"inputs"})
    inputs = body["inputs"]
    if not isinstance(inputs, list) or len(inputs) > _MAX_BATCH:
        raise invalid(f"The maximum number of inputs is {_MAX_BATCH}")
    return body, inputs


def _batch_answer(call: Call, status: int, results: list[Body], errors: list[Body]) -> Answer:
    now = iso(call.portal.clock.now_ms())
    body: Body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(207 if errors else status, body)


def batch_create(call: Call) -> Answer:
    _, inputs = _inputs(call)
    results, errors = [], []
    for entry in inputs:
        call.check_fields(entry, _CREATE)
        if entry.keys() < _REQUIRED:
            raise invalid(f"Some required fields were not set: {sorted(_REQUIRED - entry.keys())}")
        try:
            results.append(_create(call, entry).as_json())
        except ApiError as error:
            errors.append({**error.body, "context": {"name": [str(entry["name"])]}})
    return _batch_answer(call, 201, results, errors)


def batch_read(call: Call) -> Answer:
    body, inputs = _inputs(call, {"archived", "dataSensitivity"})
    table, archived = call.table(), bool(body.get("archived"))
    names = [str(entry.get("name")) for entry in inputs]
    found = [table.properties[name] for name in names if name in table.properties]
    results = [prop.as_json() for prop in found if prop.archived is archived]
    absent = [name for name in names if name not in table.properties]
    errors = [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Property {name} does not exist",
            "context": {"name": [name]},
        }
        for name in absent
    ]
    return _batch_answer(call, 200, results, errors)


def batch_archive(call: Call) -> Answer:
    for entry in _inputs(call)[1]:
        _archive(call.table(), str(entry.get("name")))
    return Answer(204)


def _group(call: Call) -> Body:
    found = call.portal.groups[call.table().type.name].get(call.param("group"))
    if found is None:
        raise api_error(404, f"Property group {call.param('group')} does not exist", "OBJECT_NOT_FOUND")
    return found


def groups(call: Call) -> Answer:
    return Answer(200, {"results": list(call.portal.groups[call.table().type.name].values())})


def one_group(call: Call) -> Answer:
    return Answer(200, _group(call))


def create_group(call: Call) -> Answer:
    body = call.body({"name", "label", "displayOrder"}, {"name", "label"})
    known = call.portal.groups[call.table().type.name]
    if body["name"] in known:
        raise api_error(409, f"Property group {body['name']} already exists.", "OBJECT_ALREADY_EXISTS")
    known[body["name"]] = {"displayOrder": -1, **body, "archived": False}
    return Answer(201, known[body["name"]])


def update_group(call: Call) -> Answer:
    group = _group(call)
    group.update(call.body({"label", "displayOrder"}))
    return Answer(200, group)


def archive_group(call: Call) -> Answer:
    name = _group(call)["name"]
    if any(prop.group == name and not prop.archived for prop in call.table().properties.values()):
        raise invalid(f"Property group {name} still has properties")
    del call.portal.groups[call.table().type.name][name]
    return Answer(204)
