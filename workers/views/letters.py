"""Sync errors, one by one and grouped by what caused them: dead letters, and fields held back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from domain.book import Table, decode
from domain.diagnoses import Diagnosis
from domain.errors import classify
from domain.identity import Crm, Fields
from domain.reasons import Reason
from domain.state import Letter
from workers.connection import Lane
from workers.store import Tables


@dataclass(frozen=True, slots=True)
class LetterView:
    """A sync error: a dead letter, which is a write not tried again by itself, or a field held back."""

    key: str
    entity: str
    crm: Crm
    reason: Reason
    code: str
    message: str
    category: str
    cause: str
    remedy: str
    at: int
    attempts: int
    fields: Fields  #: what was to be sent
    decision: str
    delete: bool  #: the record was to be deleted, or merged
    into: str  #: the id of the record that it was to be merged into
    field: str  #: the one that is held back; empty: a dead letter


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Sync errors with one cause."""

    crm: Crm
    reason: Reason
    code: str
    category: str
    cause: str
    remedy: str
    messages: list[str]  #: the CRM's own words, at most three different ones
    letters: list[str]  #: keys, oldest first
    contacts: list[str]  #: entities, the oldest error first
    first_at: int
    last_at: int

    @property
    def count(self) -> int:
        """Affected contacts."""
        return len(self.contacts)

    @property
    def errors(self) -> int:
        return len(self.letters)


MESSAGES = 3


def letters(lane: Lane) -> list[LetterView]:
    """All dead letters, oldest first."""
    return [each for each in sync_errors(lane) if not each.field]


def sync_errors(lane: Lane) -> list[LetterView]:
    """All dead letters and fields held back, oldest first."""
    found = (
        _letter(key, decode(Table.LETTERS, raw))
        for key, raw in dict(lane.tables().scan(Table.LETTERS)).items()
    )
    return sorted(found, key=lambda each: (each.at, each.key))


def letter(lane: Lane, key: str) -> LetterView:
    """One sync error. Raises KeyError if there is none of that key."""
    for found in letters_of(lane.tables(), [key]):
        return found
    raise KeyError(key)


def letters_of(tables: Tables, keys: list[str]) -> Iterator[LetterView]:
    for key, raw in zip(keys, tables.fetch(Table.LETTERS, keys), strict=True):
        if raw is not None:
            yield _letter(key, decode(Table.LETTERS, raw))


def _letter(key: str, kept: Letter) -> LetterView:
    outcome = kept.outcome
    meaning = diagnosis(kept.crm, outcome.code, outcome.message)
    return LetterView(
        key,
        kept.entity,
        kept.crm,
        kept.reason,
        outcome.code,
        outcome.message,
        meaning.category,
        meaning.cause,
        meaning.remedy,
        kept.at,
        kept.attempts,
        kept.fields,
        kept.decision,
        kept.delete,
        kept.into,
        kept.field,
    )


def diagnosis(crm: Crm, code: str, message: str) -> Diagnosis:
    """What a kept outcome means."""
    return classify(crm, None, code, message)


def errors(lane: Lane, *, since: int = 0) -> list[ErrorGroup]:
    """Sync errors grouped by what caused them, the largest group first.

    ``since``: only those that began at this moment or later, epoch ms.
    """
    groups: dict[tuple[str, ...], list[LetterView]] = {}
    for each in sync_errors(lane):
        if each.at >= since:
            groups.setdefault((each.crm, each.reason, each.code, each.cause), []).append(each)
    return sorted((_group(each) for each in groups.values()), key=lambda group: -group.count)


def _group(members: list[LetterView]) -> ErrorGroup:
    first = members[0]
    messages = list(dict.fromkeys(each.message for each in members if each.message))
    return ErrorGroup(
        first.crm,
        first.reason,
        first.code,
        first.category,
        first.cause,
        first.remedy,
        messages[:MESSAGES],
        [each.key for each in members],
        list(dict.fromkeys(each.entity for each in members)),
        first.at,
        members[-1].at,
    )


def letter_counts(tables: Tables) -> tuple[dict[str, int], dict[str, int]]:
    """Dead letters, and fields held back, by CRM."""
    kept = [decode(Table.LETTERS, raw) for raw in dict(tables.scan(Table.LETTERS)).values()]
    found = Counter((each.crm, bool(each.field)) for each in kept)
    dead, held = ({str(crm): found[crm, field] for crm in Crm} for field in (False, True))
    return dead, held
