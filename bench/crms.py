"""Calls and latencies with whole programs: simulated CRMs over HTTP, real clients, a real fleet.

The peer is a writer that looks each record up and writes it, by the same clients.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import requests

from bench.figures import Figure, percentiles, times
from domain.book import Table, outbox_queue
from domain.book import decode as decode_row
from domain.events import AnyEvent, DeliveryClaimed, RecordObserved
from domain.identity import Crm
from domain.state import Contact, Priority
from domain.upcasting import decode
from workers import requests as ask
from workers.cli.playground import Playground
from workers.connection import position_of
from workers.ports import Search, WriteRow

BURST = 1_000
PEOPLE = 2_600
ON_LIST = ("marketingqualifiedlead", "salesqualifiedlead", "customer")
LATENCY_MS = 100
ECHO_S = 12  # two polls
PEER = 20  # records that the peer writes
RATE = 20  # single edits a second
EDITS = 300
SINGLE = 100  # edits beside a backfill
CONTACTS_API = "/crm/v3/objects/contacts/batch"
WRITES = ("batch/update", "batch/upsert", "batch/create", "PATCH /services/data/{version}/composite/sobjects")
LOOKS = (
    "batch/read",
    "GET /services/data/{version}/composite/sobjects",
    "POST /services/data/{version}/composite/sobjects",
    "POST /services/data/{version}/composite ",
)


NAMES = {Crm.HUBSPOT: "HubSpot", Crm.SALESFORCE: "Salesforce"}


class Calls(NamedTuple):
    """Calls that one CRM has seen."""

    writes: int
    looks: int  #: reads and look-ups of single people; neither polls nor what describes the account

    @classmethod
    def of(cls, simulator: Any) -> "Calls":
        counted: Counter[str] = Counter()
        for route, number in simulator.panel("counters")["calls"].items():
            if any(each in route for each in WRITES):
                counted["writes"] += number
            elif any(each in route for each in LOOKS):
                counted["looks"] += number
        return cls(counted["writes"], counted["looks"])

    def since(self, before: "Calls") -> "Calls":
        return Calls(self.writes - before.writes, self.looks - before.looks)


@dataclass
class Stage:
    """A running installation, and the people who use the CRMs."""

    playground: Playground
    people: list[str]  #: HubSpot ids of contacts on the list that are in both CRMs
    partners: dict[str, str]  #: their Salesforce records, by HubSpot id
    http: requests.Session

    @property
    def lane(self) -> Any:
        return self.playground.link.lane

    def calls(self) -> dict[Crm, Calls]:
        sides = {Crm.HUBSPOT: self.playground.hubspot, Crm.SALESFORCE: self.playground.salesforce}
        return {crm: Calls.of(simulator) for crm, simulator in sides.items()}

    def counters(self) -> Counter[str]:
        return Counter(self.lane.tables().counters())

    def latency(self, milliseconds: int) -> None:
        for simulator in (self.playground.hubspot, self.playground.salesforce):
            simulator.settings(latency_ms=milliseconds)

    # -- what people do

    def import_into_hubspot(self, verb: str, rows: Sequence[dict[str, Any]]) -> None:
        """Somebody changes many contacts at once, as an import or a workflow does."""
        for at in range(0, len(rows), 100):
            self._post(
                f"{CONTACTS_API}/{verb}", {"inputs": rows[at : at + 100]}, self.playground.hubspot.headers
            )

    def edit(self, contact: str, **properties: str) -> None:
        self._post("/_sim/edit", {"object": "contacts", "id": contact, "properties": properties}, {})

    def _post(self, path: str, body: Any, headers: dict[str, str]) -> None:
        self.http.post(self.playground.hubspot.url + path, json=body, headers=headers).raise_for_status()

    def edit_in_salesforce(self, record: str, **fields: str) -> None:
        name = "Lead" if record.startswith("00Q") else "Contact"
        body = {"object": name, "id": record, "properties": fields}
        self.http.post(f"{self.playground.salesforce.url}/_sim/edit", json=body).raise_for_status()

    # -- waiting

    def settle(self, reason: str, number: int, seconds: float = 120) -> None:
        """Wait until a counter has grown by a number, and nothing is left to do."""
        before = self._before.get(reason, 0)
        self.playground.wait_for(lambda: self.counters()[reason] >= before + number, seconds)
        self.playground.wait_for(self.playground.quiet, seconds)

    def begin(self) -> None:
        """From here on ``settle`` counts."""
        self.playground.wait_for(self.playground.quiet, 120)
        self._before = self.counters()

    _before: Counter[str] = None  # type: ignore[assignment]  # set by begin


@contextmanager
def staged(backfill: int) -> Iterator[Stage]:
    """Everything is up, and both CRMs have been read once."""
    with tempfile.TemporaryDirectory() as directory:
        playground = Playground(Path(directory))
        try:
            playground.start_crms()
            playground.hubspot.settings(webhook_delay=[0.0, 0.0])
            for simulator in (playground.hubspot, playground.salesforce):
                simulator.people("seed", people=PEOPLE, seed=3, overlap=1.0)
            playground.hubspot.people("seed", people=_only_in_hubspot(backfill), seed=4, overlap=0.0)
            playground.set_up()
            playground.start_fleet("web", "worker", "io")
            playground.wait_until_ready(300)
            playground.wait_for(playground.quiet, 300)
            yield Stage(playground, *_both(playground), requests.Session())
            if violations := playground.violations():
                raise RuntimeError(f"calls that no CRM would understand: {violations[:3]}")
        finally:
            playground.stop()


def _only_in_hubspot(members: int) -> int:
    """How many people to seed so that about so many are in HubSpot alone and on the list: a fifth."""
    return members * 5


def _both(playground: Playground) -> tuple[list[str], dict[str, str]]:
    """Contacts on the list that are linked, and their Salesforce records' ids."""
    partners = {}
    for _, raw in playground.link.lane.tables().scan(Table.CONTACTS):
        contact: Contact = decode_row(Table.CONTACTS, raw)
        if len(contact.pair) == 2:
            ours, theirs = (contact.pair[crm] for crm in Crm)
            if contact.records[ours].values.get("lifecyclestage") in ON_LIST:
                partners[ours.rpartition("/")[2]] = theirs.rpartition("/")[2]
    people = sorted(partners, key=int)
    return people, partners


