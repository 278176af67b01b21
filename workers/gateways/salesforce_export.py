"""Selecting many records of one org: page by page, or by a bulk query that the org works on by itself.

Source: Salesforce's "Bulk API 2.0" guide, query jobs. Its client waits until a job is done and then forgets
it; here a job goes on after whoever began it has died, so its three calls are made one by one.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from simple_salesforce.api import Salesforce

from domain.errors import Rejected
from domain.identity import Crm
from domain.schema import FieldKind
from domain.wire import soql_text
from workers.gateways.http import unreadable
from workers.gateways.salesforce import PAGE, SalesforceGateway
from workers.gateways.salesforce_shapes import Schema, Shape, read_record
from workers.ports import ChangesPage

FAILED = frozenset({"Failed", "Aborted"})
DONE = "JobComplete"
RESULTS = "the results of a bulk query"
_NUMBERS = frozenset({FieldKind.NUMBER, FieldKind.INTEGER})


class BulkJob(Shape):
    """A query job."""

    id: str
    state: str
    error_message: str | None = None


class SalesforceExport(SalesforceGateway):
    """Records by a condition of one's own, in the words of SOQL."""

    def count(self, object_name: str, where: str) -> int:
        """How many records meet a condition."""
        soql = f"SELECT COUNT() FROM {object_name} WHERE {where}"  # noqa: S608 - the condition is the operator's
        return self._query(soql, deleted=False).total_size

    def page(self, object_name: str, where: str, *, after: str | None, fields: Sequence[str]) -> ChangesPage:
        """One page of the records that meet a condition, by id, behind an id."""
        behind = f" AND Id > {soql_text(after)}" if after else ""
        soql = f"{self._select(object_name, fields)} WHERE ({where}){behind} ORDER BY Id LIMIT {PAGE}"
        page = self._query(soql, deleted=False)
        schema = self._schema(object_name)
        records = [read_record(object_name, each, fields, schema) for each in page.records]
        more = records and (not page.done or len(records) >= PAGE)
        return ChangesPage(records, records[-1].id if more else None, self._account.server_time)

    def begin(self, object_name: str, where: str, fields: Sequence[str]) -> str:
        """Have the org look for the records that meet a condition; returns the job's id."""
        body = {"operation": "query", "query": f"{self._select(object_name, fields)} WHERE {where}"}

        def request(client: Salesforce) -> object:
            return client.restful("jobs/query", method="POST", data=msgspec.json.encode(body))

        return self._account.ask(request, BulkJob, self.priority).id

    def is_done(self, job: str) -> bool:
        """Whether the org has found all. Raises Rejected if it gave up, or has forgotten the job."""
        found = self._account.ask(lambda client: client.restful(f"jobs/query/{job}"), BulkJob, self.priority)
        if found.state in FAILED:
            raise Rejected("bulk_query_failed", found.error_message or found.state)
        return found.state == DONE

    def results(self, object_name: str, job: str, *, after: str | None, fields: Sequence[str]) -> ChangesPage:
        """One page of what a job has found, behind a locator."""
        params = {"maxRecords": str(PAGE)} | ({"locator": after} if after else {})

        def request(client: Salesforce) -> object:
            return client.restful(f"jobs/query/{job}/results", params=params, headers={"Accept": "text/csv"})

        answer = self._account.read(request, self.priority)
        schema = self._schema(object_name)
        records = [read_record(object_name, each, fields, schema) for each in _rows(answer.body, schema)]
        locator = answer.headers.get("sforce-locator", "null")
        return ChangesPage(records, None if locator == "null" else locator, self._account.server_time)


def _rows(body: bytes, schema: Schema) -> Iterator[dict[str, Any]]:
    """The lines of a CSV as the records of a query's answer: an empty cell is null."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise unreadable(RESULTS, "it is not UTF-8", Crm.SALESFORCE) from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if "Id" not in (rows.fieldnames or ()):
            raise unreadable(RESULTS, "there is no column Id", Crm.SALESFORCE)
        for row in rows:
            yield {name: _typed(name, cell, schema) for name, cell in row.items() if name}
    except csv.Error as error:
        raise unreadable(RESULTS, str(error), Crm.SALESFORCE) from None


def _typed(name: str, cell: str | None, schema: Schema) -> object:
    kind = schema[name].kind if name in schema else FieldKind.OTHER
    if not cell:
        return None
    if kind is FieldKind.BOOLEAN:
        return cell.lower() == "true"
    if kind in _NUMBERS:
        try:
            return Decimal(cell)
        except InvalidOperation:
            return cell
    return cell
