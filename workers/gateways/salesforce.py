"""One Salesforce org as a gateway.

Records are read by SOQL through ``queryAll``, not by the collections' retrieve: only a query shows deleted
and merged records, which retrieve leaves out without a word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlsplit

import msgspec
from simple_salesforce.api import Salesforce

from domain.errors import Misconfigured, SyncError, Transient
from domain.outcomes import Outcome, OutcomeClass
from domain.owners import Owner
from domain.schema import FieldKind, ObjectSchema
from domain.wire import instant, soql_text, to18, to_salesforce
from workers.gateways.heads import ObjectGateway
from workers.gateways.http import (
    UNREADABLE,
    Answer,
    NoAnswer,
    Refused,
    batches,
    chunks,
    deliver,
    outcome_of,
    shaped,
    unreadable,
)
from workers.gateways.salesforce_client import Org
from workers.gateways.salesforce_shapes import (
    Composite,
    Described,
    Limits,
    Organization,
    QueryPage,
    Row,
    Schema,
    Someone,
    columns,
    object_schema,
    outcome,
    owner,
    read_record,
)
from workers.ports import ChangesPage, Particulars, ReadAnswer, Search, WriteRow

T = TypeVar("T")

BATCH = 200
PAGE = 2_000
QUERIES = 5
"""How many queries one composite call takes. It counts as one call, by Salesforce's REST API guide, "Send
Multiple Requests Using Composite"; the parts of a composite batch would count one by one."""

QUERY_CHARS = 12_000
"""The longest query, encoded: address and headers together may have 16,384 bytes, a token up to 2,000."""


