"""Imports: CSV files whose rows are created, updated or upserted as changes of source IMPORT."""

import csv
import io
import json
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, Page
from simulators.hubspot.errors import Body, invalid, not_found
from simulators.hubspot.portal import Portal
from simulators.hubspot.records import Origin, Record
from simulators.hubspot.rendering import iso

_REQUEST = {
    "name",
    "importOperations",
    "dateFormat",
    "files",
    "marketableContactImport",
    "createContactListFromImport",
    "timeZone",
}
_MAX_ROWS = 1_048_576
_MAX_RUNNING = 3
_MAX_PAGE = 100


def endpoints() -> list[Endpoint]:
    """Endpoints of the imports API."""
    paging = frozenset({"limit", "after", "before"})
    errors = frozenset({"limit", "after", "includeErrorMessage", "includeRowData"})
    return [
        Endpoint("POST", "imports", "", create, scope="crm.import"),
        Endpoint("GET", "imports", "", page, paging, "crm.import"),
        Endpoint("GET", "imports", "/{id}", one, scope="crm.import"),
        Endpoint("POST", "imports", "/{id}/cancel", cancel, scope="crm.import"),
        Endpoint("GET", "imports", "/{id}/errors", error_page, errors, "crm.import"),
    ]


@dataclass(slots=True)
class Import:
    """One import; its rows take effect at once, its state becomes DONE at `done_ms`."""

    id: int
    request: Body
    app_id: int
    created_ms: int
    done_ms: int
    canceled: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    errors: list[Body] = field(default_factory=list)

    def state(self, now_ms: int) -> str:
        if self.canceled:
            return "CANCELED"
        if now_ms >= self.done_ms:
            return "DONE"
        return "STARTED" if now_ms - self.created_ms < (self.done_ms - self.created_ms) // 4 else "PROCESSING"


def _parts(call: Call) -> tuple[Body, dict[str, bytes]]:
    """The import request and the files of a multipart body."""
    kind = call.request.headers.get("content-type", "")
    message: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + call.request.body)
    files: dict[str, bytes] = {}
    request: Any = None
    for part in message.get_payload() if message.is_multipart() else []:
        name = str(part.get_param("name", header="content-disposition"))
        content: bytes = part.get_payload(decode=True)
        call.check_fields({name: None}, {"importRequest", "files"})
        if name == "importRequest":
            request = json.loads(content)
        else:
            files[str(part.get_filename())] = content
    if not isinstance(request, dict):
        raise invalid("importRequest is required")
    call.check_fields(request, _REQUEST)
    return request, files


def create(call: Call) -> Answer:
    request, files = _parts(call)
    portal, now_ms = call.portal, call.portal.clock.now_ms()
    running = [entry for entry in portal.imports.values() if entry.state(now_ms) in {"STARTED", "PROCESSING"}]
    if len(running) >= _MAX_RUNNING:
        raise invalid(f"At most {_MAX_RUNNING} imports at once")
    assert call.token is not None
    made = Import(
        id=len(portal.imports) + 1,
        request=request,
        app_id=call.token.app_id,
        created_ms=now_ms,
        done_ms=now_ms + int(1000 * portal.settings.import_duration),
    )
    for entry in request.get("files") or []:
        content = files.get(str(entry.get("fileName")))
        if content is None:
            raise invalid(f"File {entry.get('fileName')} was not sent")
        _Run(portal, made, entry).rows(content)
    portal.imports[made.id] = made
    call.request.rows = made.counters.get("TOTAL_ROWS", 0)
    return Answer(200, _show(made, now_ms))


