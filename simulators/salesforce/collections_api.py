"""sObject Collections: up to 200 records in one call, each with a result of its own."""

from collections.abc import Callable, Iterable
from typing import Any

from simulators.base import Answer
from simulators.salesforce import dml, errors
from simulators.salesforce.bodies import Values, find_field, find_object, parse, record_id
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.ids import normalise
from simulators.salesforce.rows_api import matches, maybe_locked, no_external_id, save, show
from simulators.salesforce.schema import Field, SObject
from simulators.salesforce.transactions import Transaction

_MAX_RECORDS = 200
_MAX_CHUNKS = 10
_MAX_READ = 2000
_ROLLED_BACK = ApiError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    fields=[],
)

Result = dict[str, Any]
Act = Callable[[Transaction], Result]


def create(call: Call) -> Answer:
    records, all_or_none = _records(call)
    acts = [_acting(call, record, _inserting) for record in records]
    return _answer(call, acts, all_or_none=all_or_none)


def update(call: Call) -> Answer:
    records, all_or_none = _records(call)
    acts = [_acting(call, record, _updating) for record in records]
    return _answer(call, acts, all_or_none=all_or_none)


def upsert(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    by = find_field(call.org, call.actor, described, call.params["field"])
    if by is None or not (by.external_id or by.id_lookup):
        raise no_external_id(call, call.params["field"])
    records, all_or_none = _records(call)
    repeated = _repeated(records, by)

    def upserting(described: SObject, body: dict[str, Any], given: Values) -> Act:
        return _upserting(call, described, by, body, given, repeated)

    acts = [_acting(call, record, upserting, only=described) for record in records]
    return _answer(call, acts, all_or_none=all_or_none)


def delete(call: Call) -> Answer:
    ids = [one for one in call.request.one("ids").split(",") if one]
    _check_count(len(ids), _MAX_RECORDS, "delete")
    all_or_none = call.request.one("allOrNone", "false").lower() == "true"
    return _answer(call, [_deleting(call, one) for one in ids], all_or_none=all_or_none)


def retrieve(call: Call) -> Answer:
    """Records in the order asked for; null for those that are not there."""
    described = find_object(call.org, call.actor, call.params["object"])
    ids, names = _wanted(call)
    _check_count(len(ids), _MAX_READ, "retrieve")
    entries = []
    for name in names:
        entry = find_field(call.org, call.actor, described, name)
        if entry is None:
            raise errors.no_column(name, described.name)
        entries.append(entry)
    live = call.org.tables[described.name].live.by_id
    rows = [live.get(normalise(one) or "") for one in ids]
    call.request.rows = len(rows)
    shown = [
        show(call, described, row, entries) if row and not row.get("IsDeleted") else None for row in rows
    ]
    return Answer(200, shown)


def _wanted(call: Call) -> tuple[list[str], list[str]]:
    if call.request.method == "POST":
        body = call.envelope("ids", "fields")
        missing = [name for name in ("ids", "fields") if not _are_texts(body.get(name))]
        if missing:
            raise errors.required(missing)
        return body["ids"], body["fields"]
    return call.request.one("ids").split(","), call.request.one("fields").split(",")


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = call.envelope("allOrNone", "records")
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise errors.malformed_json("Unexpected value for records at [line:1, column:1]")
    _check_count(len(records), _MAX_RECORDS, call.request.method)
    types = [_type_of(record) for record in records]
    chunks = sum(1 for at, name in enumerate(types) if at == 0 or types[at - 1] != name)
    if chunks > _MAX_CHUNKS:
        raise ApiError("INVALID_INPUT", f"More than {_MAX_CHUNKS} chunks of record types in one call")
    return records, bool(body.get("allOrNone"))


def _check_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise ApiError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {most} records ({what})"
        )
    if count == 0:
        raise ApiError("REQUIRED_FIELD_MISSING", "At least one record is required")


def _acting(
    call: Call,
    body: dict[str, Any],
    make: Callable[[SObject, dict[str, Any], Values], Act],
    only: SObject | None = None,
) -> Act:
    """What is to be done for one record, or its refusal."""
    try:
        described = _described(call, body, only)
        return make(described, body, parse(call.org, call.actor, described, body))
    except RowErrors as error:
        return _refusing(error.errors)
    except ApiError as error:
        if call.org.settings.collections_parse_error == "request":
            raise
        return _refusing([error])


