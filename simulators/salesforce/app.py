"""The simulated org behind its routes: authorisation, limits, versions; and the control API's operations."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from simulators.base import Answer, Request, Simulator
from simulators.faults import Fault
from simulators.routing import Route, Router
from simulators.salesforce import control_api, dml, errors, oauth, people_actions, seeding
from simulators.salesforce.bodies import parse
from simulators.salesforce.bulk1_api import Jobs1, exception_body
from simulators.salesforce.calls import Call, option, refusal
from simulators.salesforce.describe_api import NEWEST, versions
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.ids import normalise
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.routes import routes
from simulators.salesforce.schema import SObject
from simulators.salesforce.settings import OrgSettings
from simulators.salesforce.store import Record
from simulators.salesforce.transactions import Transaction

_VERSION = re.compile(r"/services/(?:data/v|async/)(\d+)\.\d(?=/|$)")
_MAX_URI = 16_384
_ASYNC = "/services/async/"


class Salesforce(Simulator):
    """A simulated Salesforce org."""

    name = "salesforce"
    objects = (
        *("Contact", "Lead", "Account", "Opportunity", "Campaign", "CampaignMember", "Task"),
        *("User", "Group", "RecordType"),
    )
    settings: OrgSettings

    def restart(self) -> None:
        super().restart()
        self.org = Org(self.settings, self.clock, self.counters, self.rng)
        self.sessions = oauth.Sessions(self.org)
        self._router = Router()
        for method, pattern, handler, query in routes():
            self._router.add(Route(method, "/services/data/{version}" + pattern, handler, query))
        for method, pattern, handler in Jobs1().routes():
            self._router.add(Route(method, "/services/async/{version}" + pattern, handler))

    # the org's own API

    def handle(self, request: Request) -> Answer:
        self.org.settle()
        for later in self.org.due():
            dml.run_later(self.org, later)
        if request.path == "/services/oauth2/token" and request.method == "POST":
            return oauth.token(self.org, self.sessions, request)
        if request.path.startswith("/services/Soap/u/") and request.method == "POST":
            return oauth.soap_login(self.org, self.sessions, request)
        if request.path.rstrip("/") == "/services/data":
            return Answer(200, versions(self.settings.oldest_version))
        answer = self._authorised(request)
        usage = f"api-usage={self.org.used_calls()}/{self.settings.daily_limit}"
        answer.headers.setdefault("sforce-limit-info", usage)
        return answer

    def _authorised(self, request: Request) -> Answer:
        if len(request.path) + sum(len(v) for values in request.query.values() for v in values) > _MAX_URI:
            return Answer(414, b"", media_type="text/html")
        if not self.sessions.valid(_token(request)):
            return _no_session(request)
        if self.org.used_calls() >= self.settings.daily_limit:
            return refusal(errors.limit_exceeded())
        self.org.count_call()
        found = _VERSION.match(request.path)
        if not found or int(found[1]) > NEWEST:
            return self._unknown(request)
        if int(found[1]) <= self.settings.oldest_version:
            message = "The requested API version is no longer available."
            return refusal(ApiError("UNSUPPORTED_API_VERSION", message, status=410))
        return self.dispatch(self._call(request, int(found[1])))

    def _call(self, request: Request, version: int) -> Call:
        headers = request.headers
        rule_header = "sforce-duplicate-rule-header"
        actor = Actor(
            self.org.integration_user,
            allow_duplicates=option(headers, rule_header, "allowSave").lower() == "true",
            duplicate_details=option(headers, rule_header, "includeRecordDetails").lower() == "true",
            auto_assign=headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE",
            row_error_share=request.row_error_share,
        )
        return Call(
            self.org,
            request,
            actor,
            version,
            self.dispatch,
            lambda what, detail: self.violate(request, what, detail),
        )

    def dispatch(self, call: Call) -> Answer:
        """Answer a call by its route; composite calls come here for each of their parts."""
        route, call.params, known = self._router.find(call.request.method, call.request.path)
        if route is None:
            return self._wrong_method(call.request) if known else self._unknown(call.request)
        call.request.label = route.pattern
        if route.query is not None:
            for name in call.request.query.keys() - route.query:
                call.violate("query parameter", name)
        try:
            answer: Answer = route.handler(call)
        except (ApiError, RowErrors) as error:
            first = error.errors[0] if isinstance(error, RowErrors) else error
            self.counters.refused[first.code] += 1
            if first.status == 412 and not self.settings.precondition_body:  # noqa: PLR2004 - HTTP's own number
                return Answer(412)
            return (
                Answer(400, exception_body(first)) if call.request.path.startswith(_ASYNC) else refusal(error)
            )
        return answer

    def _unknown(self, request: Request) -> Answer:
        self.violate(request, "route", f"{request.method} {request.path}")
        return refusal(errors.not_found())

    def _wrong_method(self, request: Request) -> Answer:
        self.violate(request, "method", f"{request.method} {request.path}")
        message = f"HTTP Method '{request.method}' not allowed. Allowed are HEAD,GET,POST,PATCH,DELETE"
        return refusal(ApiError("METHOD_NOT_ALLOWED", message, status=405))

    def fault_answer(self, rule: Fault, request: Request) -> Answer:  # noqa: ARG002 - the base's signature
        """The body for a status; `policy` is the limit of a 403, the code of a 400, or json for a 5xx."""
        match rule.status:
            case 401:
                return refusal(errors.session_expired())
            case 403:
                return refusal(errors.limit_exceeded(rule.policy or "TotalRequests"))
            case 400:
                return refusal(_policy_refusal(rule.policy, self.org.organization_id))
            case _:
                return _server_fault(rule)

    # the control API

    def reset(self) -> None:
        self.restart()

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        return seeding.seed(self.org, spec)

    def record_counts(self) -> dict[str, int]:
        return {name: len(list(self._alive(name))) for name in self.objects}

    def full_record(self, object_name: str, key: str) -> dict[str, Any] | None:
        row = self._find(object_name, key)
        if row is None:
            return None
        shown = self._plain(object_name, row)
        return shown | {"history": list(self.org.history.get(row["Id"], []))}

    def page(self, object_name: str, limit: int, offset: int) -> list[dict[str, Any]]:
        return [
            self._plain(object_name, row) for row in list(self._alive(object_name))[offset : offset + limit]
        ]

    def create_as_person(self, object_name: str, properties: dict[str, Any]) -> dict[str, Any]:
        described = self.org.schema.objects[object_name]

        def create(work: Transaction) -> str:
            return dml.insert(work, described, self._values(described, properties))

        return self.as_person(object_name, create)

    def edit_as_person(self, object_name: str, key: str, properties: dict[str, Any]) -> dict[str, Any]:
        described, row = self.org.schema.objects[object_name], self.existing(object_name, key)

        def edit(work: Transaction) -> str:
            dml.update(work, described, row["Id"], self._values(described, properties))
            return str(row["Id"])

        return self.as_person(object_name, edit)

    def delete_as_person(self, object_name: str, key: str) -> None:
        described, row = self.org.schema.objects[object_name], self.existing(object_name, key)

        def delete(work: Transaction) -> str:
            dml.delete(work, described, row["Id"])
            return str(row["Id"])

        self.as_person(object_name, delete)

    def merge_as_person(self, object_name: str, keys: Sequence[str]) -> dict[str, Any]:
        described = self.org.schema.objects[object_name]
        if not described.mergeable:
            raise ValueError(f"{object_name} cannot be merged")
        ids = [str(self.existing(object_name, key)["Id"]) for key in keys]
        return self.as_person(object_name, lambda work: people_actions.merge(work, described, ids))

    def control_routes(self) -> dict[str, Callable[[Request], Any]]:
        return control_api.routes(self)

    def _alive(self, object_name: str) -> Any:
        return (row for row in self.org.tables[object_name].live.by_id.values() if "IsDeleted" not in row)

    def _find(self, object_name: str, key: str) -> Record | None:
        live = self.org.tables[object_name].live
        found = live.by_id.get(normalise(key) or "")
        if found is None and "Email" in live.lookups:
            alive = [one for one in live.find("Email", key) if "IsDeleted" not in live.by_id[one]]
            found = live.by_id[alive[0]] if alive else None
        return found

    def existing(self, object_name: str, key: str) -> Record:
        row = self._find(object_name, key)
        if row is None:
            raise KeyError(key)
        return row

    def _plain(self, object_name: str, row: Record) -> dict[str, Any]:
        described = self.org.schema.objects[object_name]
        properties = {name: row[name] for name in described.fields if name in row and name != "Id"}
        return {"id": row["Id"], "properties": properties, "deleted": bool(row.get("IsDeleted"))}

    def _values(self, described: SObject, properties: dict[str, Any]) -> dict[str, Any]:
        return parse(self.org, self._person(), described, properties)

    def _person(self) -> Actor:
        return Actor(self.org.person_user, api=False, allow_duplicates=True)

    def as_person(self, object_name: str, act: Callable[[Transaction], str]) -> dict[str, Any]:
        """Do something as the org's own user; ValueError in the org's words if it refuses."""
        self.org.settle()
        work = Transaction(self.org, self._person())
        try:
            record_id = act(work)
        except (ApiError, RowErrors) as error:
            work.rollback()
            raise ValueError(str(error)) from error
        work.commit()
        return self._plain(object_name, self.org.tables[object_name].live.by_id[record_id])


def _token(request: Request) -> str:
    """The session's token; the bulk API 1 has a header of its own for it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth"):
        return token
    return request.headers.get("x-sfdc-session", "") if request.path.startswith(_ASYNC) else ""


