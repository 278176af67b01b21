"""The stores in this process's memory: for replay, what-if questions and tests. For one thread."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nsmallest

from domain.book import CLAIMS, Changes, Table
from workers.clock import Clock
from workers.storage.fingerprint import fingerprint
from workers.store import START, Claim, Entry, Trimmed


class MemoryLog:
    """An `EventLog` that remembers ids for ever. Positions are of the given clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []
        self._appended = 0
        self._begins = START
        self._last = (0, 0)
        self._ids: set[bytes] = set()
        self._documents: dict[str, bytes] = {}

    def append(
        self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None
    ) -> int:
        self._documents = {**(documents or {}), **self._documents}
        before = self._appended
        for event_id, event in events:
            if event_id not in self._ids:
                self._ids.add(event_id)
                self._appended += 1
                self._entries.append(Entry(self._next_position(), event))
        return self._appended - before

    def read(self, after: str, limit: int, wanted: bytes | None = None) -> list[Entry]:  # noqa: ARG002 - saves nothing here
        if _numbers(after) < _numbers(self._begins):
            raise Trimmed(after)
        first = self._behind(after)
        return self._entries[first : first + limit]

    def begins(self) -> str:
        return self._begins

    def trim(self, until: str) -> int:
        number = self._behind(until)
        del self._entries[:number]
        self._begins = max(self._begins, until, key=_numbers)
        return number

    def purge(self) -> None:
        """Nothing remains of what is trimmed here."""

    def resume(self, position: str, appended: int) -> None:
        del self._entries[: self._behind(position)]
        self._begins = position
        self._last = max(self._last, _numbers(position))
        self._appended = appended + len(self._entries)

    def remember(self, ids: Sequence[bytes]) -> None:
        self._ids.update(ids)

    def tail(self) -> str:
        return f"{self._last[0]}-{self._last[1]}"

    def length(self) -> int:
        return len(self._entries)

    def appended(self) -> int:
        return self._appended

    def document(self, digest: str) -> bytes | None:
        return self._documents.get(digest)

    def knows(self, event_id: bytes) -> bool:
        """Whether an event of this id was appended."""
        return event_id in self._ids

    def _behind(self, position: str) -> int:
        """How many entries stand up to a position."""
        return bisect_right(self._entries, _numbers(position), key=lambda entry: _numbers(entry.position))

    def _next_position(self) -> str:
        moment, number = self._last
        now = self._clock.now_ms()
        self._last = (now, 0) if now > moment else (moment, number + 1)
        return f"{self._last[0]}-{self._last[1]}"


class MemoryTables:
    """`Tables` as dictionaries.

    Args:
        generation: its number.
        is_alive: whether the generation may still be written.
    """

    def __init__(self, generation: int = 1, is_alive: Callable[[], bool] = lambda: True) -> None:
        self.generation = generation
        self._is_alive = is_alive
        self._checkpoint = START
        self._tables: dict[Table, dict[str, bytes]] = {table: {} for table in Table}
        self._queues: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._decisions: defaultdict[str, list[bytes]] = defaultdict(list)
        self._counters: Counter[str] = Counter()

    def checkpoint(self) -> str:
        return self._checkpoint

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        return [*map(self._tables[table].get, keys)]

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        if expected != self._checkpoint or not self._is_alive():
            return False
        for table, rows in changes.puts.items():
            self._tables[table].update(rows)
        for table, gone in changes.deletes.items():
            for key in gone:
                self._tables[table].pop(key, None)
        for queue, scores in changes.queued.items():
            self._queues[queue].update(scores)
        for queue, members in changes.unqueued.items():
            for member in members:
                self._queues[queue].pop(member, None)
        for entity, kept in changes.kept:
            del self._decisions[entity][: -kept or None]
        for entity, closed in changes.decisions.items():
            self._decisions[entity] += closed
        self._counters.update(changes.counts)
        self._checkpoint = position
        return True

    def due(self, queue: str, until: int, limit: int) -> list[tuple[str, int]]:
        ripe = ((score, member) for member, score in self._queue(queue).items() if score <= until)
        return [(member, score) for score, member in nsmallest(limit, ripe)]

    def ripe(self, queues: Sequence[str], until: int) -> list[bool]:
        return [bool(self.due(queue, until, 1)) for queue in queues]

    def size(self, queue: str) -> int:
        return len(self._queue(queue))

    def scan(self, table: Table) -> Iterator[tuple[str, bytes]]:
        yield from list(self._tables[table].items())

    def count(self, table: Table) -> int:
        return len(self._tables[table])

    def decisions(self, entity: str, limit: int) -> list[bytes]:
        return self._decisions.get(entity, [])[-limit:] if limit else []

    def counters(self) -> dict[str, int]:
        return dict(self._counters)

    def counter(self, name: str) -> int:
        return self._counters[name]

    def queues(self) -> Iterator[tuple[str, Iterator[tuple[str, int]]]]:
        """All queues that have members, with members and scores, in no order."""
        for name, members in self._queues.items():
            if members:
                yield name, iter(members.items())

    def all_decisions(self) -> Iterator[tuple[str, list[bytes]]]:
        """The closed decisions of every contact, oldest first; contacts in no order."""
        yield from ((entity, closed) for entity, closed in self._decisions.items() if closed)

    def fingerprint(self) -> dict[str, str]:
        return fingerprint(self)

    def contents(self) -> Changes:
        """Everything, as the changes that make it from nothing."""
        queued = {name: members for name, members in self._queues.items() if members}
        return Changes(self._tables, {}, queued, {}, dict(self.all_decisions()), dict(self._counters))

    def claim(self, key: str, value: bytes, attempt: int) -> bool:
        """Enter an intent into the claims, if it is as it was read and not there yet."""
        claims = self._queues[CLAIMS]
        if self._tables[Table.OUTBOX].get(key) != value or key in claims:
            return False
        claims[key] = attempt
        return True

    def _queue(self, name: str) -> dict[str, int]:
        return self._queues.get(name, {})


