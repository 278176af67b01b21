"""One connection's log, tables and coordination, as protocols. ``workers.storage`` plays these parts.

The log is the truth. The tables are derived from it and can be thrown away. Coordination (leases, bells,
tickets, cursors, claims in progress) belongs to neither: losing it costs time, never data.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.book import Changes, Table

START = "0-0"
"""The position before the first event."""


class Entry(NamedTuple):
    """One event as the log keeps it."""

    position: str  #: ``<epoch ms>-<n>``, strictly increasing
    raw: bytes


class Claim(NamedTuple):
    """A wish to send an intent."""

    key: str  #: the intent's
    value: bytes  #: what the outbox held when the intent was read
    attempt: int
    event_id: bytes
    event: bytes


class EventLog(Protocol):
    """An append-only record of events, in one strict order."""

    def append(
        self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None
    ) -> int:
        """Append (event id, event) pairs whose id is not known, atomically, after the documents they name.

        Returns how many were new. Ids are remembered for at least two days.
        """

    def read(self, after: str, limit: int) -> list[Entry]:
        """The next entries behind a position, oldest first."""

    def tail(self) -> str:
        """The position of the newest entry, ``START`` if there is none."""

    def length(self) -> int:
        """How many entries are kept."""

    def document(self, digest: str) -> bytes | None:
        """A document by its digest."""


class Tables(Protocol):
    """What the log folds into; one *generation* of it."""

    def checkpoint(self) -> str:
        """The position up to which everything is committed."""

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        """Values by key, in order."""

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        """Apply changes and move the checkpoint from ``expected`` to ``position``, all or nothing.

        False, and nothing done, if the checkpoint is not the expected one.
        """

    def due(self, queue: str, until: int, limit: int) -> list[tuple[str, int]]:
        """Members of a queue whose score is at most ``until``, lowest first, with their scores."""

    def size(self, queue: str) -> int:
        """How many members a queue has."""

    def scan(self, table: Table) -> Iterator[tuple[str, bytes]]:
        """All of a table, in no order; what changes meanwhile may or may not be seen."""

    def count(self, table: Table) -> int:
        """How many keys a table has."""

    def decisions(self, entity: str, limit: int) -> list[bytes]:
        """A contact's newest closed decisions, oldest first."""

    def counters(self) -> dict[str, int]:
        """All counters."""

    def fingerprint(self) -> dict[str, str]:
        """A hash per table, queue set and decisions, independent of order: equal state, equal hashes."""


class Coordination(Protocol):
    """What keeps workers out of each other's way."""

    def acquire(self, lease: str, owner: str, ttl_ms: int) -> bool:
        """Take or renew a lease."""

    def release(self, lease: str, owner: str) -> None:
        """Give a lease back, if it is still the owner's."""

    def ring(self, bell: str, ttl_ms: int) -> bool:
        """True for the first to ring within the time; a periodic slot is claimed the same way."""

    def unring(self, bell: str) -> None:
        """Let the bell be rung again."""

    def tickets(self, number: int = 1) -> int:
        """Draw tickets; returns the last one. Later draws are larger, across all workers."""

    def cursor(self, name: str) -> str | None:
        """How far a CRM has been read."""

    def set_cursor(self, name: str, value: str | None) -> None:
        """Remember how far a CRM has been read; None forgets it."""

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        """Claim intents for sending, and append their claim events, in one atomic step.

        An intent is claimed only if the outbox still holds the value it was read as and the ``claims``
        queue does not name it; it is then put there, with its attempt for a score, as folding the claim
        event will do. Folding its answer takes it out again.
        """
