"""Several calls in one: composite, composite batch and composite graph."""

import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import orjson

from simulators.base import Answer, Request
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError
from simulators.salesforce.transactions import Transaction

_MOST, _MOST_HEAVY = 25, 5
_MOST_NODES, _MOST_GRAPHS = 500, 75
_HEAVY = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)(/|\?|$)")
_REFERENCE = re.compile(r"@\{([\w.\[\]]+)\}")
_FAILED = 400
_HALTED = {
    "errorCode": "PROCESSING_HALTED",
    "message": "The transaction was rolled back since another operation in the same transaction failed.",
}
_KEPT_HEADERS = ("authorization", "sforce-call-options", "sforce-auto-assign", "sforce-duplicate-rule-header")

Part = dict[str, Any]


@dataclass(slots=True)
class _Run:
    """The parts of one composite so far."""

    call: Call
    outer: Transaction | None
    answers: dict[str, Any] = field(default_factory=dict)
    results: list[Part] = field(default_factory=list)
    failed: bool = False

    def add(self, part: Part) -> None:
        reference = str(part["referenceId"])
        try:
            resolved = _resolve({name: part.get(name) for name in ("url", "body")}, self.answers)
            answer = _answer(self.call, {**part, **resolved}, self.outer)
        except _UnknownReferenceError as error:
            body = [{"errorCode": "PROCESSING_HALTED", "message": str(error)}]
            answer = Answer(_FAILED, body)
        self.answers[reference] = answer.body
        self.failed = self.failed or _is_failure(answer)
        headers = {"Location": answer.headers["location"]} if "location" in answer.headers else {}
        result = {"body": answer.body, "httpHeaders": headers, "httpStatusCode": answer.status}
        self.results.append({**result, "referenceId": reference})

    def halt(self) -> None:
        """Show what was rolled back; the rows of a collection go on saying that they succeeded."""
        for result in self.results:
            if result["httpStatusCode"] < _FAILED and not isinstance(result["body"], list):
                result.update(body=[_HALTED], httpHeaders={}, httpStatusCode=_FAILED)


class _UnknownReferenceError(ValueError):
    pass


def composite(call: Call) -> Answer:
    """`POST composite`: up to 25 calls in order, five of them queries or collections."""
    body = call.envelope("allOrNone", "collateSubrequests", "compositeRequest")
    parts = _parts(call, body.get("compositeRequest"), _MOST)
    heavy = sum(1 for part in parts if _HEAVY.match(str(part["url"])))
    if heavy > _MOST_HEAVY:
        raise ApiError(
            "INVALID_INPUT", f"No more than {_MOST_HEAVY} query and collections subrequests are allowed"
        )
    call.request.rows = len(parts)
    run = _run(call, parts, all_or_none=bool(body.get("allOrNone")))
    return Answer(200, {"compositeResponse": run.results})


def graph(call: Call) -> Answer:
    """`POST composite/graph`: each graph takes effect whole or not at all."""
    graphs = _objects(call.envelope("graphs").get("graphs"), "graphId", "compositeRequest")
    if len(graphs) > _MOST_GRAPHS or sum(len(one["compositeRequest"]) for one in graphs) > _MOST_NODES:
        raise ApiError(
            "INVALID_INPUT", f"Up to {_MOST_GRAPHS} graphs of {_MOST_NODES} nodes in all are allowed"
        )
    shown = []
    for one in graphs:
        run = _run(call, _parts(call, one["compositeRequest"], _MOST_NODES), all_or_none=True)
        response = {"compositeResponse": run.results}
        shown.append({"graphId": one["graphId"], "graphResponse": response, "isSuccessful": not run.failed})
    return Answer(200, {"graphs": shown})


