"""Every route under `/services/data/vXX.X`, with the query parameters it knows."""

from collections.abc import Callable

from simulators.base import Answer
from simulators.salesforce import collections_api, composite_api, describe_api, rows_api, tooling_api
from simulators.salesforce.bulk2_api import Jobs
from simulators.salesforce.calls import Call
from simulators.salesforce.query_api import Cursors

Handler = Callable[[Call], Answer]
Entry = tuple[str, str, Handler, frozenset[str]]


def _entry(method: str, pattern: str, handler: Handler, *query: str) -> Entry:
    return method, pattern, handler, frozenset(query)


def routes() -> list[Entry]:
    cursors = Cursors()
    return [
        _entry("GET", "", describe_api.resources),
        _entry("GET", "/limits", describe_api.limits),
        _entry("GET", "/limits/recordCount", describe_api.record_count, "sObjects"),
        _entry("GET", "/sobjects", describe_api.describe_global),
        *_rows(),
        *_collections(),
        *_jobs(Jobs()),
        _entry("POST", "/composite", composite_api.composite),
        _entry("POST", "/composite/batch", composite_api.batch),
        _entry("POST", "/composite/graph", composite_api.graph),
        _entry("GET", "/query", cursors.query, "q"),
        _entry("GET", "/query/{locator}", cursors.more),
        _entry("GET", "/queryAll", cursors.query_all, "q"),
        _entry("GET", "/queryAll/{locator}", cursors.more),
        _entry("GET", "/tooling/query", tooling_api.query, "q"),
        _entry("POST", "/tooling/sobjects/CustomField", tooling_api.create_field),
        _entry("DELETE", "/tooling/sobjects/CustomField/{id}", tooling_api.delete_field),
        _entry("GET", "/tooling/sobjects/ValidationRule/{id}", tooling_api.read_rule),
    ]


def _rows() -> list[Entry]:
    one = "/sobjects/{object}"
    return [
        _entry("GET", one, rows_api.describe_basic),
        _entry("POST", one, rows_api.create),
        _entry("GET", f"{one}/describe", describe_api.describe),
        _entry("GET", f"{one}/updated", rows_api.updated, "start", "end"),
        _entry("GET", f"{one}/deleted", rows_api.deleted, "start", "end"),
        _entry("GET", one + "/{id}", rows_api.read, "fields"),
        _entry("PATCH", one + "/{id}", rows_api.change),
        _entry("DELETE", one + "/{id}", rows_api.remove),
        _entry("POST", one + "/{field}", rows_api.create_by_route),
        _entry("GET", one + "/{field}/{value}", rows_api.read_by_external_id, "fields"),
        _entry("PATCH", one + "/{field}/{value}", rows_api.upsert, "updateOnly"),
    ]


def _collections() -> list[Entry]:
    several = "/composite/sobjects"
    return [
        _entry("POST", several, collections_api.create),
        _entry("PATCH", several, collections_api.update),
        _entry("DELETE", several, collections_api.delete, "ids", "allOrNone"),
        _entry("GET", several + "/{object}", collections_api.retrieve, "ids", "fields"),
        _entry("POST", several + "/{object}", collections_api.retrieve),
        _entry("PATCH", several + "/{object}/{field}", collections_api.upsert),
    ]


def _jobs(jobs: Jobs) -> list[Entry]:
    ingest, query, either = "/jobs/ingest", "/jobs/query", "/jobs/{kind}"
    return [
        _entry("POST", ingest, jobs.create_ingest),
        _entry("POST", query, jobs.create_query),
        _entry("GET", either, jobs.list, "isPkChunkingEnabled", "jobType", "queryLocator"),
        _entry("GET", either + "/{id}", jobs.read),
        _entry("PATCH", either + "/{id}", jobs.change),
        _entry("DELETE", either + "/{id}", jobs.delete),
        _entry("PUT", ingest + "/{id}/batches", jobs.upload),
        _entry("GET", ingest + "/{id}/successfulResults", jobs.successful),
        _entry("GET", ingest + "/{id}/failedResults", jobs.failed),
        _entry("GET", ingest + "/{id}/unprocessedrecords", jobs.unprocessed),
        _entry("GET", ingest + "/{id}/unprocessedRecords", jobs.unprocessed),
        _entry("GET", query + "/{id}/results", jobs.results, "maxRecords", "locator"),
    ]