def _no_session(request: Request) -> Answer:
    if request.path.startswith(_ASYNC):
        refused = ApiError("InvalidSessionId", "Invalid session id")
        return Answer(401, exception_body(refused))
    return refusal(errors.session_expired())


def _policy_refusal(policy: str, record_id: str) -> ApiError:
    if policy == "QUERY_TIMEOUT":
        return ApiError("QUERY_TIMEOUT", "Your query request was running for too long.")
    return errors.lock(record_id) if policy in ("", "UNABLE_TO_LOCK_ROW") else ApiError(policy, policy)


def _server_fault(rule: Fault) -> Answer:
    if rule.policy == "json" or (rule.status == 500 and rule.policy != "html"):  # noqa: PLR2004 - HTTP's number
        return refusal(_server_refusal(rule.status))
    return Answer(rule.status, errors.html(), media_type="text/html; charset=utf-8")


def _server_refusal(status: int) -> ApiError:
    if status == 500:  # noqa: PLR2004 - HTTP's own number
        message = (
            "An unexpected error occurred. Please include this ErrorId if you contact support: "
            "243926966-107564 (1182868337)"
        )
        return ApiError("UNKNOWN_EXCEPTION", message, status=500)
    return ApiError("SERVER_UNAVAILABLE", "The server is unavailable. Please try again later.", status=status)


def create(settings: dict[str, Any]) -> Salesforce:
    """A simulated org with these settings."""
    chosen = OrgSettings()
    chosen.change(settings)
    return Salesforce(chosen)
