"""Single records: create, read, list, update, archive, merge, gdpr-delete."""

from collections.abc import Mapping
from typing import Any

from simulators.base import Answer
from simulators.hubspot import associations, rules
from simulators.hubspot.calls import Call, Endpoint, Page
from simulators.hubspot.errors import ApiError, conflict, id_not_numeric, invalid, not_found, property_errors
from simulators.hubspot.records import Record, Values
from simulators.hubspot.rendering import Shape, show_written
from simulators.hubspot.table import Table

_READ = frozenset({"properties", "propertiesWithHistory", "associations", "archived", "idProperty"})
_LIST = frozenset({"limit", "after", "properties", "propertiesWithHistory", "associations", "archived"})
_PAGE, _HISTORY_PAGE, _MAX_MERGES = 100, 50, 250
_MERGEABLE = {"contacts", "companies", "deals", "tickets"}
_READ_SCOPE, _WRITE_SCOPE = "crm.objects.{type}.read", "crm.objects.{type}.write"


def endpoints() -> list[Endpoint]:
    """Endpoints of the objects API but for batches and search."""
    one = "/{type}/{id}"
    return [
        Endpoint("POST", "objects", "/{type}", create, scope=_WRITE_SCOPE),
        Endpoint("GET", "objects", "/{type}", page, _LIST, _READ_SCOPE),
        Endpoint("GET", "objects", one, read, _READ, _READ_SCOPE),
        Endpoint("PATCH", "objects", one, update, frozenset({"idProperty"}), _WRITE_SCOPE),
        Endpoint("DELETE", "objects", one, archive, scope=_WRITE_SCOPE),
        Endpoint("POST", "objects", "/{type}/merge", merge, scope=_WRITE_SCOPE),
        Endpoint("POST", "objects", "/contacts/gdpr-delete", purge, scope="crm.objects.contacts.write"),
    ]


def clean_values(call: Call, table: Table, given: Any) -> Values:
    """Written values made clean; 400 with the codes of those that are not valid."""
    if not isinstance(given, Mapping):
        raise invalid("Invalid input JSON on line 1, column 1: Cannot deserialize value of `properties`")
    values, problems = table.check(given)
    problems += rules.broken(call.portal.settings, table, values) if call.dated else []
    if problems:
        raise ApiError(400, property_errors(problems, call.portal.settings.portal_id))
    return values


def check_unique(call: Call, table: Table, values: Values, record: Record | None) -> None:
    """409 for an e-mail of another record, 400 for another unique value."""
    clash = next(table.clashes(values, None if record is None else record.id), None)
    if clash is None:
        return
    name, value, owner = clash
    update_as_400 = record is not None and call.portal.settings.email_conflict_on_update_status == 400  # noqa: PLR2004
    if name == "email" and not update_as_400:
        raise conflict(table.type.singular, owner if call.portal.settings.conflict_names_id else None)
    message = f'A {table.type.singular} with the {name} value "{value}" already exists'
    problem = {"name": name, "error": "CONFLICTING_UNIQUE_VALUE", "message": message}
    raise ApiError(400, property_errors([problem], call.portal.settings.portal_id))


def check_new(call: Call, table: Table, values: Values) -> None:
    """What a new record must have, and may not."""
    required = table.type.required_any
    if required and not any(values.get(name) for name in required):
        raise invalid(f"One of {', '.join(required)} is required to create a {table.type.singular}")
    if values.get("email") in table.blocked_emails:
        raise invalid("This email address belongs to a contact that was permanently deleted")
    check_unique(call, table, values, None)


def find(table: Table, key: str, id_property: str = "") -> Record:
    """A live record by id, or by a unique property; 404."""
    if id_property and id_property != "hs_object_id":
        if id_property not in table.unique:
            raise not_unique("read", table, id_property)
        found = table.find_by(id_property, key)
    elif not key.isdigit():
        raise id_not_numeric(key)
    else:
        found = table.find(int(key))
    if found is None:
        raise not_found()
    return found


def not_unique(verb: str, table: Table, name: str) -> ApiError:
    return invalid(f"Unable to perform {verb} by non-unique {table.type.id} property {name}")


def create(call: Call) -> Answer:
    table = call.table()
    body = call.body({"properties", "associations", "objectWriteTraceId"}, {"properties"})
    call.request.rows = 1
    values = clean_values(call, table, body["properties"])
    check_new(call, table, values)
    links = wanted_links(call, table, body.get("associations") or [])
    record = call.portal.create(table, values, call.origin)
    link(call, table, record, links)
    shown = show_written(record, record.values, table.type.stamp)
    return Answer(201, {**shown, "url": _url(call, table, record)})


def _url(call: Call, table: Table, record: Record) -> str:
    return f"https://app.hubspot.com/contacts/{call.portal.settings.portal_id}/record/{table.type.id}/{record.id}"


Links = list[tuple[associations.Node, associations.Kind]]


