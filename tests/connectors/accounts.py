"""The two simulated accounts that the programs read, over HTTPS, and what happens in them meanwhile."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.connectors.tunnel import Tunnel, tunnelling

PEOPLE = 600
DEALS = 5
HOSTS = {
    "hubspot": ("api.hubapi.com",),
    "salesforce": ("login.salesforce.com", "test.salesforce.com", "sim.my.salesforce.com"),
}
SETTINGS = {
    "hubspot": {"search_index_lag": [0.2, 0.5], "list_recompute_delay": [0.1, 0.3]},
    "salesforce": {},
}
Json = dict[str, Any]


@dataclass
class Account:
    """One simulated CRM behind its control API."""

    name: str
    url: str
    authority: Path
    _session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self._session.trust_env = False
        self._session.verify = str(self.authority)

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = self._session.request(method, f"{self.url}/_sim/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def ids(self, entity: str) -> set[str]:
        """Ids of all live records of a kind."""
        found = self.control("GET", f"records?object={entity}&limit=100000")["records"]
        return {str(record["id"]) for record in found}

    def create(self, entity: str, **values: str) -> str:
        made = self.control("POST", "create", {"object": entity, "properties": values})
        return str(made["id"])

    def edit(self, entity: str, record_id: str, **values: str) -> None:
        self.control("POST", "edit", {"object": entity, "id": record_id, "properties": values})

    def refill(self) -> None:
        """Start again with the same people and nothing on record."""
        self.control("POST", "reset")
        self.control("POST", "seed", {"people": PEOPLE, "seed": 7, "companies": True})
        if self.name == "hubspot":
            for number in range(DEALS):
                self.create("deals", dealname=f"Deal {number}", amount=str(number))


@dataclass
class Accounts:
    """Both accounts, and what a program needs to reach them under their real host names."""

    by_name: dict[str, Account]
    tunnel: Tunnel
    authority: Path

    def environment(self) -> dict[str, str]:
        """Variables for a program's process."""
        proxy, authority = self.tunnel.url, str(self.authority)
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
        }


@contextlib.contextmanager
def accounts(folder: Path) -> Iterator[Accounts]:
    """Both simulators in a process of their own, with certificates and settings in `folder`."""
    settings = folder / "settings.json"
    settings.write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "simulators", "both", "--hubspot-port", "0", "--salesforce-port", "0"]
    command += ["--tls", str(folder), "--settings", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        announced = [json.loads(process.stdout.readline()) for _ in HOSTS]
        authority = folder / "ca.pem"
        found = {entry["name"]: Account(entry["name"], entry["url"], authority) for entry in announced}
        ports = {host: _port(found[name]) for name, hosts in HOSTS.items() for host in hosts}
        try:
            with tunnelling(ports) as tunnel:
                yield Accounts(found, tunnel, authority)
        finally:
            process.terminate()


def _port(account: Account) -> int:
    return int(account.url.rpartition(":")[2])
