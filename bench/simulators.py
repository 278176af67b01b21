"""How fast the simulators are, so that no other measurement is one of them.

Run `python -m bench.simulators [people]`; shows for each batch endpoint the records per second by the wall
clock, client included, and by the server's own processor time, then the time to seed and the memory per
record. The bar is 10,000 records a second of the server's time, and 200,000 records within 30 seconds.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psutil
import urllib3
from rich.console import Console
from rich.table import Table

ROWS = 20_000
BAR = 10_000
OBJECTS = "/crm/v3/objects/contacts"
DATA = "/services/data/v68.0"
COLLECTIONS = f"{DATA}/composite/sobjects"
EXTERNAL_ID = "HubSpot_Contact_Id__c"
UNLIMITED: dict[str, dict[str, Any]] = {
    "hubspot": {
        "rate_limit_ten_secondly": 0,
        "rate_limit_search_per_second": 0,
        "rate_limit_daily": 0,
        "search_index_lag": [0.0, 0.0],
        "gzip": False,
    },
    "salesforce": {"daily_limit": 10_000_000, "gzip": False},
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
FIELDS = {
    "FirstName": "Ada",
    "LastName": "Okafor",
    "Title": "Engineer",
    "Phone": "+4312345",
    "MailingCity": "Wien",
    "MailingPostalCode": "1010",
    "MailingCountry": "Austria",
    "Department": "Works",
    "LeadSource": "Web",
}


class Figure(NamedTuple):
    """Records per second by the wall clock and by the server's processor time."""

    what: str
    wall: float
    processor: float


class Seeding(NamedTuple):
    """Seconds by the wall clock and of the server's processor time; memory in bytes."""

    what: str
    records: int
    wall: float
    processor: float
    bytes_each: float


