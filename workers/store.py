"""One connection's log, tables and coordination, as protocols. ``workers.storage`` plays these parts.

The log is the truth. The tables are derived from it and can be thrown away. Coordination (leases, bells,
tickets, cursors, claims in progress) belongs to neither: losing it costs time, never data.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from domain.book import Changes, Table

START = "0-0"
"""The position before the first event."""


class Trimmed(LookupError):  # noqa: N818 - says what happened
    """What follows the position is not kept any more; the archive has it."""


class Entry(msgspec.Struct, frozen=True, gc=False):
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

        Returns how many were new. Ids are remembered for at least two days; a document that is there stays.
        """

    def read(self, after: str, limit: int, wanted: bytes | None = None) -> list[Entry]:
        """The next entries behind a position, oldest first. Raises Trimmed.

        ``wanted``: a byte for each of them, 0 where its content will not be looked at, which may then be
        anything; None: all will be.
        """

    def begins(self) -> str:
        """The position up to which entries were trimmed; ``START``: none was."""

    def trim(self, until: str) -> int:
        """Keep the entries up to a position no longer; returns how many they were."""

    def purge(self) -> None:
        """Let no byte remain of what was trimmed; what is kept stays as it is."""

    def resume(self, position: str, appended: int) -> None:
        """Go on behind a position, whether the log ever reached it or not.

        Entries up to it are kept no longer, later ones stay. ``appended``: how many there were up to it.
        """

    def remember(self, ids: Sequence[bytes]) -> None:
        """Take the ids of events for known, as if they had been appended just now."""

    def tail(self) -> str:
        """The position of the newest entry there ever was, ``START`` if there was none."""

    def length(self) -> int:
        """How many entries are kept."""

    def appended(self) -> int:
        """How many entries were ever appended, kept or not."""

    def document(self, digest: str) -> bytes | None:
        """A document by its digest."""


class Tables(Protocol):
    """What the log folds into; one *generation* of it."""

    generation: int

    def checkpoint(self) -> str:
        """The position up to which everything is committed."""

    def fetch(self, table: Table, keys: Sequence[str]) -> list[bytes | None]:
        """Values by key, in order."""

    def commit(self, expected: str, position: str, changes: Changes) -> bool:
        """Apply changes and move the checkpoint from ``expected`` to ``position``, all or nothing.

        False, and nothing done, if the checkpoint is not the expected one, if the generation is neither the
        current one nor the one being built, or if another release has taken over.
        """

    def due(self, queue: str, until: int, limit: int) -> list[tuple[str, int]]:
        """Members of a queue whose score is at most ``until``, lowest first, with their scores.

        Members of one score come in the order of their names.
        """

    def ripe(self, queues: Sequence[str], until: int) -> list[bool]:
        """Of each queue whether a member is due, by one look at all of them."""

    def size(self, queue: str) -> int:
        """How many members a queue has."""

    def queues(self) -> Iterator[tuple[str, Iterator[tuple[str, int]]]]:
        """All queues that have members, with members and scores, in no order, perhaps twice."""

    def all_decisions(self) -> Iterator[tuple[str, list[bytes]]]:
        """The closed decisions of every contact, oldest first; contacts in no order, perhaps twice."""

    def scan(self, table: Table) -> Iterator[tuple[str, bytes]]:
        """All of a table, in no order, a key perhaps twice; what changes meanwhile may or may not be seen."""

    def count(self, table: Table) -> int:
        """How many keys a table has."""

    def decisions(self, entity: str, limit: int) -> list[bytes]:
        """A contact's newest closed decisions, oldest first."""

    def counters(self) -> dict[str, int]:
        """All counters."""

    def counter(self, name: str) -> int:
        """One of them; 0 if it never counted."""

    def fingerprint(self) -> dict[str, str]:
        """A hash per table, per queue with members, of decisions and counters: equal content, equal hashes.

        Means something only if nothing is committed or claimed meanwhile.
        """


class Coordination(Protocol):
    """What keeps workers out of each other's way."""

    def acquire(self, lease: str, owner: str, ttl_ms: int) -> bool:
        """Take or renew a lease; one that is somebody else's is asked for by that."""

    def release(self, lease: str, owner: str) -> bool:
        """Give a lease back, if it is still the owner's; tells whether somebody has asked for it meanwhile.

        An asking is forgotten after the time for which the lease was asked for.
        """

    def ring(self, bell: str, ttl_ms: int) -> bool:
        """True for the first to ring within the time; a periodic slot is claimed the same way."""

    def unring(self, bell: str) -> None:
        """Let the bell be rung again."""

    def tickets(self, number: int = 1) -> int:
        """Draw tickets; returns the last one. Later draws are larger, across all workers."""

    def cursor(self, name: str) -> str | None:
        """How far a CRM has been read."""

    def cursors(self) -> dict[str, str]:
        """All cursors."""

    def set_cursor(self, name: str, value: str | None) -> None:
        """Remember how far a CRM has been read; None forgets it."""

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        """Claim intents for sending, and append their claim events, in one atomic step.

        An intent is claimed only if the outbox still holds the value it was read as and the ``claims``
        queue does not name it; it is then put there, with its attempt for a score, as folding the claim
        event will do. Folding its answer takes it out again. Claims are on the current generation; one whose
        event id is known, or that meets a switch of generations, is refused. If this raises, it is not known
        whether they were granted.
        """


class Generations(Protocol):
    """The tables as they are, and beside them those that a rebuild fills. Generations count from 1.

    One release of the program writes them at a time.
    """

    @property
    def ours(self) -> str:
        """The release that this program is."""

    def release(self) -> str:
        """The release that may commit; empty: any."""

    def take_over(self, expected: str) -> bool:
        """Let ours commit and no other. False, and nothing done, if it is not ``expected``'s turn."""

    def current(self) -> int:
        """The generation that counts."""

    def tables(self, generation: int) -> Tables:
        """The tables of a generation, empty if it was never written."""

    def begin(self) -> int:
        """Begin a new, empty generation, giving up any other that is not the current one."""

    def switch(self, to: int, expected_from: int) -> bool:
        """Make the generation that was built the current one.

        False, and nothing done, if ``expected_from`` is not the current one, ``to`` is not the one being
        built, or either has not been committed up to the log's tail.
        """

    def promote(self, to: int, expected_from: int) -> bool:
        """Make the generation that was built the current one, in place of one that nothing was committed to.

        False, and nothing done, if something was, or if they are not the building and the current one.
        """

    def drop(self, generation: int) -> None:
        """Throw a generation away, and refuse to commit to it from now on.

        Raises:
            ValueError: if it is the current one.
        """


class Stores(Protocol):
    """All that is kept of one connection."""

    @property
    def log(self) -> EventLog: ...

    @property
    def coordination(self) -> Coordination: ...

    @property
    def generations(self) -> Generations: ...

    def tables(self) -> Tables:
        """The tables of the generation that is current now."""