class _Run:
    """The rows of one file."""

    def __init__(self, portal: Portal, made: Import, entry: Body) -> None:
        self._portal = portal
        self._import = made
        mappings = (entry.get("fileImportPage") or {}).get("columnMappings") or []
        self._columns = {m["columnName"]: m["propertyName"] for m in mappings if m.get("propertyName")}
        type_id = str(mappings[0].get("columnObjectTypeId", "0-1")) if mappings else "0-1"
        found = portal.table(type_id)
        if found is None:
            raise invalid(f"Unable to infer object type from: {type_id}")
        self._table = found
        operations = made.request.get("importOperations") or {}
        self._operation = operations.get(type_id, "UPSERT")
        self._origin = Origin("IMPORT", str(made.id))

    def rows(self, content: bytes) -> None:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        if len(rows) > _MAX_ROWS:
            raise invalid(f"At most {_MAX_ROWS} rows per file")
        for number, row in enumerate(rows, start=2):
            self._count("TOTAL_ROWS")
            self._row(number, {self._columns[name]: row[name] for name in self._columns if row.get(name)})

    def _count(self, name: str) -> None:
        self._import.counters[name] = self._import.counters.get(name, 0) + 1

    def _row(self, number: int, given: dict[str, str]) -> None:
        key = given.pop("hs_object_id", "")
        values, problems = self._table.check(given)
        for problem in problems:
            self._fail(number, problem["error"], problem["message"], given.get(problem["name"], ""))
            values.pop(problem["name"], None)
        record = self._existing(key, values)
        clash = next(self._table.clashes(values, None if record is None else record.id), None)
        if (record is None and self._operation == "UPDATE") or (
            record is not None and self._operation == "CREATE"
        ):
            self._fail(number, "OBJECT_NOT_FOUND" if record is None else "DUPLICATE_ALTERNATE_ID", "", key)
        elif clash is not None:
            self._fail(number, "DUPLICATE_ALTERNATE_ID", f"{clash[0]} belongs to {clash[2]}", clash[1])
        elif record is None:
            self._portal.create(self._table, values, self._origin)
            self._count("CREATED_OBJECTS")
        else:
            self._portal.update(self._table, record, values, self._origin)
            self._count("UPDATED_OBJECTS")

    def _existing(self, key: str, values: dict[str, str]) -> Record | None:
        if key.isdigit():
            return self._table.find(int(key))
        for name in self._table.unique:
            if values.get(name):
                return self._table.find_by(name, values[name])
        return None

    def _fail(self, number: int, kind: str, message: str, value: str) -> None:
        self._count("ERRORS")
        made = self._import
        made.errors.append(
            {
                "id": str(len(made.errors) + 1),
                "createdAt": made.created_ms,
                "errorType": kind,
                "errorMessage": message,
                "invalidValue": value,
                "objectType": self._table.type.singular.upper(),
                "objectTypeId": self._table.type.id,
                "sourceData": {"lineNumber": number, "rowData": [], "fileId": 1, "pageName": None},
            }
        )


def _show(made: Import, now_ms: int) -> Body:
    operations = made.request.get("importOperations") or {}
    state = made.state(now_ms)
    return {
        "id": str(made.id),
        "state": state,
        "importName": made.request.get("name", ""),
        "importRequestJson": made.request,
        "importSource": "API",
        "optOutImport": False,
        "mappedObjectTypeIds": list(operations) or ["0-1"],
        "metadata": {
            "counters": made.counters if state == "DONE" else {},
            "fileIds": [str(number) for number, _ in enumerate(made.request.get("files") or [], start=1)],
            "objectLists": [],
        },
        "createdAt": iso(made.created_ms),
        "updatedAt": iso(min(now_ms, made.done_ms)),
    }


def _find(call: Call) -> Import:
    found: Import | None = call.portal.imports.get(call.record_id(call.param("id")))
    if found is None or call.token is None or found.app_id != call.token.app_id:
        raise not_found()
    return found


def one(call: Call) -> Answer:
    return Answer(200, _show(_find(call), call.portal.clock.now_ms()))


def page(call: Call) -> Answer:
    assert call.token is not None
    limit, after = call.number("limit", 10, _MAX_PAGE), call.number("after", 0, 10**12)
    own = [e for e in call.portal.imports.values() if e.app_id == call.token.app_id and e.id > after]
    shown = [_show(entry, call.portal.clock.now_ms()) for entry in own[:limit]]
    cursor = str(own[limit - 1].id) if len(own) > limit else None
    return Answer(200, Page(shown, cursor, call.request.path).as_json())


def cancel(call: Call) -> Answer:
    made, now_ms = _find(call), call.portal.clock.now_ms()
    if made.state(now_ms) not in {"STARTED", "PROCESSING"}:
        raise invalid(f"Import {made.id} cannot be canceled any more")
    made.canceled = True
    now = iso(now_ms)
    return Answer(200, {"status": "CANCELED", "startedAt": now, "completedAt": now})


def error_page(call: Call) -> Answer:
    limit, after = call.number("limit", 10, _MAX_PAGE), call.number("after", 0, 10**12)
    errors = _find(call).errors[after:]
    cursor = str(after + limit) if len(errors) > limit else None
    return Answer(200, Page(errors[:limit], cursor, call.request.path).as_json())
