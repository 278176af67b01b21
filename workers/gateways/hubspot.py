"""One HubSpot account as a gateway."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from domain.errors import SyncError, Transient
from domain.identity import Crm, email_key
from domain.outcomes import Outcome, OutcomeClass
from domain.owners import Owner
from domain.schema import ObjectSchema
from domain.wire import millis, to_hubspot
from workers.gateways.heads import ObjectGateway
from workers.gateways.http import NoAnswer, Refused, batches, chunks, deliver, outcome_of, worst
from workers.gateways.hubspot_client import Portal, Request
from workers.gateways.hubspot_shapes import (
    MERGED_IDS,
    Details,
    Error,
    Owners,
    Page,
    Properties,
    Record,
    Schema,
    Usage,
    Usages,
    faults,
    field_schema,
    merged_ids,
    next_page,
    owner,
    read_record,
    values,
)
from workers.gateways.hubspot_subscriptions import unsubscribe
from workers.ports import ChangesPage, Particulars, ReadAnswer, ReadRecord, Search, WriteRow

BATCH = 100
SEARCH_PAGE = 200
SEARCH_BODY = 3_000
"""The longest search request, in characters."""

OTHER_EMAILS = "hs_additional_emails"


class HubSpotGateway(ObjectGateway):
    """Objects of one portal. ``schemas``: what is known already; others are described when first needed."""

    batch_size = BATCH
    mixes_objects = False

    def __init__(self, portal: Portal, *, schemas: Mapping[str, ObjectSchema] | None = None) -> None:
        super().__init__(portal.account, schemas)
        self._portal = portal

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        schema = self._schema(object_name)
        found = [
            read_record(object_name, record, fields, schema, asked if asked != record.id else None)
            for chunk in chunks(ids, BATCH)
            for record, asked in _answered(self._batch_read(object_name, chunk, [*fields, MERGED_IDS]), chunk)
        ]
        return self._read_answer(found, ids)

    def look_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        return [self._found(*each) for each in searches]

    def _found(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> ReadAnswer:
        schema = self._schema(object_name)
        keys = list(dict.fromkeys(email_key(value) for value in values))
        names = [*fields, field, MERGED_IDS, *([OTHER_EMAILS] if field == "email" else [])]
        found: dict[str, Record] = {}
        for chunk in chunks(keys, BATCH):
            for record in self._batch_read(object_name, chunk, names, id_property=field):
                found.update(dict.fromkeys(_keys(record, field), record))
        records = [
            read_record(object_name, found[email_key(value)], fields, schema, value)
            for value in values
            if email_key(value) in found
        ]
        return self._read_answer(records, values)

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        outcomes: dict[str, Outcome] = {}
        for batch in batches(rows):
            outcomes |= deliver(batch, self._attempt)
        return [outcomes[row.row] for row in rows]

    def changes(
        self, object_name: str, *, since: int, until: int, after: str | None, fields: Sequence[str]
    ) -> ChangesPage:
        schema = self._schema(object_name)
        body = _search(object_name, since, until, after, fields)
        names_fit = len(msgspec.json.encode(body)) <= SEARCH_BODY
        if not names_fit:
            body["properties"] = []
        request = partial(self._portal.search.do_search, object_name, body)
        page = self._account.ask(request, Page, self.priority, search=True)
        ids = [record.id for record in page.results]
        last = ids[-1] if page.total > len(ids) and ids else None
        if not names_fit:
            return ChangesPage(self.read(object_name, ids, fields).records, last, self._account.server_time)
        records = [read_record(object_name, record, fields, schema) for record in page.results]
        return ChangesPage(records, last, self._account.server_time)

    def ids(self, object_name: str, *, after: str | None, archived: bool = False) -> ChangesPage:
        request = partial(
            self._portal.objects.get_page,
            object_name,
            limit=BATCH,
            properties=["hs_object_id"],
            archived="true" if archived else "false",
            **({"after": after} if after else {}),
        )
        page = self._account.ask(request, Page, self.priority)
        records = [read_record(object_name, record, (), {}) for record in page.results]
        return ChangesPage(records, page.after, self._account.server_time)

    def _described(self, object_name: str) -> ObjectSchema:
        request = partial(self._portal.properties.get_all, object_name)
        properties = self._account.ask(request, Properties, self.priority).results
        return ObjectSchema(Crm.HUBSPOT, object_name, {prop.name: field_schema(prop) for prop in properties})

    def owners(self) -> list[Owner]:
        return [owner(raw) for archived in ("false", "true") for raw in self._owner_pages(archived)]

    def server_time(self) -> int:
        """By the account's details. Raises Transient if the answer has no date."""
        self._details()
        if not self._account.server_time:
            raise Transient("no_server_time")
        return self._account.server_time

    def account(self) -> Particulars:
        details, usage = self._details(), self._usage()
        zone = details.time_zone or "UTC"
        return Particulars(str(details.portal_id), zone, "", usage.usage_limit, usage.current_usage)

    def _details(self) -> Details:
        request = self._portal.raw("GET", "/account-info/v3/details")
        return self._account.ask(request, Details, self.priority)

    def _usage(self) -> Usage:
        """Known for private apps only."""
        request = self._portal.raw("GET", "/account-info/v3/api-usage/daily/private-apps")
        try:
            found = self._account.ask(request, Usages, self.priority).results
        except SyncError:
            found = []
        return next(iter(found), Usage())

    def _batch_read(
        self, object_name: str, ids: Sequence[str], names: Sequence[str], id_property: str | None = None
    ) -> list[Record]:
        body: dict[str, Any] = {
            "properties": list(dict.fromkeys(names)),
            "propertiesWithHistory": [],
            "inputs": [{"id": record_id} for record_id in dict.fromkeys(ids)],
        }
        if id_property:
            body["idProperty"] = id_property
        request = partial(self._portal.batch.read, object_name, body)
        return self._account.ask(request, Page, self.priority).results

    def _read_answer(self, records: list[ReadRecord], asked: Sequence[str]) -> ReadAnswer:
        answered = {record.asked_id or record.id for record in records}
        missing = [value for value in dict.fromkeys(asked) if value not in answered]
        return ReadAnswer(records, missing, self._account.server_time)

    def _owner_pages(self, archived: str) -> Iterator[Any]:
        after: dict[str, str] = {}
        while True:
            request = partial(self._portal.owners.get_page, limit=BATCH, archived=archived, **after)
            page = self._account.ask(request, Owners, self.priority)
            yield from page.results
            following = next_page(page.paging)
            if following is None:
                return
            after = {"after": following}

    def _attempt(self, rows: Sequence[WriteRow]) -> dict[str, Outcome] | Refused:
        if rows[0].into:
            return self._merge(rows[0])
        if rows[0].id is not None and rows[0].key_field:
            return unsubscribe(self._portal, rows, self.priority)
        return self._batch(rows)

    def _merge(self, row: WriteRow) -> dict[str, Outcome] | Refused:
        """One merge. Most accounts give the merged record a new id, by which the answer names it."""
        body = {"primaryObjectId": row.into, "objectIdToMerge": row.id}
        request = self._portal.raw("POST", f"/crm/v3/objects/{row.object}/merge", body)
        try:
            answer = self._account.call(request, self.priority)
        except (SyncError, NoAnswer) as error:
            return Refused(outcome_of(error))
        if not answer.ok:
            return self._account.refusal(answer)
        try:
            return {row.row: Outcome(OutcomeClass.DELIVERED, record_id=answer.parse(Record).id)}
        except Transient as error:
            return Refused(Outcome(OutcomeClass.UNKNOWN, code=error.code))

    def _batch(self, rows: Sequence[WriteRow]) -> dict[str, Outcome] | Refused:
        object_name = rows[0].object
        body = {"inputs": [_input(row) for row in rows]}
        try:
            schema = self._schema(object_name)
            answer = self._account.call(partial(self._method(rows[0]), object_name, body), self.priority)
        except (SyncError, NoAnswer) as error:
            return Refused(outcome_of(error))
        if not answer.ok:
            return self._account.refusal(answer)
        if rows[0].delete:
            return {row.row: Outcome(OutcomeClass.DELIVERED, record_id=row.id) for row in rows}
        try:
            return _outcomes(rows, answer.parse(Page), schema)
        except Transient as error:
            return Refused(Outcome(OutcomeClass.UNKNOWN, code=error.code))

    def _method(self, row: WriteRow) -> Request:
        batch = self._portal.batch
        method: Request = batch.upsert if row.id is None else batch.update
        return batch.archive if row.delete else method