def _described(call: Call, body: dict[str, Any], only: SObject | None) -> SObject:
    name = _type_of(body)
    if not name:
        raise ApiError("INVALID_INPUT", "Include a type attribute in each record")
    described = find_object(call.org, call.actor, name)
    if only is not None and described is not only:
        raise ApiError(
            "INVALID_INPUT", f"Record type {name} does not match the type of the call, {only.name}"
        )
    return described


def _type_of(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type", "")) if isinstance(attributes, dict) else ""


def _refusing(refused: list[ApiError]) -> Act:
    def act(_: Transaction) -> Result:
        raise RowErrors(refused)

    return act


def _inserting(described: SObject, body: dict[str, Any], given: Values) -> Act:
    if record_id(body) is not None:
        message = "cannot specify Id in an insert call"
        return _refusing([ApiError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=["Id"])])
    return lambda work: _succeeded(save(work, described, None, given))


def _updating(described: SObject, body: dict[str, Any], given: Values) -> Act:
    known = record_id(body)
    if known is None:
        return _refusing([ApiError("MISSING_ARGUMENT", "Id not specified in an update call", fields=[])])
    found = normalise(known)
    if found is None or found[:3] != described.prefix:
        message = f"{described.label} ID: id value of incorrect type: {known}"
        return _refusing([ApiError("MALFORMED_ID", message, fields=["Id"])])
    return lambda work: _succeeded(save(work, described, found, given))


def _upserting(
    call: Call, described: SObject, by: Field, body: dict[str, Any], given: Values, repeated: set[str]
) -> Act:
    key = record_id(body) if by.type == "id" else given.get(by.name)
    if by.type != "id" and key is None:
        message = f"{by.name} not specified"
        return _refusing([ApiError("MISSING_ARGUMENT", message, fields=[])])
    if str(key).lower() in repeated:
        message = f"Duplicate external id specified: {key}"
        return _refusing([ApiError(call.org.settings.repeated_external_id, message, fields=[by.name])])

    def act(work: Transaction) -> Result:
        found = matches(call, described, by, key) if key is not None else []
        if len(found) > 1:
            message = f"{by.name}: more than one record found for external id field: {found}"
            raise RowErrors([ApiError("DUPLICATE_EXTERNAL_ID", message, fields=[])])
        saved = save(work, described, found[0] if found else None, given)
        return _succeeded(saved) | {"created": not found}

    return act


def _repeated(records: Iterable[dict[str, Any]], by: Field) -> set[str]:
    """External ids, in lower case, that come more than once in a call."""
    seen: set[str] = set()
    twice: set[str] = set()
    for record in records:
        key = next((value for name, value in record.items() if name.lower() == by.name.lower()), None)
        if key is not None:
            (twice if str(key).lower() in seen else seen).add(str(key).lower())
    return twice


def _deleting(call: Call, given: str) -> Act:
    found = normalise(given)
    described = call.org.schema.by_prefix(found) if found else None
    if found is None or described is None:
        return _refusing([ApiError("MALFORMED_ID", f"malformed id {given}", fields=[])])

    def act(work: Transaction) -> Result:
        maybe_locked(work, found)
        dml.delete(work, described, found)
        return _succeeded(found)

    return act


def _succeeded(saved: str) -> Result:
    return {"id": saved, "success": True, "errors": []}


def _failed(refused: list[ApiError]) -> Result:
    return {"success": False, "errors": [error.row() for error in refused]}


def _answer(call: Call, acts: list[Act], *, all_or_none: bool) -> Answer:
    call.request.rows = len(acts)
    work = call.outer or Transaction(call.org, call.actor)
    start = work.mark()
    results = [_result(work, act) for act in acts]
    if all_or_none and not all(result["success"] for result in results):
        work.rollback(start)
        results = [_rolled_back(result) for result in results]
    if call.outer is None:
        work.commit()
    return Answer(200, results)


def _result(work: Transaction, act: Act) -> Result:
    mark = work.mark()
    try:
        return act(work)
    except RowErrors as error:
        work.rollback(mark)
        work.org.counters.refused[error.errors[0].code] += 1
        return _failed(error.errors)


def _rolled_back(result: Result) -> Result:
    if not result["success"]:
        return result
    return {"id": result["id"], "success": False, "errors": [_ROLLED_BACK.row()]}
