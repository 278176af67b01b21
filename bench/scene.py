"""One connection with everybody in it, in this process: people, both CRMs, and the stages between them."""

from typing import Any

from bench.crowd import Crowd, InstantCrm
from bench.setup import USUAL, Setup, configure
from domain.events import BaselineCompleted
from domain.identity import Crm
from domain.kinds import CONTACTS
from workers.connection import Lane
from workers.deliver import Deliverer
from workers.project import Projector
from workers.read import Reader

FOREVER_MS = 600_000


class Scene:
    """A lane, who lives in it, and who works on it."""

    def __init__(self, lane: Lane, setup: Setup = USUAL) -> None:
        self.lane = lane
        self.setup = setup
        self.crowd = Crowd(lane.clock, setup)
        self.projector = Projector(lane)
        crms: dict[Crm, Any] = {crm: InstantCrm(self.crowd, crm) for crm in Crm}
        self.workers: list[Deliverer | Reader] = [
            *(Reader(lane, crm, gateway) for crm, gateway in crms.items()),
            *(Deliverer(lane, crm, gateway) for crm, gateway in crms.items()),
        ]

    def fill(self, contacts: int) -> None:
        """Everything is as after the first read of both CRMs."""
        self.configure()
        self.crowd.seed(contacts)
        self._baseline()
        self.settle()

    def configure(self) -> None:
        configure(self.lane, self.setup)
        self.projector.run()

    def _baseline(self) -> None:
        ticket = self.lane.coordination.tickets()
        for people in self.crowd.people.values():
            everybody = [each.seen("baseline", ticket) for each in people.values()]
            for at in range(0, len(everybody), 1000):
                self.lane.append(everybody[at : at + 1000])
        objects = [(crm, name) for crm in Crm for name in CONTACTS.objects(crm)]
        self.lane.append([BaselineCompleted(crm=crm, object=name) for crm, name in objects])

    def change(self, number: int) -> None:
        """Let so many changes happen; they are projected, delivered and answered."""
        self.lane.append(list(self.crowd.happen(number, self.lane.coordination.tickets())))
        self.settle()

    def settle(self) -> None:
        """Project, read and deliver until nothing new is said."""
        before = -1
        while before != self.lane.log.appended():
            before = self.lane.log.appended()
            self.project()
            for each in self.workers:
                each.run(budget_ms=FOREVER_MS)

    def project(self) -> None:
        self.projector.run(budget_ms=FOREVER_MS)
