"""Bulk API 1: `/services/async/XX.X/job`, in JSON, with CSV content and XML answers for CSV jobs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import orjson

from simulators.base import Answer
from simulators.salesforce.bodies import find_object
from simulators.salesforce.bulk import Outcome, cell, flatten, process, read_csv, write_csv
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError
from simulators.salesforce.query import Runner

_NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_JOB_KEYS = ("operation", "object", "contentType", "concurrencyMode", "externalIdFieldName")
_MOST_ROWS = 10_000


@dataclass(slots=True)
class _Batch:
    id: str
    info: dict[str, Any]
    sent: bytes
    outcomes: list[Outcome] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Job:
    id: str
    info: dict[str, Any]
    batches: dict[str, _Batch] = field(default_factory=dict)


class Jobs1:
    """The jobs of one org; a batch is done as soon as it is added."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}

    def routes(self) -> list[tuple[str, str, Callable[[Call], Answer]]]:
        return [
            ("POST", "/job", self._create),
            ("GET", "/job/{job}", self._read),
            ("POST", "/job/{job}", self._change),
            ("POST", "/job/{job}/batch", self._add_batch),
            ("GET", "/job/{job}/batch", self._list_batches),
            ("GET", "/job/{job}/batch/{batch}", self._read_batch),
            ("GET", "/job/{job}/batch/{batch}/request", self._sent),
            ("GET", "/job/{job}/batch/{batch}/result", self._results),
            ("GET", "/job/{job}/batch/{batch}/result/{result}", self._result),
        ]

    def _create(self, call: Call) -> Answer:
        body = call.envelope(*_JOB_KEYS)
        described = find_object(call.org, call.actor, str(body.get("object", "")))
        at = call.org.stamp()
        info = {
            "id": call.org.ids.next("750"),
            "operation": body.get("operation"),
            "object": described.name,
            "createdById": call.actor.user_id,
            "createdDate": at,
            "systemModstamp": at,
            "state": "Open",
            "externalIdFieldName": body.get("externalIdFieldName"),
            "concurrencyMode": body.get("concurrencyMode", "Parallel"),
            "contentType": body.get("contentType", "XML"),
            "apiVersion": float(call.version),
            "numberBatchesTotal": 0,
            "numberRecordsProcessed": 0,
            "numberRecordsFailed": 0,
        }
        self._jobs[info["id"]] = _Job(info["id"], info)
        return Answer(201, info)

    def _read(self, call: Call) -> Answer:
        return Answer(200, self._job(call).info)

    def _change(self, call: Call) -> Answer:
        job = self._job(call)
        state = call.envelope("state", "id").get("state")
        if state not in ("Closed", "Aborted"):
            raise _refused("InvalidJobState", f"Invalid state {state}")
        job.info["state"] = state
        return Answer(200, job.info)

    def _add_batch(self, call: Call) -> Answer:
        job = self._job(call)
        if job.info["state"] != "Open":
            raise _refused("InvalidJobState", "Closed jobs cannot take batches")
        batch = _Batch(call.org.ids.next("751"), {}, call.request.body)
        failure = self._run(call, job, batch)
        at = call.org.stamp()
        failed = sum(1 for one in batch.outcomes if one.error)
        processed = len(batch.outcomes) or len(batch.records)
        batch.info = {
            "id": batch.id,
            "jobId": job.id,
            "state": "Failed" if failure else "Completed",
            "stateMessage": failure,
            "createdDate": at,
            "systemModstamp": at,
            "numberRecordsProcessed": processed,
            "numberRecordsFailed": failed,
        }
        job.batches[batch.id] = batch
        job.info["numberBatchesTotal"] += 1
        job.info["numberRecordsProcessed"] += processed
        job.info["numberRecordsFailed"] += failed
        return self._show(job, "batchInfo", {**batch.info, "state": "Queued"}, status=201)

    def _run(self, call: Call, job: _Job, batch: _Batch) -> str | None:
        """Do a batch's work; returns what failed of the whole batch."""
        operation = str(job.info["operation"])
        if operation in ("query", "queryAll"):
            runner = Runner(call.org, call.actor, call.base, deleted=operation == "queryAll")
            try:
                found = runner.run(batch.sent.decode())
            except ApiError as error:
                return f"InvalidBatch : {error.code}: {error.message}"
            batch.records = found.shown(0, len(found.rows))
            batch.columns = found.columns
            return None
        rows = (
            orjson.loads(batch.sent)
            if job.info["contentType"] == "JSON"
            else read_csv(batch.sent, empty_is_null=call.org.settings.empty_cell_is_null)
        )
        call.request.rows = len(rows)
        if len(rows) > _MOST_ROWS:
            return f"InvalidBatch : Records not processed: more than {_MOST_ROWS}"
        described = call.org.schema.objects[job.info["object"]]
        batch.outcomes = process(call, described, operation, rows, job.info["externalIdFieldName"])
        return None

    def _list_batches(self, call: Call) -> Answer:
        job = self._job(call)
        return Answer(200, {"batchInfo": [batch.info for batch in job.batches.values()]})

    def _read_batch(self, call: Call) -> Answer:
        job = self._job(call)
        return self._show(job, "batchInfo", self._batch(call, job).info)

    def _sent(self, call: Call) -> Answer:
        batch = self._batch(call, self._job(call))
        return Answer(200, batch.sent)

    def _results(self, call: Call) -> Answer:
        """Of a query: the ids of its results; of others: a result for each row."""
        job = self._job(call)
        batch = self._batch(call, job)
        if str(job.info["operation"]).startswith("query"):
            return self._show_ids(job, "752" + batch.id[3:])
        if job.info["contentType"] == "JSON":
            return Answer(200, [_outcome(one) for one in batch.outcomes])
        rows = [
            [one.record_id, cell(one.error is None), cell(one.created), one.error.text() if one.error else ""]
            for one in batch.outcomes
        ]
        return Answer(200, write_csv(["Id", "Success", "Created", "Error"], rows), media_type="text/csv")

    def _result(self, call: Call) -> Answer:
        job = self._job(call)
        batch = self._batch(call, job)
        if job.info["contentType"] == "JSON":
            return Answer(200, batch.records)
        flat = [flatten(record) for record in batch.records]
        rows = [[cell(record.get(name)) for name in batch.columns] for record in flat]
        return Answer(200, write_csv(batch.columns, rows), media_type="text/csv")

    def _show(self, job: _Job, root: str, info: dict[str, Any], status: int = 200) -> Answer:
        if job.info["contentType"] == "JSON":
            return Answer(status, info)
        inner = "".join(
            f"<{name}>{escape(cell(value))}</{name}>" for name, value in info.items() if value is not None
        )
        return _xml(f'<{root} xmlns="{_NAMESPACE}">{inner}</{root}>', status)

    def _show_ids(self, job: _Job, result_id: str) -> Answer:
        if job.info["contentType"] == "JSON":
            return Answer(200, [result_id])
        return _xml(f'<result-list xmlns="{_NAMESPACE}"><result>{result_id}</result></result-list>', 200)

    def _job(self, call: Call) -> _Job:
        job = self._jobs.get(call.params["job"])
        if job is None:
            raise _refused("InvalidJob", "Invalid job id")
        return job

    def _batch(self, call: Call, job: _Job) -> _Batch:
        batch = job.batches.get(call.params["batch"])
        if batch is None:
            raise _refused("InvalidBatch", "Invalid batch id")
        return batch


def _refused(code: str, message: str) -> ApiError:
    return ApiError(code, message)


def exception_body(error: ApiError) -> dict[str, str]:
    """A refusal in Bulk API 1's own form."""
    return {"exceptionCode": error.code, "exceptionMessage": error.message}


def _outcome(one: Outcome) -> dict[str, Any]:
    errors = [one.error.row()] if one.error else []
    return {
        "success": one.error is None,
        "created": one.created,
        "id": one.record_id or None,
        "errors": errors,
    }


def _xml(content: str, status: int) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{content}'
    return Answer(status, text.encode(), media_type="application/xml")
