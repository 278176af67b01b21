"""Lists: definitions, filters and their search."""

from collections.abc import Callable
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, api_error
from simulators.hubspot.errors import invalid
from simulators.hubspot.lists import CrmList
from simulators.hubspot.rendering import iso
from simulators.hubspot.table import Table

_CREATE = {
    "name",
    "objectTypeId",
    "processingType",
    "filterBranch",
    "listFolderId",
    "listPermissions",
    "membershipSettings",
    "customProperties",
}
_SEARCH = {
    "query",
    "processingTypes",
    "listIds",
    "objectTypeId",
    "offset",
    "count",
    "additionalProperties",
    "sort",
}
_TYPES = {"MANUAL", "DYNAMIC", "SNAPSHOT"}
_READ, _WRITE = "crm.lists.read", "crm.lists.write"
_MAX_SEARCH = 500
_SORTS: dict[str, Callable[[CrmList], Any]] = {
    "HS_CREATED_AT": lambda entry: entry.created_ms,
    "HS_UPDATED_AT": lambda entry: entry.updated_ms,
    "HS_LIST_ID": lambda entry: int(entry.id),
    "HS_LIST_SIZE": lambda entry: len(entry.members),
    "HS_LIST_NAME": lambda entry: entry.name.lower(),
}


def endpoints() -> list[Endpoint]:
    """Endpoints of the lists API."""
    filters = frozenset({"includeFilters"})
    named = "/object-type-id/{type}/name/{name}"

    def get(path: str, handler: Any, query: frozenset[str] = frozenset()) -> Endpoint:
        return Endpoint("GET", "lists", path, handler, query, _READ)

    def put(path: str, handler: Any, query: frozenset[str] = frozenset()) -> Endpoint:
        return Endpoint("PUT", "lists", path, handler, query, _WRITE)

    return [
        Endpoint("POST", "lists", "", create, scope=_WRITE),
        get("", several, filters | {"listIds"}),
        Endpoint("POST", "lists", "/search", search, scope=_READ),
        Endpoint("POST", "dated-lists", "/all", every, scope=_READ),
        get("/{list}", one, filters),
        get(named, by_name, filters),
        put("/{list}/update-list-name", rename, filters | {"listName"}),
        put("/{list}/update-list-filters", change_filters, frozenset({"enrollObjectsInWorkflows"})),
        Endpoint("DELETE", "lists", "/{list}", delete, scope=_WRITE),
        put("/{list}/restore", restore),
    ]


def find(call: Call, param: str = "list") -> CrmList:
    """The live list named in the path, recomputed as far as time allows; 404."""
    call.portal.lists.catch_up()
    found = call.portal.lists.lists.get(call.param(param))
    if found is None or found.deleted_ms is not None:
        raise missing(call.param(param))
    return found


def missing(list_id: str) -> Exception:
    return api_error(404, f"List does not exist with ID {list_id}.", "OBJECT_NOT_FOUND")


def show(entry: CrmList, *, filters: bool = True) -> dict[str, Any]:
    """A list's definition."""
    body = {
        "listId": entry.id,
        "listVersion": entry.version,
        "name": entry.name,
        "objectTypeId": entry.type_id,
        "processingType": entry.processing_type,
        "processingStatus": entry.status,
        "createdAt": iso(entry.created_ms),
        "updatedAt": iso(entry.updated_ms),
        "filtersUpdatedAt": iso(entry.filters_ms),
        "createdById": entry.user_id,
        "updatedById": entry.user_id,
        "size": len(entry.members),
        "listPermissions": {"usersWithEditAccess": [], "teamsWithEditAccess": []},
        "membershipSettings": {"membershipTeamId": None, "includeUnassigned": None},
    }
    if filters and entry.branch is not None:
        body["filterBranch"] = entry.branch
    return body


def _user(call: Call) -> str:
    return str(call.token.user_id or "") if call.token else ""


def create(call: Call) -> Answer:
    body = call.body(_CREATE, {"name", "objectTypeId", "processingType"})
    lists, kind, branch = call.portal.lists, body["processingType"], body.get("filterBranch")
    if kind not in _TYPES:
        raise invalid(f"processingType must be one of {sorted(_TYPES)}")
    table = call.portal.table(str(body["objectTypeId"]))
    if table is None:
        raise invalid(f"Unable to infer object type from: {body['objectTypeId']}")
    if _by_name(call, table, str(body["name"])) is not None:
        raise invalid(
            f"A list with the name {body['name']} already exists", subCategory="ILS.DUPLICATE_LIST_NAMES"
        )
    if kind == "DYNAMIC" and branch is None:
        raise invalid("A DYNAMIC list requires a filterBranch")
    if kind == "MANUAL" and branch is not None:
        raise invalid("A MANUAL list may not have a filterBranch")
    created = lists.create(str(body["name"]), table.type.id, kind, branch, _user(call))
    created.folder_id = str(body.get("listFolderId") or 0)
    lists.catch_up()
    return Answer(200, {"list": show(created)})


