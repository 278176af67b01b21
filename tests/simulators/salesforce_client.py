"""A simulated org and the real client that talks to it."""

from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce

from simulators.salesforce import Salesforce as SimulatedOrg

HOST = "https://sim.my.salesforce.com"
EXTERNAL_ID = "HubSpot_Contact_Id__c"
Json = dict[str, Any]


class Redirected(HTTPAdapter):
    """Sends what is meant for the org's https host to the simulator, as the client hard-codes https."""

    def __init__(self, target: str) -> None:
        self._target = target
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(HOST, self._target, 1)
        return super().send(request, *args, **options)


def session_to(url: str, **headers: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Redirected(url))
    session.headers.update(headers)
    return session


@dataclass
class Org:
    """The simulator under test, a client logged in to it, and its control API."""

    url: str
    simulator: SimulatedOrg
    sf: Any = field(init=False)

    def fresh(self) -> "Org":
        """Forget everything of earlier tests."""
        self.simulator.clock.offset = 0.0
        self.simulator.settings.change(
            {name: getattr(type(self.simulator.settings)(), name) for name in _SETTINGS}
        )
        self.control("reset", {})
        self.control("provision", {})
        self.sf = self.client()
        return self

    def client(self, **headers: str) -> Any:
        return Salesforce(
            consumer_key="sim-consumer-key",
            consumer_secret="sim-consumer-secret",
            domain="sim.my",
            session=session_to(self.url, **headers),
            version="68.0",
        )

    def control(self, path: str, body: Json | None = None, method: str = "POST") -> Any:
        answer = requests.request(method, f"{self.url}/_sim/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def seen(self, path: str) -> Any:
        return self.control(path, method="GET")

    def set(self, **settings: Any) -> None:
        self.control("settings", settings, method="PATCH")

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance": seconds})

    def contact(self, **values: Any) -> str:
        """Create a contact by API; returns its id."""
        return str(self.sf.Contact.create({"LastName": "Byron", **values})["id"])

    def lead(self, **values: Any) -> str:
        return str(self.sf.Lead.create({"LastName": "Byron", "Company": "Acme", **values})["id"])

    def rows(self, soql: str, **options: Any) -> list[Json]:
        found: list[Json] = self.sf.query(soql, **options)["records"]
        return found

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call without the client's own handling of answers."""
        headers = {"Authorization": f"Bearer {self.sf.session_id}", **options.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.url}{path}"
        return requests.request(method, url, headers=headers, timeout=10, **options)


_SETTINGS = (
    "instance_url",
    "visibility_delay_s",
    "visibility_delay_share",
    "session_lifetime_s",
    "daily_limit",
    "bulk_seconds",
    "duplicate_key",
    "repeated_external_id",
    "collections_parse_error",
    "duplicate_value_shows_id",
    "empty_text_is_null",
    "jwt_public_key",
    "rotate_refresh_token",
    "blank_numbers_are_zero",
    "empty_cell_is_null",
    "external_id_error_names_field",
    "noop_update_moves_dates",
    "several_matches",
)

DATA = "/services/data/v68.0"


def of(entity: str, **values: Any) -> Json:
    """A row of a collections call."""
    return {"attributes": {"type": entity}, **values}
