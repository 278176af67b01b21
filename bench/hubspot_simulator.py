"""How fast the HubSpot simulator is, so that no other measurement is one of the simulator.

Run `python -m bench.hubspot_simulator [people]`; prints records per second for each batch endpoint (by the
wall clock and by the server's own processor time), the time to seed, and the memory per record.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psutil
import urllib3

BATCHES = 200
ROWS = 100
OBJECTS = "/crm/v3/objects/contacts"
UNLIMITED = {
    "rate_limit_ten_secondly": 0,
    "rate_limit_search_per_second": 0,
    "rate_limit_daily": 0,
    "search_index_lag": [0.0, 0.0],
    "gzip": False,
}
PROPERTIES = {
    "firstname": "Ada",
    "lastname": "Okafor",
    "jobtitle": "Engineer",
    "company": "Acme",
    "phone": "+4312345",
    "city": "Wien",
    "zip": "1010",
    "country": "Austria",
    "lifecyclestage": "lead",
    "website": "https://acme.example.com",
}


class Simulator:
    """A simulator in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.url: str = json.loads(process.stdout.readline())["url"]
        self.process = psutil.Process(process.pid)
        self._http = urllib3.PoolManager()

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": "Bearer pat-sim", "Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        answer = self._http.request(method, self.url + path, body=content, headers=headers)
        assert answer.status < 300, answer.data[:500]
        parsed: dict[str, Any] = orjson.loads(answer.data) if answer.data else {}
        return parsed

    def processor_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


def measure(simulator: Simulator, name: str, one: Callable[[int], Any], rows: int = ROWS) -> None:
    wall, processor = time.perf_counter(), simulator.processor_s()
    for number in range(BATCHES):
        one(number)
    wall, processor = time.perf_counter() - wall, simulator.processor_s() - processor
    total = BATCHES * rows
    print(f"{name:<14}{total / wall:>10,.0f}/s{total / max(processor, 0.01):>12,.0f}/s of processor time")


def batches(simulator: Simulator, first_id: int) -> None:
    """Every batch endpoint, on `BATCHES` batches of `ROWS`."""

    def batch(verb: str, row: Callable[[int], dict[str, Any]], **more: Any) -> Callable[[int], Any]:
        def one(number: int) -> Any:
            inputs = [row(number * ROWS + place) for place in range(ROWS)]
            return simulator.call("POST", f"{OBJECTS}/batch/{verb}", {"inputs": inputs, **more})

        return one

    def email(n: int) -> str:
        return f"bench{n}@example.com"

    def create(n: int) -> dict[str, Any]:
        return {"properties": {**PROPERTIES, "email": email(n)}, "objectWriteTraceId": str(n)}

    def upsert(n: int) -> dict[str, Any]:
        changed = {**PROPERTIES, "city": f"Graz {n}"}
        return {"id": email(n), "idProperty": "email", "properties": changed, "objectWriteTraceId": str(n)}

    names = [*PROPERTIES, "email"]
    measure(simulator, "create", batch("create", create))
    measure(simulator, "upsert", batch("upsert", upsert))
    changed = {**PROPERTIES, "zip": "8010"}
    measure(simulator, "update", batch("update", lambda n: {"id": str(first_id + n), "properties": changed}))
    measure(simulator, "read", batch("read", lambda n: {"id": str(first_id + n)}, properties=names))
    listing = f"{OBJECTS}?limit=100&properties={','.join(names)}&after="
    measure(simulator, "list", lambda n: simulator.call("GET", f"{listing}{first_id + n * ROWS}"))
    keyset = {"propertyName": "hs_object_id", "operator": "BETWEEN"}

    def search(number: int) -> Any:
        low = first_id + number * ROWS
        asked = {**keyset, "value": str(low), "highValue": str(low + ROWS - 1)}
        groups = [{"filters": [asked]}]
        return simulator.call("POST", f"{OBJECTS}/search", {"filterGroups": groups, "limit": ROWS})

    measure(simulator, "search", search)
    measure(simulator, "archive", batch("archive", lambda n: {"id": str(first_id + n)}))


def main() -> None:
    """Measure and print."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings.json"
        settings.write_text(json.dumps(UNLIMITED))
        command = [sys.executable, "-m", "simulators", "hubspot", "--port", "0", "--settings", str(settings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            simulator = Simulator(process)
            before, began = simulator.process.memory_info().rss, time.perf_counter()
            made = simulator.call("POST", "/_sim/seed", {"people": people, "overlap": 1.0})["contacts"]
            seconds, memory = time.perf_counter() - began, simulator.process.memory_info().rss - before
            print(f"{made:,} contacts seeded in {seconds:.1f} s, {memory / made:,.0f} bytes each")
            first_id = int(simulator.call("GET", f"{OBJECTS}?limit=1")["results"][0]["id"])
            batches(simulator, first_id)
            process.terminate()


if __name__ == "__main__":
    main()
