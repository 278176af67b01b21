"""Batches of records: create, read, update, upsert, archive.

A batch takes effect as a whole or not at all, unless every input has its own `objectWriteTraceId`: then
inputs fail one by one and the answer is 207. Results come in no particular order.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import ApiError, Body, error_row, invalid, missing_objects
from simulators.hubspot.objects_api import (
    Links,
    check_new,
    check_unique,
    clean_values,
    link,
    not_unique,
    wanted_links,
)
from simulators.hubspot.records import Record, Values
from simulators.hubspot.rendering import Shape, iso, show_written
from simulators.hubspot.table import Table

_LIMIT = 100
_TRACE = "objectWriteTraceId"
_CREATE = {"properties", "associations", _TRACE}
_UPDATE = {"id", "idProperty", "properties", _TRACE}
_READ_BODY = {"properties", "propertiesWithHistory", "idProperty", "inputs"}
_READ_SCOPE, _WRITE_SCOPE = "crm.objects.{type}.read", "crm.objects.{type}.write"
Row = dict[str, Any]


def endpoints() -> list[Endpoint]:
    """Endpoints of batches."""
    batch = "/{type}/batch"
    archived = frozenset({"archived"})
    return [
        Endpoint("POST", "objects", f"{batch}/create", create, scope=_WRITE_SCOPE),
        Endpoint("POST", "objects", f"{batch}/read", read, archived, _READ_SCOPE),
        Endpoint("POST", "objects", f"{batch}/update", update, scope=_WRITE_SCOPE),
        Endpoint("POST", "objects", f"{batch}/upsert", upsert, scope=_WRITE_SCOPE),
        Endpoint("POST", "objects", f"{batch}/archive", archive, scope=_WRITE_SCOPE),
    ]


@dataclass(slots=True)
class _Plan:
    """A checked input: what it will do, once it is certain that it is done."""

    values: Values
    record: Record | None = None
    links: Links = field(default_factory=list)
    skip: bool = False


@dataclass(slots=True)
class _Batch:
    """One batch write under way. `claimed`: unique values that earlier inputs of this batch take."""

    call: Call
    table: Table
    rows: list[Row]
    partial: bool
    started_ms: int
    claimed: set[tuple[str, str]] = field(default_factory=set)
    results: list[Body] = field(default_factory=list)
    errors: list[Body] = field(default_factory=list)

    def run(self, plan: Callable[["_Batch", Row], _Plan], *, upsert: bool = False) -> None:
        plans = []
        for row in self.rows:
            try:
                self._maybe_fail()
                plans.append((row, self._claim(plan(self, row))))
            except ApiError as error:
                if not self.partial:
                    raise
                self.errors.append(_row_error(error, str(row[_TRACE])))
        for row, planned in plans:
            if not planned.skip:
                self.results.append(self._apply(row, planned, upsert=upsert))

    def _maybe_fail(self) -> None:
        share = self.call.request.row_error_share
        if share and self.call.portal.rng.uniform(0, 1) < share:
            raise ApiError(500, error_row("INTERNAL_ERROR", "internal error", {}))

    def _claim(self, planned: _Plan) -> _Plan:
        for name in self.table.unique:
            value = planned.values.get(name, "").lower()
            if value and (name, value) in self.claimed:
                message = f"{self.table.type.singular.capitalize()} already exists."
                raise ApiError(409, error_row("CONFLICT", message, {}))
            if value:
                self.claimed.add((name, value))
        return planned

    def _apply(self, row: Row, planned: _Plan, *, upsert: bool) -> Body:
        portal, table, origin = self.call.portal, self.table, self.call.origin
        record = planned.record
        if record is None:
            record = portal.create(table, planned.values, origin)
            link(self.call, table, record, planned.links)
            shown = show_written(record, record.values, table.type.stamp)
        else:
            portal.update(table, record, planned.values, origin)
            shown = show_written(record, planned.values, table.type.stamp)
        if upsert:
            shown["new"] = planned.record is None
        if _TRACE in row:
            shown[_TRACE] = row[_TRACE]
        return shown

    def answer(self, status: int) -> Answer:
        portal = self.call.portal
        if portal.settings.shuffle_batch_results:
            portal.rng.shuffle(self.results)
        body: Body = {"status": "COMPLETE", "results": self.results}
        if self.errors:
            body |= {"numErrors": len(self.errors), "errors": self.errors}
        body["startedAt"] = iso(self.started_ms)
        body["completedAt"] = iso(portal.clock.now_ms())
        return Answer(207 if self.errors else status, body)


def _row_error(error: ApiError, trace: str) -> Body:
    context = {**error.body.get("context", {}), _TRACE: [trace]}
    message = str(error.body.get("message", ""))
    if "Existing ID: " in message:
        context["existingId"] = [message.rpartition(" ")[2]]
    return {**error.body, "context": context}


def _begin(call: Call, allowed: set[str]) -> _Batch:
    """Read a batch's inputs; 400 for too many, unknown fields or the same key twice."""
    inputs = call.body({"inputs"}, {"inputs"})["inputs"]
    rows = _checked_rows(call, inputs, allowed)
    keys = [str(row["id"]).strip().lower() for row in rows if "id" in row]
    _refuse_twice(keys)
    traces = [row[_TRACE] for row in rows if row.get(_TRACE)]
    partial = len(traces) == len(rows) and len(set(traces)) == len(traces)
    return _Batch(call, call.table(), rows, partial, call.portal.clock.now_ms())