def _by_name(call: Call, table: Table, name: str) -> CrmList | None:
    for entry in call.portal.lists.lists.values():
        if entry.deleted_ms is None and (entry.type_id, entry.name.lower()) == (table.type.id, name.lower()):
            return entry
    return None


def several(call: Call) -> Answer:
    call.portal.lists.catch_up()
    known = call.portal.lists.lists
    wanted = [known[list_id] for list_id in call.many("listIds") if list_id in known]
    shown = [show(entry, filters=call.flag("includeFilters")) for entry in wanted if entry.deleted_ms is None]
    return Answer(200, {"lists": shown})


def one(call: Call) -> Answer:
    return Answer(200, {"list": show(find(call), filters=call.flag("includeFilters"))})


def by_name(call: Call) -> Answer:
    call.portal.lists.catch_up()
    found = _by_name(call, call.table(), call.param("name"))
    if found is None:
        raise missing(call.param("name"))
    return Answer(200, {"list": show(found, filters=call.flag("includeFilters"))})


def search(call: Call) -> Answer:
    body = call.body(_SEARCH, {"listIds", "processingTypes"} if call.dated else set())
    call.portal.lists.catch_up()
    count, offset = int(body.get("count") or 20), int(body.get("offset") or 0)
    if count > _MAX_SEARCH:
        raise invalid(f"count may not be greater than {_MAX_SEARCH}")
    found = _sorted([e for e in call.portal.lists.lists.values() if _wanted(e, body)], body.get("sort"))
    extra = body.get("additionalProperties") or []
    shown = [_found(entry, extra) for entry in found[offset : offset + count]]
    after = offset + len(shown)
    answer = {"lists": shown, "hasMore": after < len(found), "offset": after, "total": len(found)}
    return Answer(200, answer)


def _sorted(found: list[CrmList], sort: Any) -> list[CrmList]:
    """By id, or by one of the sort keys, downwards with a leading minus."""
    if not sort:
        return found
    key = _SORTS.get(str(sort).removeprefix("-"))
    if key is None:
        raise invalid(f"sort must be one of {sorted(_SORTS)}")
    return sorted(found, key=key, reverse=str(sort).startswith("-"))


def _wanted(entry: CrmList, body: dict[str, Any]) -> bool:
    ids, kinds = body.get("listIds") or [], body.get("processingTypes") or []
    return (
        entry.deleted_ms is None
        and str(body.get("query") or "").lower() in entry.name.lower()
        and (not ids or entry.id in {str(list_id) for list_id in ids})
        and (not kinds or entry.processing_type in kinds)
        and body.get("objectTypeId") in {None, entry.type_id}
    )


def _found(entry: CrmList, extra: list[str]) -> dict[str, Any]:
    body = show(entry, filters=False)
    known = {"hs_list_size": str(len(entry.members)), "hs_list_reference_count": "0"}
    for name in ("size", "listPermissions", "membershipSettings"):
        del body[name]
    return {**body, "additionalProperties": {name: known[name] for name in extra if name in known}}


def every(call: Call) -> Answer:
    body = call.body({"after", "limit", "additionalProperties"})
    call.portal.lists.catch_up()
    limit, after = int(body.get("limit") or 20), int(body.get("after") or 0)
    if limit > _MAX_SEARCH:
        raise invalid(f"limit may not be greater than {_MAX_SEARCH}")
    entries = [e for e in call.portal.lists.lists.values() if e.deleted_ms is None and int(e.id) > after]
    shown = [_found(entry, body.get("additionalProperties") or []) for entry in entries[:limit]]
    answer: dict[str, Any] = {"results": shown}
    if len(entries) > limit:
        answer["paging"] = {"next": {"after": shown[-1]["listId"]}}
    return Answer(200, answer)


def rename(call: Call) -> Answer:
    entry = find(call)
    entry.name = call.request.one("listName") or entry.name
    entry.updated_ms = call.portal.clock.now_ms()
    return Answer(200, {"updatedList": show(entry, filters=call.flag("includeFilters"))})


def change_filters(call: Call) -> Answer:
    entry = find(call)
    if not entry.dynamic:
        raise invalid(f"The filters of a {entry.processing_type} list cannot be changed")
    call.portal.lists.change_filter(entry, call.body({"filterBranch"}, {"filterBranch"})["filterBranch"])
    call.portal.lists.catch_up()
    return Answer(200, {"updatedList": show(entry)})


def delete(call: Call) -> Answer:
    find(call).deleted_ms = call.portal.clock.now_ms()
    return Answer(204)


def restore(call: Call) -> Answer:
    entry = call.portal.lists.lists.get(call.param("list"))
    if entry is None:
        raise missing(call.param("list"))
    entry.deleted_ms = None
    return Answer(204)
