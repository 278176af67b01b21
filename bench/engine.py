"""The full path from the log to the outbox, in one process: how fast it is, and where its time goes."""

import gc
import subprocess
import sys
from cProfile import Profile
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import redis

from bench import storage
from bench.crowd import Crowd, InstantCrm, baseline, configure
from bench.figures import Figure, per_second, times
from bench.profiling import where
from domain.identity import Crm
from domain.specimens import specimens
from domain.upcasting import decode
from workers.clock import SystemClock
from workers.connection import Lane
from workers.deliver import Deliverer
from workers.project import Projector
from workers.read import Reader
from workers.storage.redis_store import RedisStores

CONTACTS = 20_000
CHUNK = 2_000
TASKS = 3_000
FOREVER_MS = 600_000
GOAL, AIM = 25_000, 50_000


@dataclass
class Engine:
    """One connection with its workload, in this process."""

    client: redis.Redis
    name: str = "bench"
    seconds: float = 0.0  #: spent projecting
    rates: list[float] = field(default_factory=list)  #: events projected per second, by chunk
    profile: Profile | None = None
    filled: int = 0  #: events before the first change

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.stores = RedisStores(self.client, self.name)
        self.lane = Lane(
            self.name, self.stores.log, self.stores.tables, self.stores.coordination, clock, "bench"
        )
        self.crowd, self.projector = Crowd(clock), Projector(self.lane)
        crms: list[tuple[Crm, Any]] = [(crm, InstantCrm(self.crowd, crm)) for crm in Crm]
        self.deliverers = [Deliverer(self.lane, crm, gateway) for crm, gateway in crms]
        self.readers = [Reader(self.lane, crm, gateway) for crm, gateway in crms]

    def fill(self, contacts: int = CONTACTS) -> None:
        """Everything is as after the first read of both CRMs."""
        configure(self.lane)
        self.projector.run()
        self.stores.log.packing.learn(specimens(self.lane.policy()))
        self.crowd.seed(contacts)
        baseline(self.lane, self.crowd)
        self.settle()
        self.filled, self.seconds = self.projected, 0.0

    def change(self) -> None:
        """Let a portion of changes happen; they are projected, delivered and answered."""
        before, spent = self.projected, self.seconds
        self.lane.append(list(self.crowd.happen(CHUNK, self.lane.coordination.tickets())))
        self.settle()
        self.rates.append((self.projected - before) / (self.seconds - spent))

    def settle(self) -> None:
        """Project, read and deliver until nothing is left; only projecting is timed."""
        busy = True
        while busy:
            self._project()
            answered = sum(reader.run(budget_ms=FOREVER_MS).answered for reader in self.readers)
            claimed = sum(deliverer.run(budget_ms=FOREVER_MS).claimed for deliverer in self.deliverers)
            busy = bool(answered + claimed)

    def _project(self) -> None:
        gc.collect()
        began = perf_counter()
        if self.profile:
            self.profile.enable()
        self.projector.run(budget_ms=FOREVER_MS)
        if self.profile:
            self.profile.disable()
        self.seconds += perf_counter() - began

    @property
    def projected(self) -> int:
        return self.counters().get("events", 0)

    def counters(self) -> dict[str, int]:
        return self.lane.tables().counters()


def measure(engine: Engine, url: str, events: int) -> Figure:
    """Let changes happen until the log holds a number of events; beside reading them, and a task for each."""
    while engine.projected < events:
        engine.change()
    rate, changes = median(engine.rates), sum(engine.crowd.mix.values()) / engine.seconds
    mix = _mix(engine)
    raw, tasks = storage.reading(engine.stores, decode), tasks_per_second(url)
    profile = profiled(engine)
    return Figure(
        "log to state, decision and outbox, one process",
        per_second(engine.rates),
        f"{GOAL:,}/s",
        f"{AIM:,}/s",
        f"XRANGE and decode {raw:,.0f}/s\none Celery task an event {tasks:,.0f}/s",
        f"{times(rate, raw)}\n{times(rate, tasks)}",
        rate >= GOAL,
        f"{mix} That is {changes:,.0f} changes/s with all that follows. Time goes to {where(profile)}.",
    )


def _mix(engine: Engine) -> str:
    counters, changes = engine.counters(), sum(engine.crowd.mix.values())
    events = engine.projected - engine.filled
    mix = ", ".join(f"{name} {count / changes:.0%}" for name, count in engine.crowd.mix.items())
    claims = sum(counters[f"claims/{crm}"] for crm in Crm)
    return (
        f"{changes:,} changes ({mix}) of {CONTACTS:,} contacts made {claims:,} writes "
        f"({claims / changes:.0%}), and with claims, answers and look-ups {events:,} events."
    )


def profiled(engine: Engine) -> Profile:
    """One more portion of changes, under the profiler."""
    engine.profile = Profile()
    engine.change()
    engine.rates.pop()
    profile, engine.profile = engine.profile, None
    return profile


def tasks_per_second(url: str) -> float:
    """What one worker does of tasks that do nothing, from a queue filled beforehand."""
    from bench.noop import app, noop  # noqa: PLC0415 - Celery is slow to import

    broker = f"redis+socket://{url.removeprefix('unix://')}?virtual_host=1"
    app.conf.broker_url = broker
    for number in range(TASKS):
        noop.delay(f"event {number}")
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "bench.noop",
        "-b",
        broker,
        "worker",
        "-c",
        "1",
        "-l",
        "ERROR",
    ]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (
        redis.Redis.from_url(f"{url}?db=1") as queue,
        subprocess.Popen([*command, *quiet], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker,
    ):
        rate = _drained(queue)
        worker.terminate()
    return rate


def _drained(queue: redis.Redis) -> float:
    """Tasks per second while the queue empties."""
    clock, warm = SystemClock(), TASKS - TASKS // 10
    while queue.llen("celery") > warm:
        clock.sleep(0.005)
    began, left = perf_counter(), int(queue.llen("celery"))
    while queue.llen("celery"):
        clock.sleep(0.005)
    return left / (perf_counter() - began)
