"""The state of a connection at a moment, under another name beside it, to be looked at at leisure.

It has tables and the documents that these rest on, and no events of its own. Nobody sweeps it, so nothing
is read or written for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from workers.archive.snapshots import Past, load
from workers.archive.whole import WholeLog
from workers.connection import Lane
from workers.project import Projector
from workers.store import START, Stores


class Taken(Exception):  # noqa: N818 - says why nothing was done
    """There is a connection of that name already."""


@dataclass
class Elsewhere:
    """Makes a past state of one lane a connection of its own."""

    lane: Lane
    log: WholeLog
    stores: Stores  #: of the new name
    register: Callable[[], None]  #: says that something of it is kept, before there is anything

    def make(self, until: str, past: Past | None) -> int:
        """Fold the log up to a position, from a snapshot or the beginning; returns how many events that is.

        Raises:
            Taken: if something of that name is kept already.
        """
        tables = self.stores.tables()
        if (tables.checkpoint(), self.stores.log.tail()) != (START, START):
            raise Taken
        self.register()
        if past is not None and not load(past, tables):
            raise Taken
        lane = self.lane
        projector = Projector(
            Lane(lane.name, self.log, lambda: tables, lane.coordination, lane.clock, lane.owner)
        )
        while projector.step(until=until):
            pass
        events = tables.counters().get("events", 0)
        self.stores.log.append(
            [], {name: raw for name in self._digests() if (raw := self.log.document(name))}
        )
        self.stores.log.resume(tables.checkpoint(), events)
        return events

    def _digests(self) -> Iterator[str]:
        """Every text in the state of the connection as a whole that may name a document."""
        lane = self.lane
        own = Lane(lane.name, self.log, self.stores.tables, lane.coordination, lane.clock, lane.owner)
        yield from _texts(msgspec.to_builtins(own.state()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) == _DIGITS:
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


_DIGITS = 32  # of a document's digest
