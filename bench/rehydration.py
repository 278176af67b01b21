"""The peer of a replay: a library's aggregates, made anew from their events in SQLite.

It applies the same looks at the same records and nothing else: no versions, links, decisions or outbox.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from domain.events import AnyEvent, RecordObserved
from domain.identity import Fields


class Person(Aggregate):
    """A record as it was seen last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    @event("Shown")
    def show(self, values: dict[str, Any]) -> None:
        self.values.update(values)


def events_per_second(events: Iterable[AnyEvent]) -> float:
    """How many events a second the library rehydrates, one aggregate for each record."""
    looks: defaultdict[str, list[Fields]] = defaultdict(list)
    for each in events:
        if isinstance(each, RecordObserved):
            looks[each.ref.key].append(each.fields)
    with TemporaryDirectory() as folder:
        database = str(Path(folder) / "events.sqlite")
        store: Application[UUID] = Application(
            {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": database}
        )
        people = [_saved(store, each) for each in looks.values()]
        began = perf_counter()
        for person in people:
            store.repository.get(person)
        seconds = perf_counter() - began
        store.close()
    return sum(1 + len(each) for each in looks.values()) / seconds


def _saved(store: Application[UUID], looks: Iterable[Fields]) -> UUID:
    person = Person()
    for values in looks:
        person.show(values=values)
    store.save(person)
    return person.id
