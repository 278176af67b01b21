"""The Celery app with stages that die at named points, for the chaos tests.

The ports that a lane is made of are wrapped; the stages are the product's own. How likely each point
kills, and how often it did, stands in the server: ``chaos:chances`` and ``chaos:hits``.
"""

import os
import random
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import redis

from domain.book import Changes
from domain.identity import Crm
from domain.outcomes import Outcome
from workers import tasks
from workers.bootstrap import Link, Runtime
from workers.celery_app import app
from workers.connection import Lane
from workers.ports import CrmGateway, WriteRow
from workers.settings import Settings
from workers.store import Claim, Coordination, EventLog, Tables

__all__ = ["app"]

POINTS = ("after_append", "before_commit", "after_commit", "after_claim", "after_http", "after_cursor")


@dataclass
class Chaos:
    """Kills this process at a point, as likely as the server says."""

    server: redis.Redis

    def point(self, name: str) -> None:
        chance = float(self.server.hget("chaos:chances", name) or 0)
        if chance and random.random() < chance:  # noqa: TID251 - chaos is random
            self.server.hincrby("chaos:hits", name, 1)
            os.kill(os.getpid(), signal.SIGKILL)


class Wrapped:
    """Passes everything on to a port but for the methods that a subclass has."""

    def __init__(self, port: Any, chaos: Chaos) -> None:
        self._port, self._chaos = port, chaos

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class DyingLog(Wrapped):
    _port: EventLog

    def append(self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None) -> int:
        new = self._port.append(events, documents)
        self._chaos.point("after_append")
        return new


class DyingTables(Wrapped):
    _port: Tables

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        self._chaos.point("before_commit")
        done = self._port.commit(expected, position, changes)
        self._chaos.point("after_commit")
        return done


class DyingCoordination(Wrapped):
    _port: Coordination

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        granted = self._port.claim(claims)
        self._chaos.point("after_claim")
        return granted

    def set_cursor(self, name: str, value: str | None) -> None:
        self._port.set_cursor(name, value)
        if name.startswith(("poll/", "check/")):
            self._chaos.point("after_cursor")


class DyingGateway(Wrapped):
    _port: CrmGateway

    def at(self, priority: Any) -> "DyingGateway":
        return DyingGateway(self._port.at(priority), self._chaos)

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        outcomes = self._port.write(rows)
        self._chaos.point("after_http")
        return outcomes


class DyingLink(Link):
    """A connection whose ports may kill."""

    @cached_property
    def chaos(self) -> Chaos:
        return Chaos(self.runtime.redis)

    @cached_property
    def lane(self) -> Lane:
        stores, chaos = self.stores, self.chaos
        log, coordination = DyingLog(stores.log, chaos), DyingCoordination(stores.coordination, chaos)
        tables = lambda: DyingTables(stores.tables(), chaos)  # noqa: E731 - one expression
        return Lane(self.name, log, tables, coordination, self.runtime.clock, self.runtime.owner)  # type: ignore[arg-type]  # wrapped ports

    @cached_property
    def gateways(self) -> Mapping[Crm, CrmGateway]:
        return {crm: DyingGateway(gateway, self.chaos) for crm, gateway in super().gateways.items()}  # type: ignore[misc]  # wrapped ports


class DyingRuntime(Runtime):
    def link(self, name: str) -> Link:
        if name not in self._links:
            self._links[name] = DyingLink(self, name)
        return self._links[name]


_runtimes: dict[int, DyingRuntime] = {}


def _runtime() -> DyingRuntime:
    if os.getpid() not in _runtimes:
        _runtimes[os.getpid()] = DyingRuntime(Settings.load())
    return _runtimes[os.getpid()]


tasks.runtime = _runtime  # type: ignore[assignment]  # the one seam: which runtime the tasks work with