def measure(backfill: int) -> Iterator[Figure]:
    """All figures, on one installation."""
    with staged(backfill) as stage:
        yield from bursts(stage)
        yield echoes(stage)
        yield single_edits(stage)
        yield beside_a_backfill(stage, backfill)


# -- bursts


class Burst(NamedTuple):
    """What one burst of changes cost."""

    calls: dict[Crm, Calls]
    seconds: float


def bursts(stage: Stage) -> Iterator[Figure]:
    """The same burst three ways, each with CRMs that answer at once and with such as take their time."""
    both = [(0, "at once"), (LATENCY_MS, f"after {LATENCY_MS} ms")]
    edited, imported, created = [], [], []
    for latency, _ in both:
        stage.latency(latency)
        edited.append(edits_in_hubspot(stage, f"{latency}"))
        imported.append(edits_in_salesforce(stage, f"{latency}"))
        created.append(creates(stage, f"{latency}"))
    peer = record_writer(stage)
    stage.latency(0)
    yield _burst("edits in HubSpot", edited, Crm.SALESFORCE, 5, 0, peer)
    yield _burst("edits in Salesforce", imported, Crm.HUBSPOT, 10, 0, peer)
    yield _burst("new HubSpot contacts", created, Crm.SALESFORCE, 5, 5, peer)


