"""Doorbells: wake whoever has work. Ringing is cheap, may be lost, and may happen twice.

A task carries no data: it drains a durable list. The sweep, on every worker's own timer, rings for
whatever has a backlog and claims the slots of periodic work, so no leader and no schedule are needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.book import TIMERS, outbox_queue, reads_queue
from domain.identity import Crm
from domain.kinds import CAMPAIGN_ADDED
from domain.state import Priority
from workers.connection import BULK, Lane

BELL_MS = 15_000
"""How long a bell stays rung if nobody answers it."""

FAR = 2**62

Send = Callable[[str, tuple[str, ...]], None]
"""Sends a task by name with its arguments."""


@dataclass(frozen=True)
class Rhythm:
    """How often periodic work is due, in seconds. What is nightly knows by itself when it was last done."""

    poll: int
    check: int
    metadata: int = 3600
    archive: int = 60
    nightly: int = 600
    notices: int = 60


@dataclass(frozen=True)
class Doorbells:
    """The bells of one connection."""

    lane: Lane
    send: Send

    def ring(self, task: str, *rest: str) -> None:
        """Ring, unless the bell is ringing already. If sending raises, it can be rung again at once."""
        if self.lane.coordination.ring("/".join((task, *rest)), BELL_MS):
            try:
                self.send(task, (self.lane.name, *rest))
            except BaseException:
                self.answer(task, *rest)
                raise

    def answer(self, task: str, *rest: str) -> None:
        """Note that somebody is at the door: a later ring counts again."""
        self.lane.coordination.unring("/".join((task, *rest)))

    def onward(self) -> None:
        """Ring for what projecting has left to do: writes that are due, looks, bulk work that may go on."""
        admitted = self.lane.admitted()
        queues = {
            queue(crm, priority): (task, crm)
            for crm in Crm
            for task, queue in (("read", reads_queue), ("deliver", outbox_queue))
            for priority in admitted
        }
        tables = self.lane.tables()
        ripe = tables.ripe([*queues], self.lane.moment(tables))
        for bell in dict.fromkeys(bell for bell, yes in zip(queues.values(), ripe, strict=True) if yes):
            self.ring(*bell)
        if Priority.BACKFILL in admitted and self.lane.coordination.cursor(BULK):
            self.ring("control")

    def sweep(self, rhythm: Rhythm) -> None:
        """Ring for every backlog, and for periodic work whose slot is free."""
        tables = self.lane.tables()
        if self.lane.log.tail() != tables.checkpoint():
            self.ring("project")
        self.onward()
        self._control()
        for task, rest, seconds in self._periodic(rhythm):
            self._ring_in_time(seconds * 1000, task, *rest)

    def put_off(self, seconds: int, task: str, *rest: str) -> None:
        """Have periodic work that could not be finished come up again soon, not in its next turn."""
        slot = "/".join(("slot", task, *rest))
        self.lane.coordination.unring(slot)
        self.lane.coordination.ring(slot, seconds * 1000)

    def _ring_in_time(self, every_ms: int, task: str, *rest: str) -> None:
        """Ring if the slot is free, and keep it if that worked."""
        slot = "/".join(("slot", task, *rest))
        if self.lane.coordination.ring(slot, every_ms):
            try:
                self.ring(task, *rest)
            except BaseException:
                self.lane.coordination.unring(slot)
                raise

    def _control(self) -> None:
        if self.lane.tables().due(TIMERS, self.lane.clock.now_ms(), 1):
            self.ring("control")
        else:
            self._ring_in_time(2_000, "control")

    def _periodic(self, rhythm: Rhythm) -> Iterator[tuple[str, tuple[str, ...], int]]:
        yield "archive", (), rhythm.archive
        policy = self.lane.policy()
        if not policy.ready:
            yield from (("poll", (crm, "baseline"), 5) for crm in Crm)
            return
        for crm in Crm:
            yield "poll", (crm, "changes"), rhythm.poll
            yield "poll", (crm, "check"), rhythm.check
            yield "poll", (crm, "nightly"), rhythm.nightly
        kinds = policy.kinds.values()
        if any(CAMPAIGN_ADDED in kind.section.triggers for kind in kinds):
            yield "poll", (Crm.SALESFORCE, "campaigns"), rhythm.check
        if any(kind.inclusion and kind.inclusion.asks for kind in kinds):
            yield "memberships", (), rhythm.check
        yield "metadata", (), rhythm.metadata
        yield "notices", (), rhythm.notices
