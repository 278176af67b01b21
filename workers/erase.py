"""Erasing people from the log: each run takes whoever is erased in the state one step further.

First what would bring him back is refused, then what the log holds of him is archived and the server lets go
of it, then the files of the archive that tell of him are written anew. He is done once a run finds nothing of
him any more, so a crash or a late event costs another run. Then an epoch begins, because what the log says is
not what was folded once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from domain.book import ERASING, Table, decode
from domain.erasing import addresses_in, blank, is_his, names_of
from domain.events import PersonErased
from domain.state import Contact
from workers.archive.archiver import Archiver
from workers.archive.erasing import Person, cleanse
from workers.archive.finding import Search
from workers.archive.marks import Marks
from workers.archive.whole import WholeLog
from workers.connection import Lane, position_of
from workers.store import START

LEASE_MS = 600_000
FAR = 2**62
AT_ONCE = 100


@dataclass
class Eraser:
    """Erases from one lane's log.

    ``begin_epoch`` keeps the state as the one that replays go on from; it returns whether it could.
    """

    lane: Lane
    log: WholeLog
    archiver: Archiver
    marks: Marks
    begin_epoch: Callable[[], bool]

    def run(self) -> int:
        """Take everybody one step further; returns how many are still to be erased.

        Raises:
            Damaged, Discontinued: if the archive cannot be read or written; nothing was replaced.
        """
        with self.lane.lease("erase", LEASE_MS) as lease:
            due = self.lane.tables().due(ERASING, FAR, AT_ONCE)
            for entity, _ in due if lease is not None else ():
                self._step(entity)
        return self.lane.tables().size(ERASING)

    def _step(self, entity: str) -> None:
        raw = self.lane.tables().fetch(Table.CONTACTS, [entity])[0]
        assert raw is not None
        contact: Contact = decode(Table.CONTACTS, raw)
        names = names_of(contact)
        search = Search(self.log, START, self.log.tail())
        his = [each for each in search.bearing(names) if is_his(each.event, names, search.pointers)]
        addresses = {name for each in his for name in addresses_in(each.event, search.pointers)}
        marks = self.marks.of(sorted(names | self._free(contact, addresses)))
        if not self._refused(marks):
            self._say(entity, marks)
            return
        if any(blank(each.event, search.pointers) != each.event for each in his):
            keys = frozenset((contact.id, *contact.records))
            self._rewrite(entity, Person(names, keys, frozenset(addresses)))
            return
        self.archiver.sweep()
        if self.begin_epoch():
            self._say(entity, (), done=True)

    def _free(self, contact: Contact, addresses: set[str]) -> set[str]:
        """The addresses that nobody else has now: another person's are not refused."""
        keys = {address: f"{contact.kind}|{address}" for address in addresses}
        held = self.lane.tables().fetch(Table.MATCHES, [*keys.values()])
        return {address for address, raw in zip(keys, held, strict=True) if raw is None}

    def _refused(self, marks: tuple[str, ...]) -> bool:
        """Whether all of them are refused from now on."""
        return None not in self.lane.tables().fetch(Table.ERASED, marks)

    def _rewrite(self, entity: str, person: Person) -> None:
        """Archive what is settled, let the server hold no more of it, and write anew what tells of him."""
        self.archiver.run()
        last, folded = self.log.archive.newest().last, self.lane.tables().checkpoint()
        self.log.trim(min(last, folded, key=position_of))
        self.log.purge()
        files = cleanse(self.log.archive.files, person, folded)
        if files:
            self._say(entity, (), files=tuple(files))

    def _say(
        self, entity: str, marks: tuple[str, ...], *, done: bool = False, files: tuple[str, ...] = ()
    ) -> None:
        self.lane.append([PersonErased(entity=entity, marks=marks, done=done, files=files)])
