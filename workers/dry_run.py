"""What a configuration would do if it came into force and everybody were synced, beside a sync as things are.

Nothing is written and no CRM is asked: every contact is looked at as it is projected (``domain.preview``).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from domain.book import Table
from domain.events import AnyEvent, ConfigurationApplied, digest
from domain.identity import Fields
from domain.policy import Policy
from domain.preview import Act, Line, Outlook, Preview
from workers.connection import Lane

Progress = Callable[[int, int], None]
"""Told (contacts looked at, contacts there are) now and then."""

TOLD = 200
"""Contacts between two tellings."""


class Proposal(NamedTuple):
    """What would be appended to put a configuration in force."""

    facts: Sequence[AnyEvent]  #: that it rests on, and the log does not know yet
    applied: ConfigurationApplied
    documents: Sequence[Any]  #: those that are named, as far as the log may lack them


@dataclass(frozen=True, slots=True)
class Sample:
    """One contact for whom it makes a difference."""

    entity: str
    now: Fields | None  #: what a sync would do as things are; None: nothing of the kind
    then: Fields | None  #: what it would do then


@dataclass
class Row:
    """One thing that syncing everybody comes to."""

    line: Line
    now: int = 0  #: contacts for whom it comes to that as things are
    then: int = 0  #: contacts for whom it would
    differing: int = 0  #: contacts for whom it makes a difference
    fields: Counter[str] = field(default_factory=Counter)  #: of these, by the fields that differ
    samples: list[Sample] = field(default_factory=list)

    def add(self, entity: str, now: Fields | None, then: Fields | None, room: int) -> None:
        self.now += now is not None
        self.then += then is not None
        if now == then:
            return
        self.differing += 1
        self.fields.update(_differing(now or {}, then or {}))
        if len(self.samples) < room:
            self.samples.append(Sample(entity, now, then))


def _differing(now: Fields, then: Fields) -> Iterator[str]:
    return (
        name
        for name in now.keys() | then.keys()
        if (name in now, now.get(name)) != (name in then, then.get(name))
    )


@dataclass(frozen=True)
class Report:
    """What was found."""

    in_force: str  #: digest of the configuration in force
    proposed: str  #: and of the one that would be
    contacts: int
    rows: list[Row]  #: what anything was found of
    beyond: dict[str, tuple[int, int]]  #: guard that syncing everybody at once would trip -> (number, limit)

    @property
    def differs(self) -> bool:
        """Whether a sync of everybody would do anything else than now."""
        return any(row.differing for row in self.rows)


class Unusable(ValueError):  # noqa: N818 - says what is wrong with it
    """The configuration would not come into force."""


def dry_run(
    lane: Lane, proposal: Proposal, *, samples: int, progress: Progress = lambda _done, _all: None
) -> Report:
    """Look at every contact twice: as things are, and as they would be.

    Args:
        lane: the connection.
        proposal: what would put the configuration in force.
        samples: how many contacts are named for each kind of difference.
        progress: is told how far it is.

    Raises:
        Unusable: if the configuration would not come into force.
    """
    now, then = _previews(lane, proposal)
    rows: dict[Line, Row] = {}
    seen: set[str] = set()
    guarded: Counter[str] = Counter()
    total = lane.tables().count(Table.CONTACTS)
    for entity, raw in lane.tables().scan(Table.CONTACTS):
        if entity not in seen:
            seen.add(entity)
            outlook = then.sync(entity, raw)
            guarded.update(_guarded(outlook))
            _add(rows, entity, now.sync(entity, raw), outlook, samples)
            if len(seen) % TOLD == 0:
                progress(len(seen), total)
    found = [rows[line] for line in sorted(rows, key=_place)]
    beyond = _beyond(guarded, then.policy)
    return Report(lane.state().config, proposal.applied.digest, len(seen), found, beyond)


def _previews(lane: Lane, proposal: Proposal) -> tuple[Preview, Preview]:
    plain = [msgspec.to_builtins(each) for each in proposal.documents]
    named = {digest(each): each for each in plain}

    def document(name: str) -> Any:
        return named[name] if name in named else lane.document(name)

    state, moment, wanted = lane.state(), lane.clock.now_ms(), proposal.applied.digest
    then = Preview(state, document, moment, [*proposal.facts, proposal.applied])
    if then.connection.config != wanted:
        raise Unusable(f"The configuration {wanted[:8]} cannot be used with what the CRMs show now.")
    return Preview(state, document, moment), then


def _guarded(outlook: Outlook) -> dict[str, int]:
    """What guards count of it."""
    written = [fields for line, fields in outlook.items() if line.act in {Act.CREATE, Act.UPDATE}]
    return {
        "creates": sum(line.act is Act.CREATE for line in outlook),
        "deletes": sum(line.act is Act.DELETE for line in outlook),
        "blanked": sum(value is None for fields in written for value in fields.values()),
    }


def _beyond(guarded: Counter[str], policy: Policy) -> dict[str, tuple[int, int]]:
    limits = [limit for kind in policy.kinds.values() for limit in kind.section.guards.items()]
    return {guard: (guarded[guard], limit) for guard, limit in limits if guarded[guard] > limit}


def _add(rows: dict[Line, Row], entity: str, now: Outlook, then: Outlook, room: int) -> None:
    for line in now.keys() | then.keys():
        rows.setdefault(line, Row(line)).add(entity, now.get(line), then.get(line), room)


def _place(line: Line) -> tuple[int, str, str]:
    return [*type(line.act)].index(line.act), line.crm or "", line.object
