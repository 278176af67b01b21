"""The real hubspot-api-client against a simulator: a server per test module, emptied before each test."""

import importlib
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from hubspot import HubSpot as Client

from simulators.hubspot import HubSpot, HubSpotSettings
from simulators.hubspot.settings import TOKEN
from simulators.server import running

PROMPT: dict[str, Any] = {
    "search_index_lag": [0.0, 0.0],
    "list_recompute_delay": [0.0, 0.0],
    "rate_limit_ten_secondly": 0,
    "rate_limit_associations": 0,
    "rate_limit_search_per_second": 0,
    "webhook_delay": [3600.0, 3600.0],
    "webhook_duplicate_rate": 0.0,
    "import_duration": 0.0,
}


@dataclass
class Crm:
    """A running simulator, the official client pointed at it, and plain HTTP for what the client lacks."""

    simulator: HubSpot
    client: Any
    url: str

    def fresh(self, **settings: Any) -> "Crm":
        """Empty, with the prompt settings and these."""
        self.simulator.settings.__init__()  # type: ignore[misc]
        self.simulator.settings.change({**PROMPT, **settings})
        self.simulator.clock.offset = 0.0
        self.simulator.reset()
        return self

    def http(
        self, method: str, path: str, body: Any = None, token: str = TOKEN, **more: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=10, **more)

    def contact(self, email: str = "", **properties: str) -> str:
        """Create a contact over the API; returns its id."""
        given = {**({"email": email} if email else {}), **properties}
        return str(self.client.crm.contacts.basic_api.create({"properties": given}).id)

    def person_edits(self, key: str, **properties: str) -> None:
        """Edit a contact as a person would, in the CRM's own screen."""
        answer = self.http("POST", "/_sim/edit", {"id": key, "properties": properties}, token="")
        assert answer.status_code == 200, answer.text


@contextmanager
def serving() -> Iterator[Crm]:
    """A simulator on a free port."""
    simulator = HubSpot(HubSpotSettings())
    with running(simulator) as listener:
        client = Client(access_token=TOKEN, host=listener.url, base_url=listener.url, retries=False)
        yield Crm(simulator, client, listener.url)


def statuses(api: Any, name: str) -> set[int]:
    """The statuses which the client maps to a model for a method; none means 204."""
    source = inspect.getsource(getattr(api, f"{name}_with_http_info"))
    mapped = re.search(r"response_types_map = \{(.*?)\}", source, re.DOTALL)
    numbers = {int(number) for number in re.findall(r"(\d{3}):", mapped.group(1))} if mapped else set()
    return numbers or {204}


def ok(api: Any, name: str, *args: Any, **named: Any) -> Any:
    """Call a method of the client; its body deserialises and its status is one the client maps."""
    data, status, _ = getattr(api, f"{name}_with_http_info")(*args, **named)
    assert status in statuses(api, name)
    assert data is not None or status == 204
    return data


def refused(api: Any, name: str, *args: Any, **named: Any) -> Any:
    """Call a method that the CRM refuses; returns the client's exception."""
    namespace = inspect.getmodule(api).__name__.rpartition(".api.")[0]  # type: ignore[union-attr]
    exceptions = importlib.import_module(f"{namespace}.exceptions")
    with pytest.raises(exceptions.ApiException) as caught:
        getattr(api, name)(*args, **named)
    return caught.value
