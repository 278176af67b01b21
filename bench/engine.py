"""The full path from the log to the outbox, in one process: how fast it is, and where its time goes."""

import gc
import subprocess
import sys
from cProfile import Profile
from statistics import median
from time import perf_counter, process_time

import redis

from bench import storage
from bench.figures import Figure, per_second, times
from bench.profiling import where
from bench.scene import Scene
from domain.identity import Crm
from domain.specimens import specimens
from domain.upcasting import decode
from workers.clock import SystemClock
from workers.connection import Lane
from workers.storage.redis_store import RedisStores

CONTACTS = 20_000
CHUNK = 2_000
TASKS = 3_000
GOAL, AIM = 25_000, 50_000


class Engine(Scene):
    """One connection with its workload, on a server."""

    def __init__(self, client: redis.Redis, name: str = "bench") -> None:
        self.client = client
        self.name = name
        self.stores = RedisStores(client, name)
        self.seconds = 0.0  #: spent projecting
        self.cpu = 0.0  #: seconds of processor time of it, the server's left out
        self.rates: list[float] = []  #: events projected per second, by chunk
        self.profile: Profile | None = None
        self.filled = 0  #: events before the first change
        tables, coordination = self.stores.tables, self.stores.coordination
        super().__init__(Lane(name, self.stores.log, tables, coordination, SystemClock(), "bench"))

    def fill(self, contacts: int = CONTACTS) -> None:
        super().fill(contacts)
        self.filled, self.seconds, self.cpu = self.projected, 0.0, 0.0

    def configure(self) -> None:
        super().configure()
        self.stores.log.packing.learn(specimens(self.lane.policy()))

    def change(self, number: int = CHUNK) -> None:
        before, spent = self.projected, self.seconds
        super().change(number)
        self.rates.append((self.projected - before) / (self.seconds - spent))

    def project(self) -> None:
        """Project what is there; only this is timed."""
        gc.collect()
        began, spent = perf_counter(), process_time()
        if self.profile:
            self.profile.enable()
        super().project()
        if self.profile:
            self.profile.disable()
        self.seconds += perf_counter() - began
        self.cpu += process_time() - spent

    @property
    def projected(self) -> int:
        return self.counters().get("events", 0)

    def counters(self) -> dict[str, int]:
        return self.lane.tables().counters()


def measure(engine: Engine, url: str, events: int) -> Figure:
    """Let changes happen until the log holds a number of events; beside reading them, and a task for each."""
    portion = max(CHUNK, events // 100)
    while engine.projected < events:
        engine.change(portion)
    rate, changes = median(engine.rates), sum(engine.crowd.mix.values()) / engine.seconds
    mix, cpu = _mix(engine), engine.cpu / (engine.projected - engine.filled)
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
        f"{mix} That is {changes:,.0f} changes/s with all that follows. An event took {cpu * 1e6:.0f} us of "
        f"processor time, the server's left out. Time goes to {where(profile)}.",
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