def _search(
    object_name: str, since: int, until: int, after: str | None, fields: Sequence[str]
) -> dict[str, Any]:
    """Keyset paging: offsets drift while rows change, and stop at 10,000."""
    stamp = "lastmodifieddate" if object_name in {"contacts", "0-1"} else "hs_lastmodifieddate"
    filters = [
        {"propertyName": stamp, "operator": "GTE", "value": str(since)},
        {"propertyName": stamp, "operator": "LT", "value": str(until)},
    ]
    if after:
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": after})
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": [*fields, MERGED_IDS],
        "limit": SEARCH_PAGE,
    }


def _answered(records: Sequence[Record], asked: Sequence[str]) -> Iterator[tuple[Record, str]]:
    """Pair records with the ids asked for: their own, or those of records that were merged into them."""
    wanted = set(asked)
    for record in records:
        yield from ((record, name) for name in (record.id, *merged_ids(record)) if name in wanted)


def _keys(record: Record, field: str) -> Iterator[str]:
    """The look-up values that lead to a record."""
    carried = record.properties
    others = str(carried.get(OTHER_EMAILS) or "").split(";") if field == "email" else ()
    yield from (email_key(value) for value in (str(carried.get(field) or ""), *others) if value)


def _input(row: WriteRow) -> dict[str, Any]:
    if row.delete:
        return {"id": row.id}
    properties = {name: to_hubspot(value) for name, value in row.fields.items()}
    if row.id is not None:
        return {"id": row.id, "objectWriteTraceId": row.row, "properties": properties}
    properties[row.key_field or ""] = row.key_value or ""
    return {
        "id": row.key_value,
        "idProperty": row.key_field,
        "objectWriteTraceId": row.row,
        "properties": properties,
    }


