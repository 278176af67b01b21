"""The fold as a whole: events in, changes to the tables out.

Live, replayed or rebuilt, this is the one way in which state comes about.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from domain.book import TIMERS, Book, Changes, Fetch, held_queue
from domain.cases import list_cases
from domain.checking import Documents
from domain.compiling import compile_policy
from domain.decide import close_all
from domain.events import (
    KINDS,
    AnyEvent,
    RecordGone,
    RecordObserved,
    RecordsMerged,
    RecordTouched,
    TimerDue,
)
from domain.evolve import HANDLERS
from domain.holding import list_holds
from domain.identity import RecordRef
from domain.links import named
from domain.policy import EMPTY, Policy
from domain.reasons import Reason
from domain.retention import set_timers
from domain.state import Connection, Contact
from domain.step import Step, replace
from domain.upcasting import UNDECODABLE


class Circumstances(NamedTuple):
    """What is said of the connection as a whole, at one place of the log."""

    connection: Connection
    policy: Policy  #: that follows from it


class Projection:
    """Folds events in the log's order, keeping what it read until told to forget.

    An event that cannot be handled does not stop the log: nothing of it counts, its contact is parked
    with the event's position, and the log goes on. So a document that cannot be used never comes into force.
    Exceptions named in ``fatal`` do stop the log.
    """

    def __init__(
        self, fetch: Fetch, documents: Documents, *, fatal: tuple[type[BaseException], ...] = (MemoryError,)
    ) -> None:
        self.book = Book(fetch)
        self._documents = documents
        self._fatal = fatal
        self._compiled = Circumstances(Connection(), EMPTY)

    def fold(self, position: str, event: AnyEvent) -> None:
        """Fold one event; its time is the milliseconds of its position."""
        book = self.book
        step = Step(book, self.policy(), position, int(position.partition("-")[0]))
        try:
            HANDLERS[type(event)](step, event)
            for entity, before in book.rewritten().items():
                _relist(step, before, book.contact(entity))
            if step.policy.decision_days is not None:
                set_timers(step, step.policy.decision_days)
            self.policy()
        except self._fatal:
            raise
        except Exception as error:  # noqa: BLE001 - one event must not stop the log; see the class
            book.reject()
            _park(step, event, error)
        book.accept(_COUNTED[type(event)], keep=self._compiled.policy.kept)

    def skip(self) -> None:
        """Pass over an entry that is no event; it is counted, and an operator is told by the count."""
        self.book.accept(("events", "faults/unreadable"))

    def policy(self) -> Policy:
        """The policy in force, compiled anew only when what it comes from has changed."""
        connection = self.book.connection
        known, policy = self._compiled
        if connection is known:
            return policy
        if not _same_sources(known, connection):
            policy = compile_policy(connection, self._documents)
        self._compiled = Circumstances(connection, policy)
        return policy

    def circumstances(self) -> Circumstances:
        """What the events so far say of the connection."""
        return Circumstances(self.book.connection, self.policy())

    def place_in(self, circumstances: Circumstances) -> None:
        """Let the connection be as it was at another place of the log; nothing is written by that."""
        self.book.stand_on(circumstances.connection)
        self._compiled = circumstances

    def take_changes(self) -> Changes:
        return self.book.take_changes()


_COUNTED = {kind: ("events", f"events/{kind.__struct_config__.tag}") for kind in KINDS}
"""The counters of each kind of event."""


def _relist(step: Step, before: Contact | None, after: Contact | None) -> None:
    """Make the letters and the lists say what an event made of a contact."""
    if before is None or after is None:
        list_holds(step, before, after)
        list_cases(step, before, after)
        return
    if before.holds is not after.holds or before.refused is not after.refused:
        list_holds(step, before, after)
    if before.records is not after.records or before.pair is not after.pair:
        list_cases(step, before, after)


def _same_sources(one: Connection, other: Connection) -> bool:
    return (
        one.config == other.config
        and one.schemas == other.schemas
        and one.lists == other.lists
        and one.directories == other.directories
        and one.accounts == other.accounts
        and one.baselines == other.baselines
        and one.rules == other.rules
        and one.standings == other.standings
        and one.runner == other.runner
    )


def _park(step: Step, event: AnyEvent, error: Exception) -> None:
    """Take the event's contact out of service until an operator has looked at it."""
    step.book.count(f"faults/{type(error).__name__}")
    if isinstance(event, TimerDue):
        step.book.queue(TIMERS, f"{event.entity}|{event.cause}", None)
        step.book.queue(held_queue(event.cause), event.entity, None)
    with suppress(*UNDECODABLE):  # where it is his own row that is damaged, nothing can be written into it
        _park_contacts(step, event, error)


def _park_contacts(step: Step, event: AnyEvent, error: Exception) -> None:
    for entity in _entities(step.book, event):
        contact = named(step.book, entity)
        if contact is not None and not contact.erased:
            contact = close_all(
                step, contact, Reason.ENGINE_FAULT, f"{type(error).__name__} in event {step.position}"
            )
            step.book.put_contact(replace(contact, parked=step.position))


def _entities(book: Book, event: AnyEvent) -> Iterable[str]:
    """The contacts that an event is about, as far as it names them."""
    entity = getattr(event, "entity", None)
    if entity:
        yield entity
    for ref in _refs(event):
        found = book.entity_of(ref.key)
        if found:
            yield found


def _refs(event: AnyEvent) -> Iterable[RecordRef]:
    if isinstance(event, RecordObserved | RecordTouched | RecordGone):
        yield RecordRef(event.crm, event.object, event.id)
    if isinstance(event, RecordsMerged):
        for each in (event.winner, *event.losers):
            yield RecordRef(event.crm, event.object, each)
