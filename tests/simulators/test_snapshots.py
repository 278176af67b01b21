"""A simulator goes on from the file that an earlier one left."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from simulators.hubspot import HubSpot
from simulators.snapshot import load, save


@contextmanager
def _process(folder: Path, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "simulators", "salesforce", "--port", "0", "--snapshots", str(folder)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.send_signal(signal.SIGTERM)


def _control(url: str, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{url}/_sim/{path}", json=body, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def test_a_process_goes_on_from_the_snapshot_of_the_last(tmp_path: Path) -> None:
    rule = {"entity": "Contact", "name": "Phone", "formula": 'Phone = "1"', "message": "No."}
    with _process(tmp_path, "--people", "20") as url:
        _control(url, "POST", "validation_rules", rule)
        _control(url, "PATCH", "settings", {"daily_limit": 77})
        made = _control(url, "POST", "create", {"properties": {"LastName": "Byron"}})["id"]
        records = _control(url, "GET", "health")["records"]
    with _process(tmp_path) as url:
        assert _control(url, "GET", "health")["records"] == records
        assert _control(url, "GET", f"record?id={made}")["properties"]["LastName"] == "Byron"
        assert _control(url, "GET", "settings")["daily_limit"] == 77
        edit = {"id": made, "properties": {"Phone": "1"}}
        refused = requests.post(f"{url}/_sim/edit", json=edit, timeout=10)
        assert refused.status_code == 400
        assert _control(url, "POST", "snapshot")["bytes"] > 1000


def test_a_dynamic_list_is_recomputed_on_from_a_snapshot(tmp_path: Path) -> None:
    crm = HubSpot()
    crm.settings.change({"list_recompute_delay": [0.0, 0.0]})
    known = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"}
    known_city = {"filterType": "PROPERTY", "property": "city", "operation": known}
    every = {"filterBranchType": "AND", "filterBranches": [], "filters": [known_city]}
    branch = {"filterBranchType": "OR", "filters": [], "filterBranches": [every]}
    crm.portal.lists.create("With a city", "0-1", "DYNAMIC", branch, "1")
    save(crm, tmp_path / "hubspot.snapshot")
    again = load(tmp_path / "hubspot.snapshot")
    assert isinstance(again, HubSpot)
    made = again.create_as_person("contacts", {"email": "ada@example.com", "city": "Graz"})
    again.clock.advance(60)
    again.portal.lists.catch_up()
    (segment,) = again.portal.lists.lists.values()
    assert segment.by_id() == [int(made["id"])]
