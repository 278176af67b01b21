"""Single records: create, read, update, delete, upsert by external id; replication calls."""

from datetime import datetime
from typing import Any

from simulators.base import Answer
from simulators.salesforce import dml, errors, times
from simulators.salesforce.bodies import find_field, find_object, parse, record_id
from simulators.salesforce.calls import Call
from simulators.salesforce.describe import global_entry
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.ids import normalise
from simulators.salesforce.schema import Field, SObject
from simulators.salesforce.store import Record
from simulators.salesforce.transactions import Transaction

_BODY_SINCE_VERSION = 46
_UPDATE_DAYS, _DELETE_DAYS = 30, 15
_DAY = 86_400
_REFUSED_DOMAINS = (".inc",)


def create(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    body = call.record()
    call.request.rows = 1
    if record_id(body) is not None:
        message = "cannot specify Id in an insert call"
        raise ApiError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=["Id"])
    with call.transaction() as work:
        created = save(work, described, None, parse(call.org, call.actor, described, body))
    return _created(call, described, created, {})


def read(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    row = _row(call, described, call.params["id"])
    return _shown(call, described, row)


def read_by_external_id(call: Call) -> Answer:
    described, by, key = _external_id(call)
    found = matches(call, described, by, key)
    if not found:
        raise errors.not_found()
    if len(found) > 1:
        return _several(call, described, found)
    return _shown(call, described, call.org.tables[described.name].live.by_id[found[0]])


def change(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    body = call.record()
    call.request.rows = 1
    row = _row(call, described, call.params["id"])
    if record_id(body) is not None:
        raise ApiError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    call.check_unmodified(row)
    with call.transaction() as work:
        save(work, described, row["Id"], parse(call.org, call.actor, described, body))
    return Answer(204)


def remove(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    row = _row(call, described, call.params["id"])
    call.request.rows = 1
    with call.transaction() as work:
        dml.delete(work, described, row["Id"])
    return Answer(204)


def upsert(call: Call) -> Answer:
    """PATCH by an external id; `?updateOnly=true` never creates."""
    described, by, key = _external_id(call)
    body = call.record()
    call.request.rows = 1
    if record_id(body) is not None or any(name.lower() == by.name.lower() for name in body):
        message = f"The {by.name} field should not be specified in the sobject data."
        raise ApiError("INVALID_FIELD", message)
    found = matches(call, described, by, key)
    if len(found) > 1:
        return _several(call, described, found)
    if not found and call.request.one("updateOnly").lower() == "true":
        raise errors.not_found()
    given = parse(call.org, call.actor, described, body)
    if found:
        call.check_unmodified(call.org.tables[described.name].live.by_id[found[0]])
    elif by.type != "id":
        given |= parse(call.org, call.actor, described, {by.name: key})
    with call.transaction() as work:
        saved = save(work, described, found[0] if found else None, given)
    return _upserted(call, described, saved, created=not found)


def create_by_route(call: Call) -> Answer:
    """`POST sobjects/X/Id` creates, too."""
    if call.params["field"].lower() != "id":
        raise errors.not_found()
    return create(call)


def save(work: Transaction, described: SObject, known: str | None, given: dict[str, Any]) -> str:
    """Create (known None) or change a record; returns its id."""
    maybe_locked(work, known)
    if known is None:
        return dml.insert(work, described, given)
    dml.update(work, described, known, given)
    return known


def maybe_locked(work: Transaction, known: str | None) -> None:
    share = work.actor.row_error_share
    if share and work.org.rng.uniform(0, 1) < share:
        raise RowErrors([errors.lock(known or work.org.organization_id)])


def matches(call: Call, described: SObject, by: Field, key: object) -> list[str]:
    """Ids of the live records with this external id."""
    live = call.org.tables[described.name].live
    if by.type == "id":
        found = normalise(key)
        return [found] if found and found in live.by_id else []
    return [one for one in live.find(by.name, key) if not live.by_id[one].get("IsDeleted")]


def show(call: Call, described: SObject, row: Record, names: list[Field] | None = None) -> dict[str, Any]:
    """A record as a single-record GET shows it."""
    entries = call.org.visible_fields(call.actor, described) if names is None else names
    attributes = {"type": described.name, "url": call.url(described.name, row["Id"])}
    return {"attributes": attributes, **{one.name: call.org.value(described, row, one) for one in entries}}


def describe_basic(call: Call) -> Answer:
    described = find_object(call.org, call.actor, call.params["object"])
    entry = global_entry(described, call.base, call.org.locked_for(call.actor))
    return Answer(200, {"objectDescribe": entry, "recentItems": []})


def updated(call: Call) -> Answer:
    """Ids of records changed in a span of time; seconds of its ends are ignored."""
    described, start, end = _span(call, _UPDATE_DAYS)
    rows = call.org.tables[described.name].visible
    ids = [
        row["Id"]
        for row in rows.changed_since(start)
        if row["SystemModstamp"] < end and "IsDeleted" not in row
    ]
    return Answer(200, {"ids": ids, "latestDateCovered": end})


def deleted(call: Call) -> Answer:
    """Records deleted in a span of time, merged ones among them."""
    described, start, end = _span(call, _DELETE_DAYS)
    rows = call.org.tables[described.name].visible
    found = [
        {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
        for row in rows.changed_since(start)
        if row["SystemModstamp"] < end and "IsDeleted" in row
    ]
    earliest = times.stamp(call.org.now() - _DELETE_DAYS * _DAY)
    body = {"deletedRecords": found, "earliestDateAvailable": earliest, "latestDateCovered": end}
    return Answer(200, body)


def _span(call: Call, days: int) -> tuple[SObject, str, str]:
    described = find_object(call.org, call.actor, call.params["object"])
    start, end = (_minute(call.request.one(name)) for name in ("start", "end"))
    if end <= start:
        raise ApiError("INVALID_REPLICATION_DATE", "endDate before startDate")
    if call.org.now() - start > days * _DAY:
        raise ApiError("INVALID_REPLICATION_DATE", f"startDate cannot be more than {days} days ago")
    return described, times.stamp(start), times.stamp(min(end, call.org.now()))


def _minute(text: str) -> float:
    parsed = times.parse_datetime(text.replace(" ", "+"))
    if parsed is None:
        raise ApiError("INVALID_REPLICATION_DATE", f"Invalid datetime: {text}")
    return datetime.fromtimestamp(times.seconds(parsed)).replace(second=0).timestamp()  # noqa: DTZ006 - whole minutes


def _row(call: Call, described: SObject, key: str) -> Record:
    found = normalise(key)
    if found is None:
        raise no_external_id(call, key)
    row = call.org.tables[described.name].live.by_id.get(found)
    if row is None:
        raise errors.not_found()
    if row.get("IsDeleted"):
        raise errors.deleted()
    return row


def _shown(call: Call, described: SObject, row: Record) -> Answer:
    call.check_unmodified(row)
    if call.unmodified(row["LastModifiedDate"]):
        return Answer(304)
    names = None
    if "fields" in call.request.query:
        names = [_named(call, described, name) for name in call.request.one("fields").split(",")]
    call.request.rows = 1
    return Answer(200, show(call, described, row, names))


def _named(call: Call, described: SObject, name: str) -> Field:
    entry = find_field(call.org, call.actor, described, name.strip())
    if entry is None:
        raise errors.no_column(name, described.name)
    return entry


def _external_id(call: Call) -> tuple[SObject, Field, str]:
    described = find_object(call.org, call.actor, call.params["object"])
    by, key = call.params["field"], call.params["value"]
    entry = find_field(call.org, call.actor, described, by)
    if entry is None or not (entry.external_id or entry.id_lookup):
        raise no_external_id(call, by)
    if key.lower().endswith(_REFUSED_DOMAINS):
        raise errors.not_found()
    return described, entry, key


def no_external_id(call: Call, name: str) -> ApiError:
    if not call.org.settings.external_id_error_names_field:
        return errors.not_found()
    return errors.not_found(f"Provided external ID field does not exist or is not accessible: {name}")


def _several(call: Call, described: SObject, found: list[str]) -> Answer:
    if call.org.settings.several_matches == "records":
        rows = call.org.tables[described.name].live.by_id
        return Answer(300, [show(call, described, rows[one]) for one in found])
    return Answer(300, [call.url(described.name, one) for one in found])


def _created(call: Call, described: SObject, created: str, more: dict[str, Any]) -> Answer:
    body = {"id": created, "success": True, "errors": [], **more}
    return Answer(201, body, {"location": call.url(described.name, created)})


def _upserted(call: Call, described: SObject, saved: str, *, created: bool) -> Answer:
    modern = call.version >= _BODY_SINCE_VERSION
    if created:
        return _created(call, described, saved, {"created": True} if modern else {})
    if not modern:
        return Answer(204)
    return Answer(200, {"id": saved, "success": True, "errors": [], "created": False})
