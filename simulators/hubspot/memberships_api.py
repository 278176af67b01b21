"""Members of lists, and the lists of a record."""

import base64
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, api_error
from simulators.hubspot.errors import invalid, not_found
from simulators.hubspot.lists import CrmList
from simulators.hubspot.lists_api import find
from simulators.hubspot.rendering import iso
from simulators.hubspot.table import Table

_READ, _WRITE = "crm.lists.read", "crm.lists.write"
_MAX_MEMBERS, _MAX_RECORDS, _MAX_CHANGE = 250, 100, 100_000


def endpoints() -> list[Endpoint]:
    """Endpoints of memberships."""
    paging = frozenset({"limit", "after", "before"})
    path = "/{list}/memberships"
    record = "/records/{type}/{id}/memberships"

    def put(tail: str, handler: Any) -> Endpoint:
        return Endpoint("PUT", "lists", path + tail, handler, scope=_WRITE)

    return [
        Endpoint("GET", "lists", path, members, paging, _READ),
        Endpoint("GET", "lists", path + "/join-order", members_by_join, paging, _READ),
        put("/add", add),
        put("/remove", remove),
        put("/add-and-remove", add_and_remove),
        put("/add-from/{source}", add_from),
        Endpoint("DELETE", "lists", path, remove_all, scope=_WRITE),
        Endpoint("GET", "lists", record, lists_of_record, scope=_READ),
        Endpoint("POST", "lists", "/records/memberships/batch/read", lists_of_records, scope=_READ),
    ]


def members(call: Call) -> Answer:
    entry = find(call)
    return _page(call, entry, entry.by_id())


def members_by_join(call: Call) -> Answer:
    entry = find(call)
    return _page(call, entry, list(entry.members))


def _page(call: Call, entry: CrmList, ids: list[int]) -> Answer:
    limit = call.number("limit", 100, _MAX_MEMBERS)
    start = _start(call, ids, limit)
    chosen = ids[start : start + limit]
    call.request.rows = len(chosen)
    body: dict[str, Any] = {
        "results": [
            {"recordId": str(record_id), "membershipTimestamp": iso(entry.members[record_id])}
            for record_id in chosen
        ],
        "total": len(ids),
    }
    if start + limit < len(ids):
        cursor = base64.b64encode(str(chosen[-1]).encode()).decode()
        link = f"https://api.hubapi.com{call.request.path}?after={cursor}"
        body["paging"] = {"next": {"after": cursor, "link": link}}
    return Answer(200, body)


def _start(call: Call, ids: list[int], limit: int) -> int:
    after, before = call.request.one("after"), call.request.one("before")
    if after:
        return _place(ids, after) + 1
    return max(0, _place(ids, before) - limit) if before else 0


def _place(ids: list[int], cursor: str) -> int:
    try:
        last = int(base64.b64decode(cursor))
    except ValueError:
        raise invalid(f"Invalid cursor {cursor}") from None
    if last in ids:
        return ids.index(last)
    return sum(record_id < last for record_id in ids) - 1


def _writable(call: Call) -> CrmList:
    entry = find(call)
    if entry.dynamic:
        status = call.portal.settings.dynamic_list_write_status
        message = f"List {entry.id} has processing type DYNAMIC: its memberships cannot be changed."
        raise api_error(status, message, "VALIDATION_ERROR")
    return entry


def _change(call: Call, entry: CrmList, to_add: Any, to_remove: Any) -> Answer:
    if not isinstance(to_add, list) or not isinstance(to_remove, list):
        raise invalid("Invalid input JSON on line 1, column 1: Cannot deserialize an array of record ids")
    call.request.rows = len(to_add) + len(to_remove)
    if call.request.rows > _MAX_CHANGE:
        raise invalid(f"At most {_MAX_CHANGE} records at once")
    table = call.portal.lists.table(entry.type_id)
    assert table is not None
    now_ms = call.portal.clock.now_ms()
    ids = {str(key): int(key) for key in [*to_add, *to_remove] if str(key).isdigit()}
    known = {key: record_id for key, record_id in ids.items() if record_id in table.live}
    added = [key for key in map(str, to_add) if key in known and entry.join(known[key], now_ms)]
    removed = [key for key in map(str, to_remove) if key in known and entry.leave(known[key])]
    absent = [key for key in map(str, [*to_add, *to_remove]) if key not in known]
    call.portal.lists.members_changed(entry, [known[key] for key in [*added, *removed]])
    return Answer(200, {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": absent})


def add(call: Call) -> Answer:
    return _change(call, _writable(call), call.json(), [])


def remove(call: Call) -> Answer:
    return _change(call, _writable(call), [], call.json())


def add_and_remove(call: Call) -> Answer:
    entry = _writable(call)
    body = call.body({"recordIdsToAdd", "recordIdsToRemove"})
    return _change(call, entry, body.get("recordIdsToAdd") or [], body.get("recordIdsToRemove") or [])


def add_from(call: Call) -> Answer:
    entry, source = _writable(call), find(call, "source")
    if len(source.members) > _MAX_CHANGE:
        raise invalid(f"The source list has more than {_MAX_CHANGE} members")
    for record_id in source.members:
        entry.join(record_id, call.portal.clock.now_ms())
    call.portal.lists.members_changed(entry, source.members)
    return Answer(204)


def remove_all(call: Call) -> Answer:
    entry = _writable(call)
    gone = list(entry.members)
    for record_id in gone:
        entry.leave(record_id)
    call.portal.lists.members_changed(entry, gone)
    return Answer(204)


def lists_of_record(call: Call) -> Answer:
    call.portal.lists.catch_up()
    table = call.table()
    record_id = call.record_id(call.param("id"))
    if record_id not in table.live:
        raise not_found()
    results = _memberships(call, table, record_id)
    return Answer(200, {"results": results, "total": len(results)})


def _memberships(call: Call, table: Table, record_id: int) -> list[dict[str, Any]]:
    return [
        {
            "listId": entry.id,
            "listVersion": entry.version,
            "isPublicList": True,
            "firstAddedTimestamp": iso(entry.first_joined[record_id]),
            "lastAddedTimestamp": iso(entry.members[record_id]),
        }
        for entry in call.portal.lists.lists.values()
        if entry.deleted_ms is None and entry.type_id == table.type.id and record_id in entry.members
    ]


def lists_of_records(call: Call) -> Answer:
    """The lists of up to 100 records at once."""
    call.portal.lists.catch_up()
    inputs = call.body({"inputs"}, {"inputs"})["inputs"]
    if not isinstance(inputs, list) or len(inputs) > _MAX_RECORDS:
        raise invalid(f"The maximum number of inputs is {_MAX_RECORDS}")
    call.request.rows = len(inputs)
    started = iso(call.portal.clock.now_ms())
    results = [_lists_of(call, entry) for entry in inputs]
    return Answer(
        200, {"status": "COMPLETE", "results": results, "startedAt": started, "completedAt": started}
    )


def _lists_of(call: Call, entry: dict[str, Any]) -> dict[str, Any]:
    call.check_fields(entry, {"recordId", "objectTypeId"})
    table = call.portal.table(str(entry.get("objectTypeId")))
    if table is None:
        raise invalid(f"Unable to infer object type from: {entry.get('objectTypeId')}")
    record_id = call.record_id(entry.get("recordId"))
    return {
        "objectTypeId": table.type.id,
        "recordId": str(record_id),
        "recordListMemberships": _memberships(call, table, record_id),
    }