class Simulator:
    """A simulator in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.url: str = json.loads(process.stdout.readline())["url"]
        self.token = "pat-sim"  # noqa: S105 - the simulator's own well-known token
        self._process = psutil.Process(process.pid)
        self._http = urllib3.PoolManager()

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        answer = self._http.request(method, self.url + path, body=content, headers=headers)
        assert answer.status < 300, answer.data[:500]
        structured = "json" in answer.headers.get("content-type", "")
        return orjson.loads(answer.data) if answer.data and structured else answer.data

    def log_in(self) -> None:
        """Open a session of Salesforce."""
        form = b"grant_type=client_credentials&client_id=sim-consumer-key&client_secret=sim-consumer-secret"
        answer = self.call("POST", "/services/oauth2/token", form, "application/x-www-form-urlencoded")
        self.token = answer["access_token"]

    def processor_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        return int(self._process.memory_info().rss)

    def seed(self, what: str, people: int, counted: Callable[[dict[str, Any]], int]) -> Seeding:
        """Fill with people; `counted` tells the number of records from the answer."""
        before, wall, processor = self.memory(), time.perf_counter(), self.processor_s()
        made = counted(self.call("POST", "/_sim/seed", {"people": people, "overlap": 1.0}))
        wall, processor = time.perf_counter() - wall, self.processor_s() - processor
        return Seeding(what, made, wall, processor, (self.memory() - before) / made)

    def rate(self, what: str, size: int, one: Callable[[int], Any]) -> Figure:
        """Call `one` with the number of the first row of each batch of `size`, for `ROWS` rows."""
        wall, processor = time.perf_counter(), self.processor_s()
        for first in range(0, ROWS, size):
            one(first)
        wall, processor = time.perf_counter() - wall, self.processor_s() - processor
        return Figure(what, ROWS / wall, ROWS / max(processor, 0.01))


@contextlib.contextmanager
def simulator(name: str) -> Iterator[Simulator]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings.json"
        settings.write_text(json.dumps(UNLIMITED[name]))
        command = [sys.executable, "-m", "simulators", name, "--port", "0", "--settings", str(settings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Simulator(process)
            finally:
                process.terminate()


def hubspot(people: int) -> tuple[Seeding, list[Figure]]:
    """Seed an account, then every batch endpoint with 100 rows a call."""
    with simulator("hubspot") as crm:
        seeding = crm.seed("HubSpot contacts", people, lambda made: int(made["contacts"]))
        first_id = int(crm.call("GET", f"{OBJECTS}?limit=1")["results"][0]["id"])
        return seeding, [*_hubspot_writes(crm, first_id), *_hubspot_reads(crm, first_id)]


def _hubspot_writes(crm: Simulator, first_id: int) -> Iterator[Figure]:
    def batch(verb: str, row: Callable[[int], dict[str, Any]]) -> Figure:
        path = f"{OBJECTS}/batch/{verb}"

        def one(first: int) -> Any:
            return crm.call("POST", path, {"inputs": [row(first + at) for at in range(100)]})

        return crm.rate(f"HubSpot {verb}", 100, one)

    def traced(number: int, **more: Any) -> dict[str, Any]:
        return {"objectWriteTraceId": str(number), **more}

    def email(number: int) -> str:
        return f"bench{number}@example.com"

    yield batch("create", lambda n: traced(n, properties={**PROPERTIES, "email": email(n)}))
    changed = PROPERTIES | {"city": "Graz"}
    yield batch("upsert", lambda n: traced(n, id=email(n), idProperty="email", properties=changed))
    yield batch("update", lambda n: traced(n, id=str(first_id + n), properties=changed))
    yield batch("archive", lambda n: {"id": str(first_id + ROWS + n)})


def _hubspot_reads(crm: Simulator, first_id: int) -> Iterator[Figure]:
    names = [*PROPERTIES, "email"]

    def read(first: int) -> Any:
        inputs = [{"id": str(first_id + first + at)} for at in range(100)]
        return crm.call("POST", f"{OBJECTS}/batch/read", {"inputs": inputs, "properties": names})

    def search(first: int) -> Any:
        low = first_id + first
        ids = {"propertyName": "hs_object_id", "operator": "BETWEEN"}
        ids |= {"value": str(low), "highValue": str(low + 99)}
        groups = [{"filters": [ids]}]
        return crm.call("POST", f"{OBJECTS}/search", {"filterGroups": groups, "limit": 100})

    listing = f"{OBJECTS}?limit=100&properties={','.join(names)}&after="
    yield crm.rate("HubSpot read", 100, read)
    yield crm.rate("HubSpot list", 100, lambda first: crm.call("GET", f"{listing}{first_id + first}"))
    yield crm.rate("HubSpot search by id", 100, search)


def salesforce(people: int) -> tuple[Seeding, list[Figure]]:
    """Seed an org, then collections with 200 rows a call, pages of a query, and bulk jobs."""
    with simulator("salesforce") as crm:
        crm.call("POST", "/_sim/provision", {})
        seeding = crm.seed("Salesforce records", people, lambda made: sum(made.values()))
        crm.log_in()
        return seeding, [*_collections(crm), *_queries(crm), *_bulk(crm)]


def _contacts(first: int, ids: list[str], **more: Any) -> dict[str, Any]:
    """The body of a collections call with 200 contacts; `ids` of existing ones, or none."""
    rows = [
        {
            "attributes": {"type": "Contact"},
            **FIELDS,
            **more,
            "Email": f"bench{first + at}@example.com",
            EXTERNAL_ID: str(first + at),
        }
        for at in range(200)
    ]
    for row, record_id in zip(rows, ids, strict=False):
        row["Id"] = record_id
    return {"allOrNone": False, "records": rows}


def _collections(crm: Simulator) -> Iterator[Figure]:
    made: list[str] = []

    def write(method: str, path: str, body: Any = None) -> list[dict[str, Any]]:
        outcomes: list[dict[str, Any]] = crm.call(method, COLLECTIONS + path, body)
        assert all(one["success"] for one in outcomes), outcomes[0]
        return outcomes

    def create(first: int) -> None:
        made.extend(one["id"] for one in write("POST", "", _contacts(first, [])))

    def update(first: int) -> None:
        write("PATCH", "", _contacts(first, made[first : first + 200], Fax="1"))

    def upsert(first: int) -> None:
        write("PATCH", f"/Contact/{EXTERNAL_ID}", _contacts(first, [], Fax="2"))

    def retrieve(first: int) -> None:
        asked = {"ids": made[first : first + 200], "fields": ["Id", "Email", *FIELDS]}
        crm.call("POST", f"{COLLECTIONS}/Contact", asked)

    def delete(first: int) -> None:
        write("DELETE", f"?ids={','.join(made[first : first + 200])}&allOrNone=false")

    for act in (create, update, upsert, retrieve, delete):
        yield crm.rate(f"Salesforce {act.__name__}", 200, act)


def _queries(crm: Simulator) -> Iterator[Figure]:
    fields = f"Id,Email,SystemModstamp,LastModifiedById,{','.join(FIELDS)}"
    address = f"{DATA}/queryAll?q=SELECT+{fields}+FROM+Contact+ORDER+BY+SystemModstamp,Id+LIMIT+{ROWS}"

    def page(_: int) -> None:
        nonlocal address
        address = crm.call("GET", address).get("nextRecordsUrl", address)

    yield crm.rate("Salesforce query, pages of 2,000", 2000, page)


def _bulk(crm: Simulator) -> Iterator[Figure]:
    def ingest(first: int) -> None:
        asked = {"operation": "insert", "object": "Contact", "contentType": "CSV", "lineEnding": "LF"}
        path = f"{DATA}/jobs/ingest/{crm.call('POST', f'{DATA}/jobs/ingest', asked)['id']}"
        lines = [",".join((*FIELDS, "Email"))]
        lines += [",".join((*FIELDS.values(), f"bulk{first + at}@example.com")) for at in range(10_000)]
        crm.call("PUT", f"{path}/batches", "\n".join(lines).encode(), "text/csv")
        crm.call("PATCH", path, {"state": "UploadComplete"})
        assert crm.call("GET", path)["numberRecordsFailed"] == 0

    def query(_: int) -> None:
        soql = ["SELECT", ", ".join(("Id", "Email", *FIELDS)), "FROM Contact LIMIT 10000"]
        asked = {"operation": "query", "query": " ".join(soql)}
        job = crm.call("POST", f"{DATA}/jobs/query", asked)["id"]
        crm.call("GET", f"{DATA}/jobs/query/{job}/results")

    yield crm.rate("Salesforce bulk ingest, 10,000 a job", 10_000, ingest)
    yield crm.rate("Salesforce bulk query, 10,000 a job", 10_000, query)


def show(seedings: list[Seeding], figures: list[Figure]) -> None:
    grid = Table("records per second", "wall clock", "server's processor", f"over {BAR:,}")
    for what, wall, processor in figures:
        grid.add_row(what, f"{wall:,.0f}", f"{processor:,.0f}", "yes" if processor >= BAR else "NO")
    seeds = Table("seeding", "records", "seconds", "server's processor", "bytes per record")
    for what, records, wall, processor, bytes_each in seedings:
        seeds.add_row(what, f"{records:,}", f"{wall:.1f} s", f"{processor:.1f} s", f"{bytes_each:,.0f}")
    Console().print(grid)
    Console().print(seeds)


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    measured = [hubspot(people), salesforce(people)]
    show([seeding for seeding, _ in measured], [figure for _, figures in measured for figure in figures])


if __name__ == "__main__":
    main()