def _burst(what: str, runs: list[Burst], target: Crm, writes: int, looks: int, peer: float) -> Figure:
    worst = max(runs, key=lambda run: run.calls[target].writes).calls[target]
    slow = runs[-1]
    goal = f"{writes} writes" + (f", {looks} look-ups" if looks else "")
    shown = [f"{run.calls[target].writes} writes, {run.calls[target].looks} reads" for run in runs]
    other = slow.calls[target.other]
    return Figure(
        f"{BURST:,} {what}: calls to {NAMES[target]}",
        f"{shown[0]}; {shown[1]} at {LATENCY_MS} ms\nthere after {slow.seconds:.1f} s at {LATENCY_MS} ms",
        goal,
        "fewer",
        f"look-up and write per record {2 * BURST:,} calls\n"
        f"{peer * BURST:,.0f} s at {LATENCY_MS} ms, extrapolated from {PEER}",
        f"{times(sum(worst), 2 * BURST)}\n{times(slow.seconds, peer * BURST)}",
        worst.writes <= writes and worst.looks <= looks,
        f"At the source: {other.writes} writes, {other.looks} reads.",
    )


@contextmanager
def _counted(stage: Stage, runs: list[Burst]) -> Iterator[None]:
    stage.begin()
    before, began = stage.calls(), perf_counter()
    yield
    seconds = perf_counter() - began
    runs.append(Burst({crm: calls.since(before[crm]) for crm, calls in stage.calls().items()}, seconds))


def edits_in_hubspot(stage: Stage, mark: str) -> Burst:
    rows = [{"id": each, "properties": {"city": f"City {mark} {each}"}} for each in stage.people[:BURST]]
    runs: list[Burst] = []
    with _counted(stage, runs):
        stage.import_into_hubspot("update", rows)
        stage.settle("answers/salesforce/delivered", BURST)
    return runs[0]


def edits_in_salesforce(stage: Stage, mark: str) -> Burst:
    runs: list[Burst] = []
    with _counted(stage, runs):
        for each in stage.people[:BURST]:
            stage.edit_in_salesforce(stage.partners[each], Phone=f"+43 1 {mark} {each}")
        stage.settle("answers/hubspot/delivered", BURST)
    return runs[0]


def creates(stage: Stage, mark: str) -> Burst:
    rows = [
        {
            "properties": {
                "email": f"new{number}at{mark}@example.com",
                "lastname": f"New {number}",
                "lifecyclestage": ON_LIST[0],
            },
            "objectWriteTraceId": str(number),
        }
        for number in range(BURST)
    ]
    runs: list[Burst] = []
    with _counted(stage, runs):
        stage.import_into_hubspot("create", rows)
        stage.settle("answers/salesforce/delivered", BURST)
    return runs[0]


def record_writer(stage: Stage) -> float:
    """Seconds a record of a writer that looks each one up by e-mail and writes it, by the same clients."""
    gateway = stage.playground.link.accounts.gateways[Crm.SALESFORCE]
    leads = [each for each in stage.partners.values() if each.startswith("00Q")][:PEER]
    addresses = [record.fields["Email"] for record in gateway.read("Lead", leads, ["Email"]).records]
    began = perf_counter()
    for address in addresses:
        found = gateway.look_up([Search("Lead", "Email", [address or ""], ["Id"])])[0].records[0]
        gateway.write([WriteRow("1", "Lead", found.id, {"Description": "written alone"})])
    return (perf_counter() - began) / len(addresses)


def echoes(stage: Stage) -> Figure:
    """After the bursts, everything that both CRMs report of our own writes."""
    stage.begin()
    before, after = stage.calls(), stage.lane.log.tail()
    stage.playground.clock.sleep(ECHO_S)
    stage.playground.wait_for(stage.playground.quiet, 60)
    calls = [calls.since(before[crm]) for crm, calls in stage.calls().items()]
    writes, looks = sum(each.writes for each in calls), sum(each.looks for each in calls)
    observed = (event for _, event in told(stage, after) if isinstance(event, RecordObserved))
    sources = dict(Counter(event.source for event in observed))
    idle = stage.playground.hubspot.panel("counters")["no_op_writes"]
    return Figure(
        "echoes and no-ops after the bursts: extra calls",
        f"{writes} writes, {looks} reads",
        "0 writes",
        met=writes == 0,
        note=f"In {ECHO_S} s, with these observations: {sources}. In all, HubSpot counted {idle} writes "
        "that changed nothing.",
    )


# -- latency


