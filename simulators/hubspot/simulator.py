"""The HubSpot simulator: routes, authorisation and limits before the handlers; the control operations."""

import random
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from simulators.base import Answer, Request, Simulator
from simulators.clock import iso_ms
from simulators.faults import Fault
from simulators.hubspot import (
    account_api,
    associations_api,
    batch_api,
    errors,
    forms_api,
    imports_api,
    list_admin_api,
    lists_api,
    memberships_api,
    oauth_api,
    objects_api,
    properties_api,
    schemas_api,
    search_api,
    webhooks_api,
)
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import ApiError
from simulators.hubspot.portal import Portal
from simulators.hubspot.records import Origin, Record
from simulators.hubspot.rendering import Shape
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.table import Table
from simulators.hubspot.tokens import Token
from simulators.routing import Route, Router

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
    forms_api,
    schemas_api,
)
_HTML = b"<html><head><title>%d</title></head><body><h1>%d %s</h1><p>cloudflare</p></body></html>"
_REASONS = {
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
_SEED_ORIGIN = Origin("IMPORT", "seed")
_HTML_FROM = 500


class HubSpot(Simulator):
    """A HubSpot account behind its API."""

    name = "hubspot"
    objects = ("contacts", "companies", "deals", "tickets", "tasks", "notes")
    settings: HubSpotSettings

    def __init__(self, settings: HubSpotSettings | None = None) -> None:
        super().__init__(settings or HubSpotSettings())
        self._router = Router()
        for module in _MODULES:
            for endpoint in module.endpoints():
                for pattern in endpoint.patterns():
                    self._router.add(Route(endpoint.method, pattern, endpoint, endpoint.query))
        self.reset()

    def reset(self) -> None:
        self.restart()
        self._ids = random.Random(self.settings.seed + 2)
        self.portal = Portal(self.settings, self.clock, self.rng, self.counters)
        self.settings_changed()

    def settings_changed(self) -> None:
        self.portal.use_tokens(self.settings)
        self.portal.webhooks.configure()
        self.portal.webhooks.delivery.wake()

    def handle(self, request: Request) -> Answer:
        try:
            return self._answer(request)
        except ApiError as error:
            self.counters.refused[str(error.body.get("category") or error.status)] += 1
            return self._refusal(error)

    def _answer(self, request: Request) -> Answer:
        route, request.params, known = self._router.find(request.method, request.path)
        if route is None:
            self.violate(request, "method" if known else "route", f"{request.method} {request.path}")
            raise (
                ApiError(405, {"status": "error", "message": "Method Not Allowed"})
                if known
                else errors.not_found()
            )
        request.label = route.pattern
        endpoint: Endpoint = route.handler
        call = Call(request, self.portal, lambda what, detail: self.violate(request, what, detail))
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
        answer.headers.update(headers)
        return answer

    def _authorise(self, request: Request, endpoint: Endpoint) -> Token:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.portal.tokens.get(value.strip())
        if scheme.lower() != "bearer" or token is None:
            raise errors.unauthorised()
        now_ms = self.clock.now_ms()
        if token.expires_ms is not None and token.expires_ms <= now_ms:
            raise errors.expired((now_ms - token.expires_ms) // 1000, iso_ms(token.expires_ms))
        scope = self._scope(request, endpoint)
        if scope and scope not in token.scopes:
            raise errors.missing_scopes([scope])
        return token

    def _scope(self, request: Request, endpoint: Endpoint) -> str:
        if "{type}" not in endpoint.scope:
            return endpoint.scope
        table = self.portal.table(request.params.get("type", ""))
        return endpoint.scope.replace("{type}", table.type.scope if table else "custom")

    def _count(self, endpoint: Endpoint, token: Token) -> dict[str, str]:
        limits, now_ms = self.portal.limits, self.clock.now_ms()
        policy = limits.take(endpoint.limit, token.app_id, now_ms, oauth=token.oauth)
        headers = limits.headers(endpoint.limit, token.app_id, now_ms, oauth=token.oauth)
        if policy is not None:
            error = self._too_many(policy)
            error.headers.update(headers)
            raise error
        return headers

    def _too_many(self, policy: str) -> ApiError:
        self.counters.too_many_requests[policy] += 1
        error = errors.rate_limited(policy, self._uuid(), category=self.settings.rate_limit_category)
        if self.settings.retry_after_on_429:
            error.headers["Retry-After"] = "10"
        return error

    def _check_query(self, request: Request, route: Route) -> None:
        if route.query is None or request.query.keys() <= route.query:
            return
        name = min(request.query.keys() - route.query)
        self.violate(request, "query parameter", name)
        if self.settings.refuse_unknown:
            raise errors.invalid(f"Unknown query parameter: {name}")

    def _refusal(self, error: ApiError) -> Answer:
        body = {"status": "error", "message": "", "correlationId": self._uuid(), **error.body}
        return Answer(error.status, body, dict(error.headers))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

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
            return errors.expired(12, iso_ms(self.clock.now_ms() - 12_000))
        if rule.status == 403:  # noqa: PLR2004
            route, request.params, _ = self._router.find(request.method, request.path)
            scope = self._scope(request, route.handler) if route is not None else ""
            return errors.missing_scopes([scope])
        if rule.status == 429:  # noqa: PLR2004
            return self._too_many(rule.policy or "TEN_SECONDLY_ROLLING")
        messages = {
            423: "The resource is locked by another request",
            477: "This account is being migrated between data hosting locations",
        }
        message = messages.get(rule.status, "simulated fault")
        return ApiError(rule.status, {"status": "error", "message": message})

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        from simulators import people  # noqa: PLC0415 - its vocabulary is loaded only where it is needed

        count, seed = int(spec["people"]), int(spec.get("seed", 1))
        rows = people.roster(
            people.people(count, seed=seed), overlap=float(spec.get("overlap", 0.6)), seed=seed
        )
        table = self.portal.tables["contacts"]
        with self.portal.quietly():
            for row in rows.hubspot:
                values, _ = table.check(row)
                self.portal.create(table, values, _SEED_ORIGIN)
        self.portal.lists.recompute_all()
        return {"contacts": len(rows.hubspot)}

    def record_counts(self) -> dict[str, int]:
        return {name: len(table.live) for name, table in self.portal.tables.items()}

    def full_record(self, object_name: str, key: str) -> dict[str, Any] | None:
        table = self.portal.tables[object_name]
        record = _look_up(table, key)
        if record is None:
            return None
        history = {
            name: [
                {
                    "value": v.value,
                    "at": iso_ms(v.at_ms),
                    "source": v.origin.source,
                    "source_id": v.origin.source_id,
                }
                for v in record.history(name)
            ]
            for name in {*record.values, *record.versions}
        }
        node = (table.type.id, record.id)
        links = {
            far.type.name: [str(other) for other, _ in self.portal.associations.of(node, far.type.id)]
            for far in self.portal.tables.values()
        }
        lists = [entry.id for entry in self.portal.lists.lists.values() if record.id in entry.members]
        return {**self._plain(table, record), "history": history, "associations": links, "lists": lists}

    def _plain(self, table: Table, record: Record) -> dict[str, Any]:
        shown = Shape(table, record.values.keys() or {"hs_object_id"}).show(record)
        return {**shown, "deleted": record.archived_ms is not None}

    def page(self, object_name: str, limit: int, offset: int) -> list[dict[str, Any]]:
        table = self.portal.tables[object_name]
        ids = islice(table.ids_from(0), offset, offset + limit)
        return [self._plain(table, table.live[record_id]) for record_id in ids]

    def create_as_person(self, object_name: str, properties: dict[str, Any]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        values = self._typed(table, properties, None)
        if table.type.required_any and not any(values.get(name) for name in table.type.required_any):
            raise ValueError(f"one of {', '.join(table.type.required_any)} is required")
        return self._plain(table, self.portal.create(table, values, self.portal.person()))

    def edit_as_person(self, object_name: str, key: str, properties: dict[str, Any]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        record = self._live(table, key)
        self.portal.update(table, record, self._typed(table, properties, record), self.portal.person())
        return self._plain(table, record)

    def _typed(self, table: Table, properties: dict[str, Any], record: Record | None) -> dict[str, str]:
        values, problems = table.check(properties)
        if problems:
            raise ValueError("; ".join(problem["message"] for problem in problems))
        for name, value, owner in table.clashes(values, None if record is None else record.id):
            raise ValueError(f"{name} {value} belongs to record {owner}")
        return values

    def _live(self, table: Table, key: str) -> Record:
        record = _look_up(table, key)
        if record is None or record.archived_ms is not None:
            raise KeyError(key)
        return record

    def delete_as_person(self, object_name: str, key: str) -> None:
        table = self.portal.tables[object_name]
        self.portal.archive(table, self._live(table, key), self.portal.person())

    def merge_as_person(self, object_name: str, keys: Sequence[str]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        survivor = self._live(table, keys[0])
        for key in keys[1:]:
            survivor = self.portal.merge(table, survivor, self._live(table, key), self.portal.person())
        return self._plain(table, survivor)

    def control_routes(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "GET /_sim/webhooks": lambda _: self.portal.webhooks.delivery.state(),
            "POST /_sim/webhooks/flush": lambda _: self.portal.webhooks.delivery.flush(),
            "POST /_sim/restore": self._restore,
        }

    def _restore(self, request: Request) -> dict[str, Any]:
        body = request.json()
        table = self.portal.tables[body.get("object", "contacts")]
        record = table.archived[int(body["id"])]
        self.portal.restore(table, record, self.portal.person())
        return self._plain(table, record)

    def _is_current(self, portal: Portal) -> bool:
        return portal is self.portal

    async def background(self) -> None:
        """Deliver webhooks; a reset puts a new sender in place of the old one."""
        while True:
            portal = self.portal
            await portal.webhooks.delivery.run(partial(self._is_current, portal))


def _look_up(table: Table, key: str) -> Record | None:
    if key.isdigit():
        return table.find(int(key)) or table.archived.get(int(key))
    return table.find_by("email", key) if "email" in table.unique else None


def create(settings: dict[str, Any]) -> HubSpot:
    """A simulator with some settings changed."""
    chosen = HubSpotSettings()
    chosen.change(settings)
    return HubSpot(chosen)
