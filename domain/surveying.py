"""Splitting a log into groups of contacts that cannot meet, so that each can be folded by itself.

The rows of the state that folding begins with are split in the same way, ahead of the log. What an event may
touch is estimated (``domain.groups``); whether groups really were independent is told by what their folds
touched (``domain.parts``).
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import iadd, or_
from typing import Any, NamedTuple, TypedDict

import msgspec

from domain import events as e
from domain.groups import ABOUT, Pointers, about, by_field
from domain.identity import Fields, FieldValue
from domain.outcomes import Outcome
from domain.upcasting import UNDECODABLE, event_in

EVERYBODY = 255
"""The part of an event that is said of the connection as a whole: every part folds it."""

PARTS = 254
"""As many parts there may be."""

UNREADABLE = "unreadable"
"""What an entry is about that is no event; the entries of that name go to one part, which counts them."""


# -- events, read no further than a survey looks at them

LOOKED_AT = {
    *("crm", "id", "asked_id", "merged_into", "winner", "losers", "fields"),
    *("entity", "found", "record", "record_id", "into", "letter", "outcome", "stored", "other_id"),
}
"""The attributes that tell whom an event is about."""


class Glimpses:
    """Reads of an event only whom it is about, which takes a third of the time that all of it does.

    An event that is broken elsewhere is taken for what it seems to be; folding it will find out.
    """

    def __init__(self, pointers: Pointers) -> None:
        self._pointers = pointers
        self._by_field = by_field(pointers)
        fields = TypedDict("fields", {each.field: FieldValue for each in pointers}, total=False)  # type: ignore[misc]
        self._about = {_glimpse(kind, fields): about for kind, about in ABOUT.items()}
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(reduce(or_, self._about)).decode

    def names(self, raw: bytes) -> list[str]:
        """What an entry of the log is about. Raises NewerEvent."""
        try:
            event = self._decode(raw)
        except UNDECODABLE:
            return self._names_of_other(raw)
        return self._about[type(event)](event, self._by_field)

    def _names_of_other(self, raw: bytes) -> list[str]:
        """What an entry is about that is an event of an older shape, or none."""
        event = event_in(raw)
        return [UNREADABLE] if event is None else about(event, self._pointers)


def _glimpse(kind: type[msgspec.Struct], fields: Any) -> type[msgspec.Struct]:
    """A kind of event, or a part of one, with nothing but what is looked at."""
    seen_as: dict[Any, Any] = {Fields: fields, Fields | None: fields | None}
    attributes = [
        (
            each.name,
            _glimpse(Outcome, fields) if each.type is Outcome else seen_as.get(each.type, each.type),
            msgspec.field(default=each.default),
        )
        for each in msgspec.structs.fields(kind)
        if each.name in LOOKED_AT
    ]
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__, attributes, tag=config.tag, tag_field=config.tag_field, kw_only=True, gc=False
    )


# -- what belongs together


class _Unions:
    """Sets of numbers that belong together."""

    def __init__(self, size: int = 0) -> None:
        self.parents = array("l", range(size))

    def add(self) -> int:
        self.parents.append(len(self.parents))
        return len(self.parents) - 1

    def find(self, one: int) -> int:
        parents = self.parents
        while (parent := parents[one]) != one:
            parents[one] = one = parents[parent]
        return one

    def join(self, one: int, other: int) -> None:
        if self.parents[one] == self.parents[other]:
            return
        first, second = self.find(one), self.find(other)
        self.parents[max(first, second)] = min(first, second)

    def roots(self) -> "array[int]":
        """The smallest number that each belongs together with."""
        for number, parent in enumerate(self.parents):  # a parent is smaller, so it has its root already
            self.parents[number] = self.parents[parent]
        return self.parents


class Findings(NamedTuple):
    """What some stretches of the log are about."""

    names: list[str]  #: of records and addresses, by number
    roots: "array[int]"  #: number -> the smallest number that it belongs together with, in these stretches
    stretches: dict[int, "array[int]"]  #: by number, what each row or entry is about; -1: everybody
    configurations: frozenset[str]  #: digests of those that came into force


class Survey:
    """Goes through stretches of the log, and of the rows to begin with, and sees what belongs together."""

    def __init__(self, known: Pointers) -> None:
        self._names_of = Glimpses(known).names
        self._unions = _Unions()
        self._numbers = defaultdict[str, int](self._unions.add)
        self._stretches: dict[int, array[int]] = {}
        self._configurations: set[str] = set()

    def begin(self, stretch: int) -> None:
        """Go on with a stretch; they are numbered in the order of rows and log."""
        self._events = self._stretches[stretch] = array("l")

    def see(self, entries: Iterable[bytes]) -> None:
        """Take the next entries, be they events or not. Raises NewerEvent."""
        names_of, numbers, events, join = self._names_of, self._numbers, self._events, self._unions.join
        for raw in entries:
            names = names_of(raw)
            if not names:
                self._see_of_all(raw)
                continue
            number = numbers[names[0]]
            events.append(number)
            for name in names[1:]:
                join(number, numbers[name])

    def hold(self, rows: Iterable[Sequence[str]]) -> None:
        """Take the next rows, by the names that each is about."""
        for names in rows:
            number = self._numbers[names[0]] if names else -1
            self._events.append(number)
            for name in names[1:]:
                self._unions.join(number, self._numbers[name])

    def _see_of_all(self, raw: bytes) -> None:
        """Take an event that is said of the connection as a whole."""
        self._events.append(-1)
        event = event_in(raw)
        if isinstance(event, e.ConfigurationApplied):
            self._configurations.add(event.digest)

    def findings(self) -> Findings:
        return Findings(
            list(self._numbers), self._unions.roots(), self._stretches, frozenset(self._configurations)
        )


class Split(NamedTuple):
    """Where each row and each entry of all stretches belongs."""

    parts: bytes  #: its part, one byte each; ``EVERYBODY`` for those that all fold
    groups: "array[int]"  #: its group, by number; -1 for those that all fold


def split(surveys: Sequence[Findings], parts: int) -> Split:
    """Give every group to one of so many parts, about equally many events and rows to each."""
    numbers: dict[str, int] = {}
    places = [[numbers.setdefault(name, len(numbers)) for name in each.names] for each in surveys]
    unions = _Unions(len(numbers))
    for survey, place in zip(surveys, places, strict=True):
        for number, root in enumerate(survey.roots):
            unions.join(place[number], place[root])
    groups = unions.roots()
    found: dict[int, array[int]] = {}
    for survey, place in zip(surveys, places, strict=True):
        by_number = [*(groups[number] for number in place), -1]  # -1 is the last
        for stretch, events in survey.stretches.items():
            found[stretch] = array("l", map(by_number.__getitem__, events))
    of_entries = reduce(iadd, (found[stretch] for stretch in sorted(found)), array("l"))
    sizes = Counter(of_entries)
    del sizes[-1]
    owners = {-1: EVERYBODY, **_share_out(sizes, parts)}
    return Split(bytes(map(owners.__getitem__, of_entries)), of_entries)


def _share_out(sizes: Counter[int], parts: int) -> dict[int, int]:
    """Group -> part; the large groups first, each to the part that has least."""
    loads = [0] * parts
    owners = {}
    for group, size in sizes.most_common():
        owners[group] = part = loads.index(min(loads))
        loads[part] += size
    return owners