def wanted_links(call: Call, table: Table, given: list[Any]) -> Links:
    """The associations asked for at a creation, checked."""
    links: Links = []
    for entry in given:
        call.check_fields(entry, {"to", "types"})
        for kind in entry.get("types") or []:
            found = _kind(table, kind.get("associationTypeId"))
            if found is None:
                raise invalid(f"One or more association types are not valid: {kind}")
            to_type, known = found
            far = call.portal.table(to_type)
            to_id = call.record_id((entry.get("to") or {}).get("id"))
            if far is None or far.find(to_id) is None:
                raise invalid(f"One or more associations are not valid: object {to_id} does not exist")
            links.append(((to_type, far.resolve(to_id)), known))
    return links


def _kind(table: Table, number: Any) -> tuple[str, associations.Kind] | None:
    for (from_type, to_type), known in associations.KINDS.items():
        if from_type == table.type.id:
            for kind in known:
                if kind.type_id == number:
                    return to_type, kind
    return None


def link(call: Call, table: Table, record: Record, links: Links) -> None:
    for other, kind in links:
        call.portal.associate((table.type.id, record.id), other, kind, call.origin)


def read(call: Call) -> Answer:
    table = call.table()
    call.request.rows = 1
    shape = Shape(table, call.many("properties"), call.many("propertiesWithHistory"))
    if call.flag("archived"):
        record = table.archived.get(call.record_id(call.param("id")))
        if record is None:
            raise not_found()
    else:
        record = find(table, call.param("id"), call.request.one("idProperty"))
    return Answer(200, _with_associations(call, table, record, shape))


def _with_associations(call: Call, table: Table, record: Record, shape: Shape) -> dict[str, Any]:
    body = shape.show(record, call.portal.settings.portal_id)
    shown = {}
    for asked in call.many("associations"):
        far = call.portal.table(asked)
        if far is None:
            raise invalid(f"Unable to infer object type from: {asked}")
        entries = [
            {"id": str(other), "type": kind.name}
            for other, kinds in call.portal.associations.of((table.type.id, record.id), far.type.id)
            for kind in reversed(kinds)
        ]
        if entries:
            shown[far.type.name] = {"results": entries}
    return {**body, "associations": shown} if shown else body


def page(call: Call) -> Answer:
    table = call.table()
    history = call.many("propertiesWithHistory")
    limit = call.number("limit", 10, _HISTORY_PAGE if history else _PAGE)
    after = call.record_id(call.request.one("after", "0"))
    shape = Shape(table, call.many("properties"), history)
    records = _archived_from(table, after) if call.flag("archived") else _live_from(table, after, limit + 1)
    shown = [_with_associations(call, table, record, shape) for record in records[:limit]]
    call.request.rows = len(shown)
    following = str(records[limit].id) if len(records) > limit else None
    return Answer(200, Page(shown, following, call.request.path).as_json())


def _live_from(table: Table, after: int, count: int) -> list[Record]:
    ids = table.ids_from(after)
    return [table.live[record_id] for record_id, _ in zip(ids, range(count), strict=False)]


def _archived_from(table: Table, after: int) -> list[Record]:
    return [table.archived[record_id] for record_id in sorted(table.archived) if record_id >= after]


def update(call: Call) -> Answer:
    table = call.table()
    body = call.body({"properties", "objectWriteTraceId"}, {"properties"})
    call.request.rows = 1
    record = find(table, call.param("id"), call.request.one("idProperty"))
    values = clean_values(call, table, body["properties"])
    check_unique(call, table, values, record)
    call.portal.update(table, record, values, call.origin)
    shown = show_written(record, values, table.type.stamp)
    return Answer(200, {**shown, "url": _url(call, table, record)})


def archive(call: Call) -> Answer:
    table = call.table()
    key = call.param("id")
    if not key.isdigit():
        raise id_not_numeric(key)
    call.request.rows = 1
    record = table.find(int(key))
    if record is not None:
        call.portal.archive(table, record, call.origin)
    elif int(key) in table.archived and call.portal.settings.archive_twice_status != 204:  # noqa: PLR2004
        raise not_found()
    return Answer(204)


def merge(call: Call) -> Answer:
    table = call.table()
    if table.type.name not in _MERGEABLE:
        raise not_found()
    body = call.body({"primaryObjectId", "objectIdToMerge"}, {"primaryObjectId", "objectIdToMerge"})
    primary = find(table, str(body["primaryObjectId"]))
    other = find(table, str(body["objectIdToMerge"]))
    if primary is other:
        raise invalid("Cannot merge an object with itself")
    if primary.values.get("hs_merged_object_ids", "").count(";") >= _MAX_MERGES:
        raise ApiError(414, {"status": "error", "message": "The record has been merged too often"})
    survivor = call.portal.merge(table, primary, other, call.origin)
    return Answer(200, Shape(table).show(survivor, call.portal.settings.portal_id))


def purge(call: Call) -> Answer:
    table = call.portal.tables["contacts"]
    body = call.body({"objectId", "idProperty"}, {"objectId"})
    key, name = str(body["objectId"]), body.get("idProperty")
    if name == "email":
        record = table.find_by("email", key)
        table.blocked_emails.add(key.strip().lower())
    else:
        record = table.find(call.record_id(key)) or table.archived.get(int(key))
    if record is not None:
        call.portal.purge(table, record, call.origin)
    elif name != "email":
        raise not_found()
    return Answer(204)