class SalesforceGateway(ObjectGateway):
    """Objects of one org. ``schemas``: what is known already; others are described when first needed."""

    batch_size = BATCH
    mixes_objects = True

    def __init__(self, org: Org, *, schemas: Mapping[str, ObjectSchema] | None = None) -> None:
        super().__init__(org.account, schemas)
        self._org = org

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        asked = {to18(record_id): record_id for record_id in ids}
        found = self._knowing([object_name], lambda: self._named(object_name, list(asked), fields))
        records = [
            read_record(
                object_name, found[key], fields, self._schema(object_name), name if name != key else None
            )
            for key, name in asked.items()
            if key in found
        ]
        missing = [name for key, name in asked.items() if key not in found]
        return ReadAnswer(records, missing, self._account.server_time)

    def _named(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        return {
            to18(str(record.get("Id"))): record
            for soql in self._having(object_name, "Id", ids, fields)
            for record in self._all(soql, deleted=True)
        }

    def look_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        return self._knowing([each.object for each in searches], lambda: self._looked_up(searches))

    def _looked_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        queries = [(number, soql) for number, each in enumerate(searches) for soql in self._finding(each)]
        found: list[list[dict[str, Any]]] = [[] for _ in searches]
        for together in chunks(queries, QUERIES):
            answers = self._together([soql for _, soql in together])
            for (number, _), records in zip(together, answers, strict=True):
                found[number] += records
        return [self._found(each, records) for each, records in zip(searches, found, strict=True)]

    def _finding(self, search: Search) -> Iterator[str]:
        values = list({value.lower(): value for value in search.values}.values())
        return self._having(search.object, search.field, values, [*search.fields, search.field])

    def _found(self, search: Search, found: Sequence[Mapping[str, Any]]) -> ReadAnswer:
        asked, schema = {value.lower(): value for value in search.values}, self._schema(search.object)
        records = []
        for record in found:
            value = asked.get(str(record.get(search.field) or "").lower())
            if value is not None:
                records.append(read_record(search.object, record, search.fields, schema, value))
        answered = {record.asked_id for record in records}
        missing = [value for value in asked.values() if value not in answered]
        return ReadAnswer(records, missing, self._account.server_time)

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        if any(row.delete for row in rows):
            raise ValueError("nothing is deleted in Salesforce")
        outcomes: dict[str, Outcome] = {}
        for assigned in (True, False):
            for batch in batches([row for row in rows if _assigned(row) is assigned], mixed=True):
                outcomes |= deliver(batch, self._attempt)
        return [outcomes[row.row] for row in rows]

    def changes(
        self, object_name: str, *, since: int, until: int, after: str | None, fields: Sequence[str]
    ) -> ChangesPage:
        where = f"{_behind(since, after)} AND SystemModstamp < {instant(until)}"
        return self._page(object_name, fields, where, "SystemModstamp, Id", _change_key)

    def ids(self, object_name: str, *, after: str | None, archived: bool = False) -> ChangesPage:
        behind = f" AND Id > {soql_text(after)}" if after else ""
        where = f"IsDeleted = {str(archived).lower()}{behind}"
        return self._page(object_name, (), where, "Id", lambda record: str(record["Id"]))

    def _described(self, object_name: str) -> ObjectSchema:
        def request(client: Salesforce) -> object:
            return client.restful(f"sobjects/{object_name}/describe")

        return object_schema(object_name, self._account.ask(request, Described, self.priority))

    def owners(self) -> list[Owner]:
        users = self._shaped("SELECT Id, Name, Email, IsActive FROM User", Someone)
        queues = self._shaped("SELECT Id, Name FROM Group WHERE Type = 'Queue'", Someone)
        return [owner(user, queue=False) for user in users] + [owner(queue, queue=True) for queue in queues]

    def server_time(self) -> int:
        """By the org's limits. Raises Transient if the answer has no date."""
        self._limits()
        if not self._account.server_time:
            raise Transient("no_server_time")
        return self._account.server_time

    def account(self) -> Particulars:
        organizations = self._shaped("SELECT Id, TimeZoneSidKey FROM Organization", Organization)
        organization = next(organizations, Organization())
        calls = self._limits().daily_api_requests
        return Particulars(
            organization.id,
            organization.time_zone_sid_key or "UTC",
            self._org.user_id(self.priority),
            calls.max if calls else None,
            calls.max - calls.remaining if calls else 0,
        )

    def _limits(self) -> Limits:
        return self._account.ask(lambda client: client.limits(), Limits, self.priority)

    def _shaped(self, soql: str, shape: type[T]) -> Iterator[T]:
        """The records of a query of our own."""
        found = self._all(soql, deleted=False)
        return (shaped(record, shape, self._account.crm, soql) for record in found)

    def _having(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> Iterator[str]:
        """Queries for all records whose field holds one of the values, as few as an address has room for."""
        select = self._select(object_name, fields)
        for literals in _fitting(select, [soql_text(value) for value in values]):
            yield f"{select} WHERE {field} IN ({','.join(literals)})"

    def _select(self, object_name: str, fields: Sequence[str]) -> str:
        names = ", ".join(columns(fields, self._schema(object_name)))
        return f"SELECT {names} FROM {object_name}"  # noqa: S608 - SOQL of names from the org's own describe

    def _page(
        self,
        object_name: str,
        fields: Sequence[str],
        where: str,
        order: str,
        key: Callable[[dict[str, Any]], str],
    ) -> ChangesPage:
        """One page of a keyset. Salesforce may cut a page short; only ``done`` says that nothing follows."""

        def ask() -> QueryPage:
            soql = f"{self._select(object_name, fields)} WHERE {where} ORDER BY {order} LIMIT {PAGE}"
            return self._query(soql, deleted=True)

        page = self._knowing([object_name], ask)
        schema = self._schema(object_name)
        records = [read_record(object_name, record, fields, schema) for record in page.records]
        more = records and (not page.done or len(records) >= PAGE)
        return ChangesPage(records, key(page.records[-1]) if more else None, self._account.server_time)

    def _knowing(self, objects: Sequence[str], ask: Callable[[], T]) -> T:
        """Ask; if a field is gone, or hidden, since the objects were described, ask again without it."""
        try:
            return ask()
        except Misconfigured as error:
            if error.code != "INVALID_FIELD":
                raise
            for name in dict.fromkeys(objects):
                self.describe(name)
            return ask()

    def _query(self, soql: str, *, deleted: bool) -> QueryPage:
        def request(client: Salesforce) -> object:
            return client.query(soql, include_deleted=deleted)

        return self._account.ask(request, QueryPage, self.priority)

    def _together(self, queries: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """The records of up to ``QUERIES`` queries, by one call where none has more than a page."""

        def request(client: Salesforce) -> object:
            path = urlsplit(client.base_url).path + "query/?q="
            parts = [
                {"method": "GET", "url": path + quote_plus(soql), "referenceId": f"q{number}"}
                for number, soql in enumerate(queries)
            ]
            body = _encoder.encode({"compositeRequest": parts})
            return client.restful("composite", method="POST", data=body)

        answered = self._account.ask(request, Composite, self.priority).composite_response
        if len(answered) != len(queries):
            why = f"{len(answered)} answers to {len(queries)} queries"
            raise unreadable("composite", why, self._account.crm)
        for part in answered:
            answer = Answer(part.http_status_code, {}, bytes(part.body), "composite")
            with self._account.named():
                page = self._account.good(answer).parse(QueryPage)
            yield list(self._pages(page))

    def _all(self, soql: str, *, deleted: bool) -> Iterator[dict[str, Any]]:
        return self._pages(self._query(soql, deleted=deleted))

    def _pages(self, page: QueryPage) -> Iterator[dict[str, Any]]:
        """The records of a query from its first page on."""
        yield from page.records
        while not page.done and page.next_records_url:
            more = partial(
                Salesforce.query_more,
                next_records_identifier=page.next_records_url,
                identifier_is_url=True,
            )
            page = self._account.ask(more, QueryPage, self.priority)
            yield from page.records

    def _attempt(self, rows: Sequence[WriteRow]) -> dict[str, Outcome] | Refused:
        first = rows[0]
        path = "composite/sobjects" + (f"/{first.object}/{first.key_field}" if first.id is None else "")
        try:
            body = _body(rows, {name: self._schema(name) for name in {row.object for row in rows}})
            assign = {} if _assigned(first) else {"Sforce-Auto-Assign": "TRUE"}
            answer = self._account.call(
                lambda client: client.restful(path, method="PATCH", data=body, headers=assign), self.priority
            )
        except (SyncError, NoAnswer) as error:
            return Refused(outcome_of(error))
        if not answer.ok:
            return self._account.refusal(answer)
        try:
            results = answer.parse(list[Row])
            return {row.row: outcome(result) for row, result in zip(rows, results, strict=True)}
        except (Transient, ValueError):
            return Refused(Outcome(OutcomeClass.UNKNOWN, code=UNREADABLE))


def _assigned(row: WriteRow) -> bool:
    """Whether a record has its owner. A new one without goes through the org's assignment rules."""
    return row.id is not None or "OwnerId" in row.fields


_encoder = msgspec.json.Encoder(decimal_format="number")


def _body(rows: Sequence[WriteRow], schemas: Mapping[str, Schema]) -> bytes:
    return _encoder.encode(
        {"allOrNone": False, "records": [_record(row, schemas[row.object]) for row in rows]}
    )


def _record(row: WriteRow, schema: Schema) -> dict[str, object]:
    target = {"Id": row.id} if row.id is not None else {row.key_field or "": row.key_value}
    values = {
        name: to_salesforce(value, schema[name].kind if name in schema else FieldKind.OTHER)
        for name, value in row.fields.items()
    }
    return {"attributes": {"type": row.object}, **values, **target}


def _behind(since: int, after: str | None) -> str:
    """The part of a keyset's window that is not yet read."""
    if after is None:
        return f"SystemModstamp >= {instant(since)}"
    stamp, _, record_id = after.partition("/")
    return f"(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > {soql_text(record_id)}))"


def _change_key(record: Mapping[str, Any]) -> str:
    return f"{str(record['SystemModstamp']).replace('+0000', 'Z')}/{record['Id']}"


def _fitting(select: str, literals: Sequence[str]) -> Iterator[list[str]]:
    """Part the literals of an IN list so that each query stays within ``QUERY_CHARS``."""
    room = QUERY_CHARS - len(quote_plus(select))
    part: list[str] = []
    used = 0
    for literal in literals:
        size = len(quote_plus(literal)) + len("%2C")
        if part and used + size > room:
            yield part
            part, used = [], 0
        part.append(literal)
        used += size
    if part:
        yield part
