"""Processes die at named points, freeze beyond their leases and lose their server, while people edit."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.scenarios.conftest import installed
from tests.scenarios.crowd import Crowd
from tests.scenarios.points import CHANCES, FREEZING, FROZEN, HITS, POINTS
from workers.cli import playground
from workers.replay import Comparison

pytestmark = pytest.mark.scenario

STRIKES = (*POINTS, *(f"frozen/{point}" for point in FREEZING))
CHANCE = {
    "after_append": 0.02,
    "before_commit": 0.1,
    "after_commit": 0.1,
    "frozen/before_commit": 0.05,
    "after_claim": 0.2,
    "frozen/after_claim": 0.05,
    "after_http": 0.5,
    "after_cursor": 0.3,
    "frozen/after_http": 0.2,
}
"""How likely a point strikes: the more, the seldomer it is passed."""

FROZEN_SECONDS = 5.0
"""Longer than all leases but those of polls, which are a fifth as long here as elsewhere."""

CONFIGURATION = playground.CONFIGURATION.replace("prefer_salesforce_unless_blank", "two_way")

PACE = 0.03
"""Seconds between two edits."""


@dataclass
class Storm:
    """What happens to a crowd's installation, and how much of it."""

    crowd: Crowd
    hits: int  #: deaths at each point, at least
    frosts: int  #: standstills at each point that has them, at least
    events: int  #: at least, in the log
    deaths: Counter[str] = field(default_factory=Counter)  #: by process
    _frozen: dict[int, float] = field(default_factory=dict)  #: pid -> when it is thawed

    def __post_init__(self) -> None:
        self.playground = self.crowd.playground
        self.commands = dict(_dying(self.playground.commands))

    @property
    def redis(self) -> redis.Redis:
        return self.playground.runtime.redis

    def begin(self) -> None:
        self.playground.set_up()
        for name, command in self.commands.items():
            self.playground.fleet.start(name, command)
        self.playground.wait_until_ready(90)

    # -- what happens

    def rage(self) -> None:
        """Let points strike until each has struck often enough and the log is long enough."""
        while any((chances := self._chances()).values()):
            self.redis.hset(CHANCES, mapping=chances)
            self._one_moment()
        self.redis.delete(CHANCES)

    def _chances(self) -> dict[Any, Any]:
        struck, enough = self.struck(), self.playground.link.lane.log.appended() >= self.events
        return {name: 0 if enough and struck[name] >= self.wanted(name) else CHANCE[name] for name in STRIKES}

    def wanted(self, name: str) -> int:
        return self.frosts if name.startswith("frozen/") else self.hits

    def struck(self) -> dict[str, int]:
        counts: dict[bytes, bytes] = self.redis.hgetall(HITS)  # type: ignore[assignment]  # this client is not async
        return {name: int(counts.get(name.encode(), 0)) for name in STRIKES}

    def freeze(self, name: str) -> None:
        """A process stands still for longer than its lease lasts, and goes on as if nothing had been."""
        self.playground.fleet.freeze(name)
        end = self.playground.clock.monotonic() + FROZEN_SECONDS
        while self.playground.clock.monotonic() < end:
            self._one_moment()
        self.playground.fleet.thaw(name)

    def kill_the_server(self) -> None:
        """Nobody takes care of it but those who use it."""
        pid = int((self.playground.settings.data_dir / "valkey" / "valkey.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        for _ in range(20):
            self.crowd.edit()
        self.playground.wait_for(self._server_answers, 60)

    def _server_answers(self) -> bool:
        try:
            self.care()
        except redis.RedisError:
            return False
        return True

    def _one_moment(self) -> None:
        self.crowd.edit()
        self.care()
        self.playground.clock.sleep(PACE)

    def care(self) -> None:
        """Start anew who died, thaw who froze long enough ago."""
        fleet, now = self.playground.fleet, self.playground.clock.monotonic()
        for name in fleet.dead():
            fleet.kill(name)
            self.deaths[name] += 1
            fleet.start(name, self.commands[name])
        while (pid := self.redis.lpop(FROZEN)) is not None:
            self._frozen[int(pid)] = now + FROZEN_SECONDS  # type: ignore[arg-type]  # this client is not async
        for frozen in [pid for pid, until in self._frozen.items() if until < now]:
            del self._frozen[frozen]
            _thaw(frozen)

    # -- what is left of it

    def pass_over(self) -> None:
        """Wait until both CRMs agree and nothing is left to do; fail in words."""
        try:
            self.playground.wait_for(self._is_over, 240)
        except TimeoutError:
            raise AssertionError("\n".join(self.crowd.differences()) or "not quiet") from None

    def _is_over(self) -> bool:
        self.care()
        return not self._frozen and self.playground.quiet() and not self.crowd.differences()

    def verify(self) -> Comparison:
        link = self.playground.link
        return link.replay(2).verify()

    def report(self, comparison: Comparison) -> str:
        struck = ", ".join(f"{name} {times}" for name, times in self.struck().items())
        return f"{comparison.events} events, {self.crowd.edits} edits; {struck}; deaths {dict(self.deaths)}"


def _dying(commands: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    """The Procfile's commands on the app that dies; two of those that deliver."""
    for name, ours in (
        ("web", "workers.webhooks"),
        ("worker", "workers.celery_app"),
        ("io", "workers.celery_app"),
    ):
        dying = [part.replace(ours, "tests.scenarios.crashing") for part in commands[name]]
        yield name, dying
    yield "io2", [part.replace("io@", "io2@") for part in dying]


def _thaw(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def weather(crowd: Crowd) -> None:
    """Both CRMs answer badly now and then."""
    crowd.playground.salesforce.fault(kind="status", status=503, rate=0.02, method="PATCH")
    crowd.playground.salesforce.fault(kind="answer_lost_after_commit", rate=0.02, method="PATCH")
    crowd.playground.salesforce.fault(kind="row_error", share=0.1, rate=0.1, method="PATCH")
    crowd.playground.hubspot.fault(kind="answer_lost_after_commit", rate=0.02, path="*/batch/*")
    crowd.playground.hubspot.fault(kind="status", status=502, rate=0.02, path="*/batch/*")


def survive(directory: Path, *, hits: int, frosts: int, events: int, people: int, servers: int) -> None:
    with installed(directory, CONFIGURATION) as installation:
        crowd = Crowd(installation)
        crowd.enter_in_both(people)
        storm = Storm(crowd, hits, frosts, events)
        storm.begin()
        crowd.enter(people)
        weather(crowd)
        storm.rage()
        for name in ("worker", "io", "io2", "web"):
            storm.freeze(name)
        for _ in range(servers):
            storm.kill_the_server()
        installation.hubspot.heal()
        installation.salesforce.heal()
        storm.pass_over()
        comparison = storm.verify()
        print(storm.report(comparison))  # noqa: T201 - how often each point struck
        assert comparison.differing == []
        assert comparison.events >= events
        assert all(times >= storm.wanted(name) for name, times in storm.struck().items())


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_done_twice_in_a_storm(tmp_path: Path) -> None:
    survive(tmp_path, hits=3, frosts=1, events=2_000, people=60, servers=1)


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_nothing_is_lost_or_done_twice_in_a_long_storm(tmp_path: Path) -> None:
    survive(tmp_path, hits=50, frosts=10, events=20_000, people=1_000, servers=5)