def _checked_rows(call: Call, inputs: Any, allowed: set[str]) -> list[Row]:
    if not isinstance(inputs, list) or not all(isinstance(row, dict) for row in inputs):
        raise invalid("Invalid input JSON on line 1, column 1: Cannot deserialize value of `inputs`")
    if len(inputs) > _LIMIT:
        raise invalid(
            f"The maximum number of inputs supported in a batch request for this operation is {_LIMIT}"
        )
    for row in inputs:
        call.check_fields(row, allowed)
    call.request.rows = len(inputs)
    return inputs


def _refuse_twice(keys: list[str]) -> None:
    if len(set(keys)) == len(keys):
        return
    twice = [key for key, times in Counter(keys).items() if times > 1]
    message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
    raise invalid(message, context={"ids": twice})


def create(call: Call) -> Answer:
    batch = _begin(call, _CREATE)
    batch.run(_plan_create)
    return batch.answer(201)


def _plan_create(batch: _Batch, row: Row) -> _Plan:
    values = clean_values(batch.call, batch.table, row.get("properties") or {})
    check_new(batch.call, batch.table, values)
    return _Plan(values, links=wanted_links(batch.call, batch.table, row.get("associations") or []))


def update(call: Call) -> Answer:
    batch = _begin(call, _UPDATE)
    batch.run(_plan_update)
    return batch.answer(200)


def _plan_update(batch: _Batch, row: Row) -> _Plan:
    table, call, key = batch.table, batch.call, str(row.get("id", ""))
    name = row.get("idProperty") or "hs_object_id"
    record: Record | None
    if name == "hs_object_id":
        record = table.live.get(int(key)) if key.isdigit() else None
        if record is None and key.isdigit() and int(key) in table.aliases:
            return _Plan({}, skip=True)
    else:
        by_property = table.type.name != "contacts" or call.portal.settings.contact_batch_update_by_property
        if not by_property or name not in table.unique:
            raise not_unique("update", table, name)
        record = table.find_by(name, key)
    if record is None:
        if call.portal.settings.batch_update_missing == "omit":
            return _Plan({}, skip=True)
        raise ApiError(404, missing_objects(table.type.singular, [key]))
    values = clean_values(call, table, row.get("properties") or {})
    check_unique(call, table, values, record)
    return _Plan(values, record)


def upsert(call: Call) -> Answer:
    batch = _begin(call, _UPDATE)
    batch.run(_plan_upsert, upsert=True)
    return batch.answer(200)


def _plan_upsert(batch: _Batch, row: Row) -> _Plan:
    table, call, key = batch.table, batch.call, str(row.get("id", ""))
    name = row.get("idProperty") or "hs_object_id"
    given = row.get("properties") or {}
    if name == "hs_object_id":
        return _plan_update(batch, row)
    if name not in table.unique:
        raise not_unique("update/upsert", table, name)
    record = table.find_by(name, key)
    if record is None:
        values = clean_values(call, table, {name: key, **given})
        check_new(call, table, values)
        return _Plan(values)
    values = clean_values(call, table, given)
    _refuse_partial(batch, name, record, values)
    check_unique(call, table, values, record)
    return _Plan(values, record)


def _refuse_partial(batch: _Batch, name: str, record: Record, values: Values) -> None:
    if batch.call.portal.settings.partial_upsert_by_email or name != "email":
        return
    properties = batch.table.properties
    left_out = [known for known in record.values if properties[known].writable and known not in values]
    if left_out:
        raise invalid(f"Partial upserts by email are not supported; missing: [{', '.join(sorted(left_out))}]")


def archive(call: Call) -> Answer:
    rows = _checked_rows(call, call.body({"inputs"}, {"inputs"})["inputs"], {"id"})
    table = call.table()
    for row in rows:
        record = table.find(call.record_id(row.get("id")))
        if record is not None:
            call.portal.archive(table, record, call.origin)
    return Answer(204)


def read(call: Call) -> Answer:
    table = call.table()
    started_ms = call.portal.clock.now_ms()
    body = call.body(_READ_BODY, {"inputs"})
    rows = _checked_rows(call, body["inputs"], {"id"})
    history = body.get("propertiesWithHistory") or []
    if history and len(rows) > _LIMIT // 2:
        raise invalid(f"The maximum number of inputs with propertiesWithHistory is {_LIMIT // 2}")
    name = body.get("idProperty") or "hs_object_id"
    if name != "hs_object_id" and name not in table.unique:
        raise not_unique("read", table, name)
    shape = Shape(table, body.get("properties") or [], history)
    batch = _Batch(call, table, rows, partial=False, started_ms=started_ms)
    missing: list[str] = []
    found: dict[int, Record] = {}
    for row in rows:
        record = _lookup(call, table, name, str(row.get("id", "")))
        if record is None:
            missing.append(str(row.get("id", "")))
        else:
            found[record.id] = record
    batch.results = [shape.show(record) for record in found.values()]
    if missing:
        batch.errors = [missing_objects(table.type.singular, missing)]
    return batch.answer(200)


def _lookup(call: Call, table: Table, name: str, key: str) -> Record | None:
    archived = call.flag("archived")
    if name != "hs_object_id":
        return None if archived else table.find_by(name, key)
    if not key.isdigit():
        return None
    if archived:
        return table.archived.get(int(key))
    return (
        table.find(int(key)) if call.portal.settings.batch_read_resolves_merged else table.live.get(int(key))
    )
