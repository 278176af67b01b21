"""Lists: folders, ids of the legacy API, and the conversion of a DYNAMIC list into a MANUAL one."""

from datetime import UTC, datetime
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import invalid, not_found
from simulators.hubspot.lists_api import find
from simulators.hubspot.rendering import iso

_READ, _WRITE = "crm.lists.read", "crm.lists.write"
_ROOT = "0"
_LEGACY_OFFSET = 1000


def endpoints() -> list[Endpoint]:
    """Endpoints beside the lists themselves."""
    one = "/folders/{folder}"
    conversion = "/{list}/schedule-conversion"
    return [
        Endpoint("GET", "lists", "/folders", folders, frozenset({"folderId"}), _READ),
        Endpoint("POST", "lists", "/folders", create_folder, scope=_WRITE),
        Endpoint("PUT", "lists", "/folders/move-list", move_list, scope=_WRITE),
        Endpoint("PUT", "lists", one + "/move/{parent}", move_folder, scope=_WRITE),
        Endpoint("PUT", "lists", one + "/rename", rename, frozenset({"newFolderName"}), _WRITE),
        Endpoint("DELETE", "lists", one, delete_folder, scope=_WRITE),
        Endpoint("GET", "lists", "/idmapping", legacy_id, frozenset({"legacyListId"}), _READ),
        Endpoint("POST", "lists", "/idmapping", legacy_ids, scope=_READ),
        Endpoint("GET", "lists", conversion, conversion_of, scope=_READ),
        Endpoint("PUT", "lists", conversion, schedule, scope=_WRITE),
        Endpoint("DELETE", "lists", conversion, unschedule, scope=_WRITE),
    ]


def _folder(call: Call, key: str) -> dict[str, Any]:
    if key == _ROOT:
        return {"id": _ROOT, "name": "Root", "parentFolderId": None}
    found = call.portal.lists.folders.get(key)
    if found is None:
        raise not_found()
    return found


def _tree(call: Call, key: str) -> dict[str, Any]:
    children = [k for k, entry in call.portal.lists.folders.items() if entry["parentFolderId"] == key]
    inside = [entry.id for entry in call.portal.lists.lists.values() if entry.folder_id == key]
    body = {"childNodes": [_tree(call, child) for child in children], "childLists": inside}
    return {**_folder(call, key), **body}


def folders(call: Call) -> Answer:
    return Answer(200, {"folder": _tree(call, call.request.one("folderId", _ROOT))})


def create_folder(call: Call) -> Answer:
    body = call.body({"name", "parentFolderId"}, {"name"})
    known = call.portal.lists.folders
    key = str(max(map(int, known), default=0) + 1)
    now = iso(call.portal.clock.now_ms())
    parent = str(body.get("parentFolderId") or _ROOT)
    _folder(call, parent)
    known[key] = {
        "id": key,
        "name": body["name"],
        "parentFolderId": parent,
        "createdAt": now,
        "updatedAt": now,
    }
    return Answer(200, {"folder": _tree(call, key)})


def move_list(call: Call) -> Answer:
    body = call.body({"listId", "newFolderId"}, {"listId", "newFolderId"})
    entry = call.portal.lists.lists.get(str(body["listId"]))
    if entry is None:
        raise not_found()
    entry.folder_id = _folder(call, str(body["newFolderId"]))["id"]
    return Answer(204)


def move_folder(call: Call) -> Answer:
    _folder(call, call.param("folder"))["parentFolderId"] = _folder(call, call.param("parent"))["id"]
    return Answer(200, {"folder": _tree(call, call.param("folder"))})


def rename(call: Call) -> Answer:
    _folder(call, call.param("folder"))["name"] = call.request.one("newFolderName")
    return Answer(200, {"folder": _tree(call, call.param("folder"))})


def delete_folder(call: Call) -> Answer:
    tree = _tree(call, call.param("folder"))
    if tree["childNodes"] or tree["childLists"] or tree["id"] == _ROOT:
        raise invalid("Only an empty folder can be deleted")
    del call.portal.lists.folders[tree["id"]]
    return Answer(204)


def _mapped(call: Call, key: str) -> str | None:
    list_id = str(int(key) - _LEGACY_OFFSET) if key.isdigit() else ""
    return list_id if list_id in call.portal.lists.lists else None


def legacy_id(call: Call) -> Answer:
    key = call.request.one("legacyListId")
    found = _mapped(call, key)
    if found is None:
        raise not_found()
    return Answer(200, {"legacyListId": key, "listId": found})


def legacy_ids(call: Call) -> Answer:
    keys = [str(key) for key in call.json()]
    pairs = [(key, _mapped(call, key)) for key in keys]
    return Answer(
        200,
        {
            "missingLegacyListIds": [key for key, found in pairs if found is None],
            "legacyListIdsToIdsMapping": [
                {"legacyListId": k, "listId": f} for k, f in pairs if f is not None
            ],
        },
    )


def conversion_of(call: Call) -> Answer:
    entry = find(call)
    if entry.conversion is None:
        raise not_found()
    return Answer(200, entry.conversion)


def schedule(call: Call) -> Answer:
    """Turn the list into a MANUAL one on a day, or once it has been inactive for a time."""
    entry = find(call)
    if not entry.dynamic:
        raise invalid("Only a DYNAMIC list can be converted")
    body = call.body({"conversionType", "year", "month", "day", "timeUnit", "offset"}, {"conversionType"})
    entry.conversion = {"listId": entry.id, "requestedConversionTime": body, "convertedAt": None}
    if body["conversionType"] == "CONVERSION_DATE":
        day = datetime(int(body["year"]), int(body["month"]), int(body["day"]), tzinfo=UTC)
        entry.convert_ms = round(day.timestamp() * 1000)
    call.portal.lists.catch_up()
    return Answer(200, entry.conversion)


def unschedule(call: Call) -> Answer:
    entry = find(call)
    entry.conversion = entry.convert_ms = None
    return Answer(204)
