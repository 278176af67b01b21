"""Bulk API 2.0: ingest and query jobs."""

from dataclasses import dataclass, field
from typing import Any

from simulators.base import Answer
from simulators.salesforce import errors
from simulators.salesforce.bodies import find_object
from simulators.salesforce.bulk import DELIMITERS, Cells, Outcome, cell, flatten, process, read_csv, write_csv
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError
from simulators.salesforce.query import Runner

_INGEST_KEYS = ("object", "operation", "externalIdFieldName", "contentType", "columnDelimiter", "lineEnding")
_QUERY_KEYS = ("operation", "query", "contentType", "columnDelimiter", "lineEnding")
_MOST_RECORDS = 50_000
_CSV = "text/csv"


@dataclass(slots=True)
class _Job:
    id: str
    settings: dict[str, Any]
    created: str
    state: str
    query: bool
    rows: list[Cells] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    ready_at: float = 0.0

    @property
    def delimiter(self) -> str:
        return DELIMITERS[self.settings["columnDelimiter"]]


class Jobs:
    """The jobs of one org."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}

    # ingest

    def create_ingest(self, call: Call) -> Answer:
        body = call.envelope(*_INGEST_KEYS)
        described = find_object(call.org, call.actor, str(body.get("object", "")))
        operation = body.get("operation")
        if operation not in ("insert", "update", "upsert", "delete", "hardDelete"):
            raise ApiError("INVALIDJOB", f"Invalid operation: {operation}")
        if operation == "upsert" and not body.get("externalIdFieldName"):
            raise ApiError("INVALIDJOB", "External ID was blank for an upsert")
        job = self._add(call, {**body, "object": described.name}, query=False)
        return Answer(200, self._info(call, job))

    def upload(self, call: Call) -> Answer:
        job = self._find(call, query=False)
        if job.state != "Open":
            raise ApiError("INVALIDJOBSTATE", "Job is not open")
        job.rows = read_csv(
            call.request.body, job.delimiter, empty_is_null=call.org.settings.empty_cell_is_null
        )
        call.request.rows = len(job.rows)
        job.columns = list(dict.fromkeys(name for row in job.rows for name in row))
        return Answer(201)

    def change(self, call: Call) -> Answer:
        job = self._find(call, query=call.params["kind"] == "query")
        state = call.envelope("state").get("state")
        if state == "Aborted":
            job.state = "Aborted"
        elif state == "UploadComplete" and job.state == "Open":
            job.state = "UploadComplete"
            job.ready_at = call.org.now() + call.org.settings.bulk_seconds
            described = call.org.schema.objects[job.settings["object"]]
            key = job.settings.get("externalIdFieldName")
            job.outcomes = process(call, described, job.settings["operation"], job.rows, key)
        else:
            raise ApiError("INVALIDJOBSTATE", f"Cannot change the state of the job to {state}")
        return Answer(200, self._info(call, job, state=job.state))

    def successful(self, call: Call) -> Answer:
        job = self._find(call, query=False)
        good = [one for one in job.outcomes if one.error is None]
        rows = [[one.record_id, cell(one.created), *_own(job, one)] for one in good]
        return _csv(write_csv(["sf__Id", "sf__Created", *job.columns], rows, job.delimiter))

    def failed(self, call: Call) -> Answer:
        job = self._find(call, query=False)
        rows = [[one.record_id, one.error.text(), *_own(job, one)] for one in job.outcomes if one.error]
        return _csv(write_csv(["sf__Id", "sf__Error", *job.columns], rows, job.delimiter))

    def unprocessed(self, call: Call) -> Answer:
        job = self._find(call, query=False)
        rows = [] if job.outcomes else [[cell(row.get(name)) for name in job.columns] for row in job.rows]
        return _csv(write_csv(job.columns, rows, job.delimiter))

    # query

    def create_query(self, call: Call) -> Answer:
        body = call.envelope(*_QUERY_KEYS)
        operation = body.get("operation")
        if operation not in ("query", "queryAll"):
            raise ApiError("INVALIDJOB", f"Invalid operation: {operation}")
        runner = Runner(call.org, call.actor, call.base, deleted=operation == "queryAll")
        found = runner.run(str(body.get("query", "")))
        job = self._add(call, {**body, "object": found.source}, query=True)
        job.records = [flatten(shown) for shown in found.shown(0, len(found.rows))]
        job.columns = found.columns
        job.state = "UploadComplete"
        job.ready_at = call.org.now() + call.org.settings.bulk_seconds
        return Answer(200, self._info(call, job, state="UploadComplete"))

    def results(self, call: Call) -> Answer:
        job = self._find(call, query=True)
        if self._state(call, job) != "JobComplete":
            raise ApiError("INVALIDJOBSTATE", "The job is not complete")
        size = min(int(call.request.one("maxRecords", str(_MOST_RECORDS))), _MOST_RECORDS)
        locator = call.request.one("locator")
        first = int(locator) if locator.isdigit() else 0
        part = job.records[first : first + size]
        call.request.rows = len(part)
        rows = [[cell(record.get(name)) for name in job.columns] for record in part]
        more = str(first + size) if first + size < len(job.records) else "null"
        headers = {"Sforce-Locator": more, "Sforce-NumberOfRecords": str(len(part))}
        return _csv(write_csv(job.columns, rows, job.delimiter), headers)

    # both

    def read(self, call: Call) -> Answer:
        job = self._find(call, query=call.params["kind"] == "query")
        return Answer(200, self._info(call, job))

    def list(self, call: Call) -> Answer:
        query = call.params["kind"] == "query"
        records = [self._info(call, job) for job in self._jobs.values() if job.query is query]
        return Answer(200, {"done": True, "records": records, "nextRecordsUrl": None})

    def delete(self, call: Call) -> Answer:
        del self._jobs[self._find(call, query=call.params["kind"] == "query").id]
        return Answer(204)

    def _add(self, call: Call, body: dict[str, Any], *, query: bool) -> _Job:
        settings = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF", **body}
        if settings["columnDelimiter"] not in DELIMITERS:
            raise ApiError("INVALIDJOB", f"Invalid column delimiter: {settings['columnDelimiter']}")
        job = _Job(call.org.ids.next("750"), settings, call.org.stamp(), "Open", query)
        self._jobs[job.id] = job
        return job

    def _find(self, call: Call, *, query: bool) -> _Job:
        job = self._jobs.get(call.params["id"])
        if job is None or job.query is not query:
            raise errors.not_found()
        return job

    def _state(self, call: Call, job: _Job) -> str:
        if job.state == "UploadComplete":
            return "InProgress" if call.org.now() < job.ready_at else "JobComplete"
        return job.state

    def _info(self, call: Call, job: _Job, state: str | None = None) -> dict[str, Any]:
        kind = "query" if job.query else "ingest"
        info = {
            "id": job.id,
            **job.settings,
            "createdById": call.actor.user_id,
            "createdDate": job.created,
            "systemModstamp": job.created,
            "state": state or self._state(call, job),
            "concurrencyMode": "Parallel",
            "apiVersion": float(call.version),
            "jobType": "V2Query" if job.query else "V2Ingest",
        }
        if job.query:
            return info | {"numberRecordsProcessed": len(job.records), "retries": 0, "totalProcessingTime": 0}
        failed = sum(1 for one in job.outcomes if one.error)
        content = {"contentUrl": f"services/data/v{call.version}.0/jobs/{kind}/{job.id}/batches"}
        counts = {"numberRecordsProcessed": len(job.outcomes), "numberRecordsFailed": failed, "retries": 0}
        return info | content | counts


def _own(job: _Job, outcome: Outcome) -> list[str]:
    return [cell(outcome.cells.get(name)) for name in job.columns]


def _csv(content: bytes, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, content, headers or {}, media_type=_CSV)