class MemoryGenerations:
    """`Generations` as a dictionary."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._tables: dict[int, MemoryTables] = {}
        self._current = self._last = 1
        self._building: int | None = None
        self.ours = ""
        self._release = ""

    def current(self) -> int:
        return self._current

    def tables(self, generation: int) -> MemoryTables:
        if generation not in self._tables:
            self._tables[generation] = MemoryTables(generation, lambda: self._is_alive(generation))
        return self._tables[generation]

    def _is_alive(self, generation: int) -> bool:
        return generation in {self._current, self._building} and self._release in {"", self.ours}

    def release(self) -> str:
        return self._release

    def take_over(self, expected: str) -> bool:
        if self._release != expected:
            return False
        self._release = self.ours
        return True

    def begin(self) -> int:
        for older in {*self._tables} - {self._current}:
            del self._tables[older]
        self._last += 1
        self._building = self._last
        return self._last

    def switch(self, to: int, expected_from: int) -> bool:
        if (to, expected_from) != (self._building, self._current):
            return False
        reached = {self.tables(to).checkpoint(), self.tables(expected_from).checkpoint(), self._log.tail()}
        if len(reached) > 1:
            return False
        self._current, self._building = to, None
        return True

    def promote(self, to: int, expected_from: int) -> bool:
        if (to, expected_from) != (self._building, self._current):
            return False
        if self.tables(expected_from).checkpoint() != START:
            return False
        self._current, self._building = to, None
        return True

    def drop(self, generation: int) -> None:
        if generation == self._current:
            raise ValueError(f"Generation {generation} is the current one.")
        self._tables.pop(generation, None)
        if generation == self._building:
            self._building = None


class MemoryCoordination:
    """`Coordination` by the given clock."""

    def __init__(self, clock: Clock, log: MemoryLog, generations: MemoryGenerations) -> None:
        self._clock = clock
        self._log = log
        self._generations = generations
        self._leases: dict[str, tuple[str, int]] = {}
        self._asked: dict[str, int] = {}
        self._bells: dict[str, int] = {}
        self._cursors: dict[str, str] = {}
        self._last_ticket = 0

    def acquire(self, lease: str, owner: str, ttl_ms: int) -> bool:
        now = self._clock.now_ms()
        holder, until = self._leases.get(lease, (owner, now))
        if holder != owner and now < until:
            self._asked[lease] = now + ttl_ms
            return False
        self._leases[lease] = owner, now + ttl_ms
        return True

    def release(self, lease: str, owner: str) -> bool:
        if self._leases.get(lease, ("", 0))[0] != owner:
            return False
        del self._leases[lease]
        return self._asked.pop(lease, 0) > self._clock.now_ms()

    def ring(self, bell: str, ttl_ms: int) -> bool:
        now = self._clock.now_ms()
        if now < self._bells.get(bell, now):
            return False
        self._bells[bell] = now + ttl_ms
        return True

    def unring(self, bell: str) -> None:
        self._bells.pop(bell, None)

    def tickets(self, number: int = 1) -> int:
        self._last_ticket += number
        return self._last_ticket

    def cursor(self, name: str) -> str | None:
        return self._cursors.get(name)

    def cursors(self) -> dict[str, str]:
        return dict(self._cursors)

    def set_cursor(self, name: str, value: str | None) -> None:
        if value is None:
            self._cursors.pop(name, None)
        else:
            self._cursors[name] = value

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: Claim) -> bool:
        tables = self._generations.tables(self._generations.current())
        granted = not self._log.knows(claim.event_id) and tables.claim(claim.key, claim.value, claim.attempt)
        if granted:
            self._log.append([(claim.event_id, claim.event)])
        return granted


class MemoryStores:
    """`Stores` of one connection."""

    def __init__(self, clock: Clock) -> None:
        self.log = MemoryLog(clock)
        self.generations = MemoryGenerations(self.log)
        self.coordination = MemoryCoordination(clock, self.log, self.generations)

    def tables(self) -> MemoryTables:
        return self.generations.tables(self.generations.current())


def _numbers(position: str) -> tuple[int, int]:
    moment, _, number = position.partition("-")
    return int(moment), int(number)
