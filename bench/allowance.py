"""A CRM's call allowance, shared by four threads, beside another program that takes a third of it.

The account is the HubSpot simulator's, with its real limit of 190 calls in ten seconds; the four threads call
whenever the limiter lets them, the other program evenly, and never waits for anybody.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import requests

from bench import server
from bench.figures import Figure
from domain.state import Priority
from workers.cli.playground import free_port
from workers.clock import SystemClock
from workers.limits import RedisLimiter, hubspot

ALLOWED = 190  # calls in ten seconds
OTHERS = 0.3
THREADS = 4
WINDOW = 10.0
WINDOWS = 4
OBJECTS = "/crm/v3/objects/contacts"
HEADERS = {"Authorization": "Bearer pat-sim"}
ROOT = Path(__file__).parents[1]

Called = Callable[[float, int], None]
"""Told the second of a call and its status."""


@contextmanager
def portal() -> Iterator[str]:
    """A HubSpot simulator in a process of its own; its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "simulators", "hubspot", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield url
        finally:
            process.terminate()


def measure() -> Figure:
    """Some windows of ten seconds; the first is for finding out what the others take."""
    seen: Counter[tuple[int, int, str]] = Counter()
    began = perf_counter()

    def note(who: str) -> Called:
        return lambda at, status: seen.update([(int((at - began) / WINDOW), status, who)])

    with portal() as url, server.running() as (client, _), ThreadPoolExecutor(THREADS + 1) as pool:
        end = began + WINDOW * WINDOWS
        limiter = RedisLimiter(client, "{bench}:limit:hubspot", hubspot())
        running = [pool.submit(_ours, url, limiter, end, note("ours")) for _ in range(THREADS)]
        running.append(pool.submit(_theirs, url, end, note("theirs")))
        for each in running:
            each.result()
    return _figure(seen)


def _figure(seen: Counter[tuple[int, int, str]]) -> Figure:
    def count(status: int, *who: str) -> int:
        return sum(seen[window, status, each] for window in range(1, WINDOWS) for each in who)

    used = count(200, "ours", "theirs") / (ALLOWED * (WINDOWS - 1))
    refused, first = count(429, "ours"), seen[0, 429, "ours"]
    return Figure(
        f"HubSpot's allowance, {THREADS} threads beside a program that takes {OTHERS:.0%}",
        f"{used:.0%} used, {refused} refused",
        "90 % used, 0 refused",
        met=used >= 0.9 and not refused,
        note=f"{WINDOWS - 1} windows of {WINDOW:.0f} s after a first in which we were refused {first} times; "
        f"{count(200, 'ours')} calls were ours and {count(200, 'theirs')} the other program's, which was "
        f"refused {count(429, 'theirs')} times.",
    )


def _ours(url: str, limiter: RedisLimiter, end: float, called: Called) -> None:
    clock, http = SystemClock(), requests.Session()
    while perf_counter() < end:
        grant = limiter.acquire(1, priority=Priority.LIVE)
        if grant.wait_ms:
            clock.sleep(min(grant.wait_ms / 1000, end - perf_counter()))
            continue
        answer = http.get(f"{url}{OBJECTS}?limit=1", headers=HEADERS, timeout=10)
        called(perf_counter(), answer.status_code)
        wait_ms = None if answer.ok else 10_000
        limiter.observe(grant, headers={k.lower(): v for k, v in answer.headers.items()}, wait_ms=wait_ms)


def _theirs(url: str, end: float, called: Called) -> None:
    clock, http = SystemClock(), requests.Session()
    pause = WINDOW / (ALLOWED * OTHERS)
    while perf_counter() < end:
        status = http.get(f"{url}{OBJECTS}?limit=1", headers=HEADERS, timeout=10).status_code
        called(perf_counter(), status)
        clock.sleep(pause)
