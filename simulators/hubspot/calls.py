"""What a handler gets: a call with its checked parameters, and the table of endpoints it is registered in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulators.base import Answer, Request
from simulators.hubspot.errors import ApiError, invalid, not_found, unrecognised
from simulators.hubspot.portal import Portal
from simulators.hubspot.records import Origin
from simulators.hubspot.table import Table
from simulators.hubspot.tokens import Token

DATED = ("2026-03", "2026-09")
_FAMILIES = {
    "objects": ["/crm/v3/objects", "/crm/v4/objects", *(f"/crm/objects/{v}" for v in DATED)],
    "object-associations": ["/crm/v4/objects", *(f"/crm/objects/{v}" for v in DATED)],
    "associations": ["/crm/v4/associations", *(f"/crm/associations/{v}" for v in DATED)],
    "properties": ["/crm/v3/properties", *(f"/crm/properties/{v}" for v in DATED)],
    "lists": ["/crm/v3/lists", *(f"/crm/lists/{v}" for v in DATED)],
    "dated-lists": ["/crm/lists/2026-09"],
    "owners": ["/crm/v3/owners", *(f"/crm/owners/{v}" for v in DATED)],
    "imports": ["/crm/v3/imports", *(f"/crm/imports/{v}" for v in DATED)],
    "oauth-v1": ["/oauth/v1"],
    "oauth": ["/oauth/v1", "/oauth/v3", *(f"/oauth/{v}" for v in DATED)],
    "oauth-new": ["/oauth/v3", *(f"/oauth/{v}" for v in DATED)],
    "private-apps": ["/oauth/v2/private-apps"],
    "subscriptions": ["/communication-preferences/v4"],
    "account": ["/account-info/v3", *(f"/account-info/{v}" for v in DATED)],
    "webhooks": ["/webhooks/v3", "/webhooks/2026-03", "/app-webhooks/2025-09", "/app-webhooks/2026-09"],
    "forms": ["/submissions/v3/integration/submit"],
    "secure-forms": ["/submissions/v3/integration/secure/submit"],
    "consent": ["/oauth"],
    "properties-old": ["/properties/v1", "/properties/v2"],
    "companies-v2": ["/companies/v2"],
    "deals-v1": ["/deals/v1"],
    "associations-v3": ["/crm/v3/associations"],
    "schemas": [
        "/crm-object-schemas/v3/schemas",
        "/crm/v3/schemas",
        *(f"/crm-object-schemas/{v}/schemas" for v in DATED),
    ],
    "pipelines": ["/crm/v3/pipelines", *(f"/crm/pipelines/{v}" for v in DATED)],
}


@dataclass(slots=True)
class Call:
    """A request with its token (None on endpoints without one) and the account it goes to."""

    request: Request
    portal: Portal
    violate: Callable[[str, str], None]
    token: Token | None = None

    @property
    def origin(self) -> Origin:
        assert self.token is not None
        return self.token.origin()

    @property
    def dated(self) -> bool:
        """Whether the call uses the dated API which enforces property validation rules."""
        return "/2026-09" in self.request.path

    def param(self, name: str) -> str:
        return self.request.params[name]

    def table(self, param: str = "type") -> Table:
        found = self.portal.table(self.param(param))
        if found is None:
            raise invalid(f"Unable to infer object type from: {self.param(param)}")
        return found

    def many(self, name: str) -> list[str]:
        """A parameter that comes repeated, comma-joined, or both."""
        values = self.request.query.get(name, [])
        return [part for value in values for part in value.split(",") if part]

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.request.one(name, "true" if default else "false").lower() == "true"

    def number(self, name: str, default: int, highest: int) -> int:
        """A whole number between 0 and `highest`; 400 otherwise."""
        text = self.request.one(name, str(default))
        if not text.isdigit():
            raise invalid(f"Invalid integer value for {name}: {text}")
        if int(text) > highest:
            raise invalid(f"{name} may not be greater than {highest}, was {text}")
        return int(text)

    def body(self, allowed: set[str], required: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
        """The JSON object of the body, with no other than the allowed fields."""
        body = self.json()
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: Cannot deserialize")
        self.check_fields(body, allowed)
        missing = sorted(required - body.keys())
        if missing:
            raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")
        return body

    def json(self) -> Any:
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError:
            raise invalid("Invalid input JSON on line 1, column 1: Unexpected character") from None

    def check_fields(self, given: dict[str, Any], allowed: set[str]) -> None:
        if given.keys() <= allowed:
            return
        name = min(given.keys() - allowed)
        self.violate("body field", name)
        if self.portal.settings.refuse_unknown:
            raise unrecognised(name)

    def record_id(self, text: Any) -> int:
        """A record id; 404 where it is no number, as the CRM does."""
        if not str(text).isdigit():
            raise not_found()
        return int(text)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler under every path of a family.

    `scope` may hold `{type}`, or several scopes with `|` between them, of which one is enough; `limit` names
    its rate limiter.
    """

    method: str
    family: str
    path: str
    handler: Handler
    query: frozenset[str] = frozenset()
    scope: str = ""
    limit: str = "general"
    public: bool = False

    def patterns(self) -> list[str]:
        return [prefix + self.path for prefix in _FAMILIES[self.family]]


@dataclass(slots=True)
class Page:
    """One page of results and the cursor to the next one."""

    results: list[Any]
    after: str | None = None
    link: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {**self.more, "results": self.results}
        if self.after is not None:
            joiner = "&" if "?" in self.link else "?"
            link = f"https://api.hubapi.com{self.link}{joiner}after={self.after}"
            body["paging"] = {"next": {"after": self.after, "link": link}}
        return body


def api_error(status: int, message: str, category: str) -> ApiError:
    return ApiError(status, {"status": "error", "message": message, "category": category})