def _outcomes(rows: Sequence[WriteRow], page: Page, schema: Schema) -> dict[str, Outcome]:
    """Match by trace id, and where HubSpot leaves that out by record id: results come in any order."""
    results = {record.id: record for record in page.results}
    results |= {record.object_write_trace_id or "": record for record in page.results}
    errors: dict[str, Error] = {}
    for error in page.errors:
        names = error.named("objectWriteTraceId") or error.named("ids") or error.named("id")
        errors.update(dict.fromkeys(names, error))
    return {row.row: _outcome(row, results, errors, schema) for row in rows}


def _outcome(
    row: WriteRow, results: Mapping[str, Record], errors: Mapping[str, Error], schema: Schema
) -> Outcome:
    by_id = row.id or row.key_value or ""
    error = errors.get(row.row) or errors.get(by_id)
    if error:
        return worst([fault.outcome(Crm.HUBSPOT) for fault in faults(error)])
    record = results.get(row.row) or (results.get(row.id) if row.id else None)
    if record is None:
        return Outcome(OutcomeClass.RESOLVE, code="row_missing")
    return Outcome(
        OutcomeClass.DELIVERED,
        record_id=record.id,
        created=record.new,
        stored=values(record, row.fields, schema),
        stamp=millis(record.updated_at),
    )