def batch(call: Call) -> Answer:
    """`POST composite/batch`: up to 25 independent calls."""
    body = call.envelope("batchRequests", "haltOnError")
    requests = _objects(body.get("batchRequests"), "method", "url")
    if len(requests) > _MOST:
        raise ApiError("INVALID_INPUT", f"The number of batch requests exceeds the limit of {_MOST}")
    results: list[Part] = []
    for one in requests:
        url = "/services/data/" + str(one["url"]).removeprefix("/services/data/").lstrip("/")
        if body.get("haltOnError") and any(result["statusCode"] >= _FAILED for result in results):
            halted = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted"}]
            results.append({"statusCode": 412, "result": halted})
            continue
        answer = _answer(call, {"method": one["method"], "url": url, "body": one.get("richInput")}, None)
        results.append({"statusCode": answer.status, "result": answer.body})
    failed = any(result["statusCode"] >= _FAILED for result in results)
    return Answer(200, {"hasErrors": failed, "results": results})


def _objects(given: Any, *needed: str) -> list[Part]:
    """A list of objects that have these keys.

    Raises:
        ApiError: it is not one.
    """
    if not isinstance(given, list) or not given:
        raise ApiError("JSON_PARSER_ERROR", "A list of requests is missing at [line:1, column:1]")
    for one in given:
        missing = [name for name in needed if not isinstance(one, dict) or not _stated(one, name)]
        if missing:
            raise ApiError(
                "JSON_PARSER_ERROR", f'Missing required field "{missing[0]}" at [line:1, column:2]'
            )
    return list(given)


def _stated(part: Part, name: str) -> bool:
    return isinstance(part.get(name), list if name == "compositeRequest" else str)


def _parts(call: Call, given: Any, most: int) -> list[Part]:
    parts = _objects(given, "method", "url", "referenceId")
    if len(parts) > most:
        raise ApiError("INVALID_INPUT", f"No more than {most} subrequests are allowed")
    seen = set()
    for part in parts:
        for name in part.keys() - {"method", "url", "referenceId", "httpHeaders", "body"}:
            call.violate("body field", name)
            raise ApiError("JSON_PARSER_ERROR", f'Unrecognized field "{name}" at [line:1, column:2]')
        reference = part["referenceId"]
        if reference in seen:
            raise ApiError("INVALID_INPUT", f"Duplicate referenceId: {reference}")
        seen.add(reference)
    return parts


def _run(call: Call, parts: list[Part], *, all_or_none: bool) -> _Run:
    work = Transaction(call.org, call.actor) if all_or_none else None
    run = _Run(call, work)
    for part in parts:
        run.add(part)
    if work is not None and run.failed:
        work.rollback()
        run.halt()
    elif work is not None:
        work.commit()
    return run


def _answer(call: Call, part: Part, outer: Transaction | None) -> Answer:
    path, _, query = str(part["url"]).partition("?")
    kept = {name: value for name, value in call.request.headers.items() if name in _KEPT_HEADERS}
    own = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    if not call.org.settings.composite_conditions:
        own = {name: value for name, value in own.items() if not name.startswith("if-")}
    body = b"" if part.get("body") is None else orjson.dumps(part["body"])
    request = Request(
        str(part["method"]).upper(), path, parse_qs(query, keep_blank_values=True), kept | own, body
    )
    return call.dispatch(replace(call, request=request, outer=outer, params={}))


def _is_failure(answer: Answer) -> bool:
    """Whether a part failed, a collection if any of its rows did."""
    rows = answer.body if isinstance(answer.body, list) else []
    return answer.status >= _FAILED or any(
        isinstance(row, dict) and row.get("success") is False for row in rows
    )


def _resolve(value: Any, answers: dict[str, Any]) -> Any:
    """Put earlier results in place of `@{reference.path}`."""
    if isinstance(value, dict):
        return {name: _resolve(inner, answers) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, answers) for inner in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: str(_referred(found[1], answers)), value)


def _referred(path: str, answers: dict[str, Any]) -> Any:
    found: Any = answers
    for step in re.findall(r"\w+", path):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise _UnknownReferenceError(
                f"Invalid reference specified. No value for {path} found in {path.partition('.')[0]}"
            ) from error
    return found
