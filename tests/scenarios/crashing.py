"""The Celery app and the web application with stages that die or freeze at named points, for the chaos tests.

The ports that a lane is made of are wrapped; the stages are the product's own. How likely each point
strikes, and how often it did, stands in the server: ``chaos:chances`` and ``chaos:hits``, by point, or
``frozen/<point>``. Who froze stands in ``chaos:frozen`` and is to be thawed by whoever watches. Leases are
a fifth as long as they should be, so that whoever was killed or frozen is soon replaced.
"""

import os
import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import redis
from fastapi import FastAPI

from domain.book import Changes
from domain.outcomes import Outcome
from tests.scenarios.points import CHANCES, FREEZING, FROZEN, HITS
from workers import tasks, webhooks
from workers.accounts import Accounts
from workers.bootstrap import Link, Runtime
from workers.celery_app import app
from workers.connection import Lane, Lease
from workers.ports import CrmGateway, WriteRow
from workers.settings import Settings
from workers.store import Claim, Coordination, EventLog, Tables

__all__ = ["app", "create_app"]

SHORTER = 5
"""Leases end this many times sooner."""


@dataclass
class Chaos:
    """Kills or freezes this process at a point, as likely as the server says."""

    server: redis.Redis

    def point(self, name: str) -> None:
        if self._strikes(name):
            os.kill(os.getpid(), signal.SIGKILL)
        if name in FREEZING and self._strikes(f"frozen/{name}"):
            self.server.rpush(FROZEN, os.getpid())
            os.kill(os.getpid(), signal.SIGSTOP)

    def _strikes(self, name: str) -> bool:
        chance = float(self.server.hget(CHANCES, name) or 0)
        if not chance or random.random() >= chance:  # noqa: TID251 - chaos is random
            return False
        self.server.hincrby(HITS, name, 1)
        return True


class Wrapped:
    """Passes everything on to a port but for the methods that a subclass has."""

    def __init__(self, port: Any, chaos: Chaos) -> None:
        self._port, self._chaos = port, chaos

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class DyingLog(Wrapped):
    _port: EventLog

    def append(
        self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None
    ) -> int:
        new = self._port.append(events, documents)
        if new:
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
        if any(granted):
            self._chaos.point("after_claim")
        return granted

    def set_cursor(self, name: str, value: str | None) -> None:
        self._port.set_cursor(name, value)
        if name.startswith(("poll/", "check/", "baseline/")):
            self._chaos.point("after_cursor")


class DyingGateway(Wrapped):
    _port: CrmGateway

    def at(self, priority: Any) -> "DyingGateway":
        return DyingGateway(self._port.at(priority), self._chaos)

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        outcomes = self._port.write(rows)
        self._chaos.point("after_http")
        return outcomes


class HastyLane(Lane):
    @contextmanager
    def lease(self, name: str, ttl_ms: int) -> Iterator[Lease | None]:
        with super().lease(name, ttl_ms // SHORTER) as lease:
            yield lease


class DyingLink(Link):
    """A connection whose ports may kill."""

    @cached_property
    def chaos(self) -> Chaos:
        return Chaos(self.runtime.redis)

    @cached_property
    def lane(self) -> Lane:
        stores, chaos = self.stores, self.chaos
        log: Any = DyingLog(stores.log, chaos)
        coordination: Any = DyingCoordination(stores.coordination, chaos)
        return HastyLane(self.name, log, self._tables, coordination, self.runtime.clock, self.runtime.owner)

    def _tables(self) -> Any:
        return DyingTables(self.stores.tables(), self.chaos)

    @cached_property
    def accounts(self) -> Accounts:
        return DyingAccounts(self.lane, self.runtime.redis, self.options, self.secrets)


class DyingAccounts(Accounts):
    @cached_property
    def gateways(self) -> Any:
        chaos = Chaos(self.redis)
        return {crm: DyingGateway(gateway, chaos) for crm, gateway in super().gateways.items()}


class DyingRuntime(Runtime):
    def link(self, name: str) -> Link:
        if name not in self._links:
            self._links[name] = DyingLink(self, name)
        return self._links[name]


@cache
def _runtime() -> DyingRuntime:
    return DyingRuntime(Settings.load())


tasks.runtime = _runtime  # type: ignore[attr-defined]  # the one seam: which runtime the tasks work with


def create_app() -> FastAPI:
    """The web application on connections whose ports may kill."""
    return webhooks.create_app(_runtime())