def latencies(stage: Stage, after: str, contacts: set[str]) -> list[float]:
    """Milliseconds from the webhook's event in the log to the claim that is recorded as its write leaves."""
    began: dict[str, int] = {}
    waited: dict[str, int] = {}
    for at, event in told(stage, after):
        if isinstance(event, RecordObserved) and event.source == "webhook" and event.id in contacts:
            began.setdefault(event.id, at)
        elif isinstance(event, DeliveryClaimed):
            contact = _hubspot_id(stage, event.entity)
            if contact in began:
                waited.setdefault(contact, at - began[contact])
    return [float(each) for each in waited.values()]


def told(stage: Stage, after: str) -> Iterator[tuple[int, AnyEvent]]:
    """The events behind a position, each with its moment."""
    while entries := stage.lane.log.read(after, 1000):
        after = entries[-1].position
        for entry in entries:
            yield position_of(entry.position)[0], decode(entry.raw)


def _hubspot_id(stage: Stage, entity: str) -> str:
    raw = stage.lane.tables().fetch(Table.CONTACTS, [entity])[0]
    contact: Contact = decode_row(Table.CONTACTS, raw)
    return contact.pair.get(Crm.HUBSPOT, "").rpartition("/")[2]


def edit_singly(stage: Stage, people: Sequence[str], mark: str) -> list[float]:
    """One edit after the other, evenly; returns what each waited for."""
    after, clock = stage.lane.log.tail(), stage.playground.clock
    began = perf_counter()
    for number, each in enumerate(people):
        clock.sleep(began + number / RATE - perf_counter())
        stage.edit(each, city=f"{mark} {each}")
    stage.playground.wait_for(lambda: len(latencies(stage, after, {*people})) >= len(people), 60)
    return latencies(stage, after, {*people})


def single_edits(stage: Stage) -> Figure:
    before = _waits_for_disk(stage)
    runs = [edit_singly(stage, stage.people[at : at + EDITS // 2], "Alone") for at in (0, EDITS // 2)]
    median, most, nearly_all = percentiles([each for run in runs for each in run])
    apart = ", ".join(f"{percentiles(run)[0]:.0f}" for run in runs)
    return Figure(
        f"webhook accepted to write sent, {RATE}/s",
        f"p50 {median:.0f} ms, p95 {most:.0f} ms, p99 {nearly_all:.0f} ms",
        "p50 150 ms, p95 500 ms, p99 2 s",
        "p50 60 ms",
        met=median < 150 and most < 500 and nearly_all < 2000,
        note=f"{EDITS} edits, simulators at 0 ms; p50 of each half: {apart} ms. "
        f"{_waits_for_disk(stage) - before} times the server held its answers until the disk was ready.",
    )


def _waits_for_disk(stage: Stage) -> int:
    """How often the server has let everybody wait because the disk was not done with the last second."""
    return int(stage.playground.runtime.redis.info("persistence")["aof_delayed_fsync"])


def beside_a_backfill(stage: Stage, rows: int) -> Figure:
    """Single edits while a bulk sync works off people who are in HubSpot alone."""
    tables, queue = stage.lane.tables(), outbox_queue(Crm.SALESFORCE, Priority.BACKFILL)
    begun = stage.counters()["claims/salesforce"]
    ask.start_job(stage.lane, "all", "bench")
    stage.playground.wait_for(lambda: tables.size(queue) + tables.size("open") > min(rows, 1_000) // 2, 120)
    queued = tables.size("open")
    waited = edit_singly(stage, stage.people[:SINGLE], "Beside")
    left = tables.size("open")
    done = stage.counters()["claims/salesforce"] - begun - SINGLE
    median, _, nearly_all = percentiles(waited)
    stage.playground.wait_for(stage.playground.quiet, 600)
    return Figure(
        f"the same beside a backfill of about {rows:,} creates",
        f"p50 {median:.0f} ms, p99 {nearly_all:.0f} ms",
        "p99 2 s",
        met=nearly_all < 2000,
        note=f"{SINGLE} edits; {queued:,} contacts of the backfill were open at the first of them, {left:,} "
        f"at the last; {done:,} were written by then.",
    )
