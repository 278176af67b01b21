"""What stands before the handlers: routes, authorisation, rate limits, and the shape of refusals."""

import uuid
from typing import TYPE_CHECKING

from simulators.base import Answer, Request
from simulators.clock import iso_ms
from simulators.faults import Fault
from simulators.hubspot import (
    account_api,
    associations_api,
    batch_api,
    errors,
    forms_api,
    imports_api,
    legacy_api,
    list_admin_api,
    lists_api,
    memberships_api,
    oauth_api,
    objects_api,
    older_objects_api,
    properties_api,
    schemas_api,
    search_api,
    subscriptions_api,
    webhooks_api,
)
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import ApiError
from simulators.hubspot.tokens import Token
from simulators.routing import Route, Router

if TYPE_CHECKING:
    from simulators.hubspot.simulator import HubSpot

_MODULES = (
    objects_api,
    batch_api,
    search_api,
    associations_api,
    properties_api,
    lists_api,
    memberships_api,
    list_admin_api,
    account_api,
    oauth_api,
    webhooks_api,
    imports_api,
    legacy_api,
    older_objects_api,
    forms_api,
    schemas_api,
    subscriptions_api,
)
_HTML = b"<html><head><title>%d</title></head><body><h1>%d %s</h1><p>cloudflare</p></body></html>"
_REASONS = {
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
_HTML_FROM = 500
_LONGEST_URI = 16_000


class Gate:
    """The way of a call into the account of one simulator."""

    def __init__(self, crm: "HubSpot") -> None:
        self._crm = crm
        self._router = Router()
        for module in _MODULES:
            for endpoint in module.endpoints():
                for pattern in endpoint.patterns():
                    self._router.add(Route(endpoint.method, pattern, endpoint, endpoint.query))

    def handle(self, request: Request) -> Answer:
        """Answer a call."""
        try:
            return self._answer(request)
        except ApiError as error:
            self._crm.counters.refused[str(error.body.get("category") or error.status)] += 1
            return self._refusal(error)

    def serves(self, method: str, path: str) -> bool:
        """Whether there is a handler for a path; its `{names}` may stand for themselves."""
        return self._router.find(method, path)[0] is not None

    def _answer(self, request: Request) -> Answer:
        route, request.params, known = self._router.find(request.method, request.path)
        if route is None:
            self._crm.violate(request, "method" if known else "route", f"{request.method} {request.path}")
            raise (
                ApiError(405, {"status": "error", "message": "Method Not Allowed"})
                if known
                else errors.not_found()
            )
        request.label = route.pattern
        if _length(request) > _LONGEST_URI:
            raise ApiError(414, {"status": "error", "message": "URI Too Long"})
        endpoint: Endpoint = route.handler
        call = Call(request, self._crm.portal, lambda what, detail: self._crm.violate(request, what, detail))
        headers: dict[str, str] = {}
        if not endpoint.public:
            call.token = self._authorise(request, endpoint)
            headers = self._count(endpoint, call.token)
        self._check_query(request, route)
        try:
            answer = endpoint.handler(call)
        except ApiError as error:
            error.headers.update(headers)
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._crm.violate(request, "malformed body", repr(error))
            raise errors.invalid("Invalid input JSON on line 1, column 1: Cannot deserialize") from error
        answer.headers.update(headers)
        return answer

    def _authorise(self, request: Request, endpoint: Endpoint) -> Token:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._crm.portal.tokens.get(value.strip())
        if scheme.lower() != "bearer" or token is None:
            raise errors.unauthorised()
        now_ms = self._crm.clock.now_ms()
        if token.expires_ms is not None and token.expires_ms <= now_ms:
            raise errors.expired((now_ms - token.expires_ms) // 1000, iso_ms(token.expires_ms))
        scopes = self._scope(request, endpoint).split("|")
        if scopes != [""] and token.scopes.isdisjoint(scopes):
            raise errors.missing_scopes(scopes)
        return token

    def _scope(self, request: Request, endpoint: Endpoint) -> str:
        if "{type}" not in endpoint.scope:
            return endpoint.scope
        table = self._crm.portal.table(request.params.get("type", ""))
        return endpoint.scope.replace("{type}", table.type.scope if table else "custom")

    def _count(self, endpoint: Endpoint, token: Token) -> dict[str, str]:
        limits, now_ms = self._crm.portal.limits, self._crm.clock.now_ms()
        policy = limits.take(endpoint.limit, token.app_id, now_ms, oauth=token.oauth)
        headers = limits.headers(endpoint.limit, token.app_id, now_ms, oauth=token.oauth)
        if policy is not None:
            error = self._too_many(policy)
            error.headers.update(headers)
            raise error
        return headers

    def _too_many(self, policy: str) -> ApiError:
        self._crm.counters.too_many_requests[policy] += 1
        error = errors.rate_limited(policy, self._uuid(), category=self._crm.settings.rate_limit_category)
        if self._crm.settings.retry_after_on_429:
            error.headers["Retry-After"] = "10"
        return error

    def _check_query(self, request: Request, route: Route) -> None:
        if route.query is None or request.query.keys() <= route.query:
            return
        name = min(request.query.keys() - route.query)
        self._crm.violate(request, "query parameter", name)
        if self._crm.settings.refuse_unknown_parameters:
            raise errors.invalid(f"Unknown query parameter: {name}")

    def _refusal(self, error: ApiError) -> Answer:
        body = {"status": "error", "message": "", "correlationId": self._uuid(), **error.body}
        return Answer(error.status, body, dict(error.headers))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._crm.uuids.getrandbits(128), version=4))

    def fault_answer(self, rule: Fault, request: Request) -> Answer:
        headers = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
        if rule.status >= _HTML_FROM:
            page = _HTML % (rule.status, rule.status, _REASONS.get(rule.status, b"Error"))
            return Answer(rule.status, page, headers, "text/html; charset=UTF-8")
        answer = self._refusal(self._fault_error(rule, request))
        answer.headers.update(headers)
        return answer

    def _fault_error(self, rule: Fault, request: Request) -> ApiError:
        if rule.status == 401:  # noqa: PLR2004 - HTTP's own number, as those below
            return errors.expired(12, iso_ms(self._crm.clock.now_ms() - 12_000))
        if rule.status == 403:  # noqa: PLR2004
            route, request.params, _ = self._router.find(request.method, request.path)
            scope = self._scope(request, route.handler) if route is not None else ""
            return errors.missing_scopes(scope.split("|"))
        if rule.status == 429:  # noqa: PLR2004
            return self._too_many(rule.policy or "TEN_SECONDLY_ROLLING")
        messages = {
            423: "The resource is locked by another request",
            477: "This account is being migrated between data hosting locations",
        }
        message = messages.get(rule.status, "simulated fault")
        return ApiError(rule.status, {"status": "error", "message": message})


def _length(request: Request) -> int:
    return len(request.path) + sum(len(name) + len(v) for name, vs in request.query.items() for v in vs)
