"""Masking what events and documents say of people, and noting what had to stay as it is.

Ids stay, of records and of those who own them: they say nothing to anybody without an account there, and
delays and samples hang on them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain import events as e
from domain.commons import Suspended
from domain.events import AnyEvent
from domain.identity import Crm, Fields, FieldValue, RecordRef
from domain.kinds import CAMPAIGN_ADDED
from domain.masks import Mask
from domain.outcomes import Outcome
from domain.slices import Happening, Slice
from domain.unmasked import WORD, Field, Unmasked

replace = msgspec.structs.replace

MASKED = "(masked)"
"""What stands for the words of CRMs, for notes, and for the names of those who asked for something."""


class Masker:
    """Masks slices. What it leaves as it is, it notes in ``left``."""

    def __init__(self, mask: Mask, stays: Unmasked) -> None:
        self._mask = mask
        self._stays = stays
        self._objects: dict[tuple[str, Crm, int], str] = {}  #: claim -> the object that it is of
        self.left: dict[Field, str] = {}  #: fields with unmasked values -> why

    def masked(self, given: Slice) -> Slice:
        documents = {**given.documents, **dict(_Documents(self._mask, given).masked())}
        names = {name: e.digest(document) for name, document in documents.items()}
        entries = [(position, self._happening(what, names)) for position, what in given.entries]
        return Slice(entries, {names[name]: document for name, document in documents.items()})

    def _happening(self, what: Happening, names: dict[str, str]) -> Happening:
        if isinstance(what, Suspended):
            return Suspended(what.crm, replace(what.suspension, message=_hidden(what.suspension.message)))
        if not isinstance(what, e.Event):
            return what
        if isinstance(what, e.ConfigurationApplied | e.DirectoryObserved):
            what = replace(what, digest=names.get(what.digest, what.digest))
        return _anonymous(self._valued(what))

    # -- values

    def _valued(self, event: AnyEvent) -> AnyEvent:
        """The event with a person's values masked."""
        match event:
            case e.RecordObserved():
                return replace(event, fields=self._fields(event.crm, event.object, event.fields))
            case e.LookedUp():
                field = self._stays.addresses.get(RecordRef.parse(event.entity).object)
                return replace(event, value=self._value(field, event.value) or "")
            case e.DeliveryClaimed():
                self._objects[event.entity, event.crm, event.attempt] = event.object
                fields, sources = (
                    self._fields(event.crm, event.object, each) for each in (event.fields, event.sources)
                )
                return replace(event, fields=fields, sources=sources)
            case e.DeliveryAnswered():
                return replace(event, outcome=self._outcome(event))
            case _:
                return event

    def _outcome(self, event: e.DeliveryAnswered) -> Outcome:
        outcome = replace(event.outcome, message=_hidden(event.outcome.message))
        if outcome.stored is None:
            return outcome
        name = self._objects.get((event.entity, event.crm, event.attempt), "")
        return replace(outcome, stored=self._fields(event.crm, name, outcome.stored))

    def _fields(self, crm: Crm, object_name: str, fields: Fields) -> Fields:
        return {name: self._value((crm, object_name, name), value) for name, value in fields.items()}

    def _value(self, field: Field | None, value: FieldValue) -> FieldValue:
        if not value:
            return value
        if field is None:
            return self._mask.text(value)
        if field in self._stays.whole:
            self.left[field] = self._stays.whole[field]
            return value
        return ";".join(self._part(field, part) for part in value.split(";"))

    def _part(self, field: Field, part: str) -> str:
        if part and self._stays.keeps(field, part):
            self.left.setdefault(field, WORD)
            return part
        return self._mask.text(part)


def _hidden(text: str) -> str:
    return MASKED if text else ""


def _anonymous(event: AnyEvent) -> AnyEvent:
    """The event without the words and names of whoever worked on the connection."""
    match event:
        case e.SyncRequested():
            return event if event.cause == CAMPAIGN_ADDED else replace(event, by=_hidden(event.by))
        case e.Paused() | e.LetterDiscarded():
            return replace(event, by=_hidden(event.by), why=_hidden(event.why))
        case e.LinkChosen() | e.ConfigurationApplied() | e.Resumed() | e.SuspensionCleared():
            return replace(event, by=_hidden(event.by))
        case e.TargetRefused():
            return replace(event, message=_hidden(event.message))
        case e.PersonErased():
            return replace(event, marks=())
        case _:
            return event


class _Documents:
    """The documents of a slice that name the people who own records."""

    def __init__(self, mask: Mask, given: Slice) -> None:
        self._mask = mask
        events = [what for _, what in given.entries]
        self._configurations = _named(
            given, [x.digest for x in events if isinstance(x, e.ConfigurationApplied)]
        )
        self._directories = _named(given, [x.digest for x in events if isinstance(x, e.DirectoryObserved)])
        self._ids = {
            owner["id"][:size]
            for owners in self._directories.values()
            for owner in owners
            for size in (None, 15)
        }

    def masked(self) -> Iterator[tuple[str, Any]]:
        """Them by their digests, with nothing but ids of those people."""
        for name, owners in self._directories.items():
            yield name, [self._owner(each) for each in owners]
        for name, document in self._configurations.items():
            yield name, {**document, "sections": [self._section(each) for each in document["sections"]]}

    def _owner(self, owner: dict[str, Any]) -> dict[str, Any]:
        told = {name: self._mask.text(owner[name]) for name in ("name", "email") if owner.get(name)}
        return {**owner, **told}

    def _section(self, section: dict[str, Any]) -> dict[str, Any]:
        options = section.get("owners", {})
        table = {
            self._person(ours): self._person(theirs) for ours, theirs in options.get("table", {}).items()
        }
        return {**section, "owners": {**options, "table": table}} if table else section

    def _person(self, named: str) -> str:
        return named if named in self._ids else self._mask.text(named)


def _named(given: Slice, digests: list[str]) -> dict[str, Any]:
    return {name: given.documents[name] for name in digests if name in given.documents}
