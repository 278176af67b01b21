"""Splitting a log into groups of contacts that cannot meet, so that each can be folded by itself.

Two contacts may meet where an event names a record of both, or where both ever had the same e-mail address.
What an event may touch is estimated from the event alone, rather too much than too little; whether groups
really were independent is told by what their folds touched (``domain.parts``).
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from domain import events as e
from domain.identity import CRMS, Crm, Fields, email_key
from domain.kinds import ObjectKind
from domain.wire import to18

EVERYBODY = 255
"""The part of an event that is said of the connection as a whole: every part folds it."""

PARTS = 254
"""As many parts there may be."""

UNREADABLE = "unreadable"
"""What an entry is about that is no event; the entries of that name go to one part, which counts them."""


class Pointer(NamedTuple):
    """A field by which a record finds others."""

    crm: Crm
    field: str
    other: Crm | None  #: the CRM whose record id the field holds; None: it holds e-mail addresses


Pointers = frozenset[Pointer]


def pointers(kinds: Iterable[ObjectKind]) -> Pointers:
    """The fields by which records of some kinds find others."""
    return frozenset(pointer for kind in kinds for pointer in _pointers(kind))


def _pointers(kind: ObjectKind) -> Iterator[Pointer]:
    for crm in Crm:
        yield Pointer(crm, kind.key_field(crm), crm.other)
        for name in kind.objects(crm):
            yield from (Pointer(crm, field, None) for field in kind.match.get(name, ()))
    for field in kind.native_ids:
        yield Pointer(Crm.HUBSPOT, field, Crm.SALESFORCE)
    for conversion in kind.conversions.values():
        yield Pointer(Crm.SALESFORCE, conversion.id_field, Crm.SALESFORCE)


# -- what an event is about

_Known = dict[Crm, list[tuple[str, Crm | None]]]  # pointers: the field, and the CRM whose ids it holds


@lru_cache
def _by_crm(known: Pointers) -> _Known:
    return {crm: [each[1:] for each in known if each.crm is crm] for crm in Crm}


def about(event: e.AnyEvent, known: Pointers) -> list[str]:
    """Names of the records and addresses that an event is about, the first of which stands for all.

    An event about nothing is said of the connection as a whole.
    """
    return ABOUT[type(event)](event, _by_crm(known))


def is_address(name: str) -> bool:
    """Whether what an event is about is an address and not a record."""
    return name.partition("/")[0] not in CRMS


def record_name(crm: Crm, record_id: str) -> str:
    """Name a record without its object, which not every event tells."""
    return crm + "/" + record_id


def contact_name(entity: str) -> str:
    """A contact has the name of the first record that was seen of it."""
    crm, _, rest = entity.partition("/")
    return f"{crm}/{rest.partition('/')[2]}"


def pointed(crm: Crm, fields: Fields, known: Pointers) -> list[str]:
    """The names that a record's fields point to."""
    return _pointed(crm, fields, _by_crm(known), [])


def _pointed(crm: Crm, fields: Fields, known: _Known, names: list[str]) -> list[str]:
    """The names, and those that fields point to."""
    for field, other in known[crm]:
        value = fields.get(field)
        if not value:
            continue
        if other is not None:
            names.append(record_name(other, to18(value) if other is Crm.SALESFORCE else value))
        else:
            names += [address for part in value.split(";") if (address := email_key(part))]
    return names


def _observed(event: e.RecordObserved, known: _Known) -> list[str]:
    names = [record_name(event.crm, event.id)]
    names += [record_name(event.crm, other) for other in (event.asked_id, event.merged_into) if other]
    return _pointed(event.crm, event.fields, known, names)


def _one_record(event: e.RecordTouched | e.RecordGone, _: _Known) -> list[str]:
    return [record_name(event.crm, event.id)]


def _merged(event: e.RecordsMerged, _: _Known) -> list[str]:
    return [record_name(event.crm, each) for each in (event.winner, *event.losers)]


def _one_contact(
    event: e.LookedUp | e.MembershipObserved | e.IntentStale | e.SyncRequested | e.TimerDue | e.PersonErased,
    _: _Known,
) -> list[str]:
    return [contact_name(event.entity)]


def _chosen(event: e.LinkChosen, _: _Known) -> list[str]:
    return [contact_name(event.entity), contact_name(event.record)]


def _claimed(event: e.DeliveryClaimed, known: _Known) -> list[str]:
    names = [contact_name(event.entity)]
    names += [record_name(event.crm, each) for each in (event.record_id, event.into) if each]
    return _pointed(event.crm, event.fields, known, names)


def _answered(event: e.DeliveryAnswered, known: _Known) -> list[str]:
    outcome, names = event.outcome, [contact_name(event.entity)]
    names += [record_name(event.crm, other) for other in (outcome.record_id, outcome.other_id) if other]
    return _pointed(event.crm, outcome.stored, known, names) if outcome.stored else names


def _letter(event: e.LetterDiscarded, _: _Known) -> list[str]:
    return [contact_name(event.letter.partition("|")[2].partition("|")[0])]


def _everybody(_: Any, __: _Known) -> list[str]:
    return []


ABOUT: dict[type[e.Event], Callable[[Any, _Known], list[str]]] = {
    e.RecordObserved: _observed,
    e.RecordTouched: _one_record,
    e.RecordGone: _one_record,
    e.RecordsMerged: _merged,
    e.LookedUp: _one_contact,
    e.MembershipObserved: _one_contact,
    e.DeliveryClaimed: _claimed,
    e.DeliveryAnswered: _answered,
    e.LinkChosen: _chosen,
    e.IntentStale: _one_contact,
    e.SyncRequested: _one_contact,
    e.TimerDue: _one_contact,
    e.ConfigurationApplied: _everybody,
    e.SchemaObserved: _everybody,
    e.ListObserved: _everybody,
    e.RulesObserved: _everybody,
    e.RuleTrusted: _everybody,
    e.RuleDoubted: _everybody,
    e.RunnerObserved: _everybody,
    e.DirectoryObserved: _everybody,
    e.AccountObserved: _everybody,
    e.BaselineCompleted: _everybody,
    e.Paused: _everybody,
    e.Resumed: _everybody,
    e.SuspensionCleared: _everybody,
    e.TargetRefused: _everybody,
    e.LetterDiscarded: _letter,
    e.PersonErased: _one_contact,
    e.EpochStarted: _everybody,
}
"""What each kind of event is about."""


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
        first, second = self.find(one), self.find(other)
        if first != second:
            self.parents[max(first, second)] = min(first, second)


class Stretch(NamedTuple):
    """What a stretch of the log is about."""

    names: list[str]  #: of records and addresses, by number
    roots: "array[int]"  #: number -> the smallest number that it belongs together with, in this stretch
    events: "array[int]"  #: what each entry is about; -1: everybody
    configurations: frozenset[str]  #: digests of those that came into force


class Survey:
    """Goes through a stretch of the log, and sees what belongs together."""

    def __init__(self, known: Pointers) -> None:
        self._known = _by_crm(known)
        self._numbers: dict[str, int] = {}
        self._unions = _Unions()
        self._events = array("l")
        self._configurations: set[str] = set()

    def see(self, event: e.AnyEvent | None) -> None:
        """Take the next entry; None is one that is no event."""
        names = [UNREADABLE] if event is None else ABOUT[type(event)](event, self._known)
        numbers = [*map(self._number, names)]
        self._events.append(numbers[0] if numbers else -1)
        for number in numbers[1:]:
            self._unions.join(numbers[0], number)
        if isinstance(event, e.ConfigurationApplied):
            self._configurations.add(event.digest)

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._unions.add()
        return number

    def stretch(self) -> Stretch:
        roots = array("l", map(self._unions.find, range(len(self._numbers))))
        return Stretch(list(self._numbers), roots, self._events, frozenset(self._configurations))


def split(stretches: Sequence[Stretch], parts: int) -> bytes:
    """Give every group to one of so many parts, about equally many events to each.

    Returns:
        the part of each entry of the stretches, one byte each; ``EVERYBODY`` for those that all fold.
    """
    numbers: dict[str, int] = {}
    places = [[numbers.setdefault(name, len(numbers)) for name in each.names] for each in stretches]
    unions = _Unions(len(numbers))
    for stretch, place in zip(stretches, places, strict=True):
        for number, root in enumerate(stretch.roots):
            unions.join(place[number], place[root])
    groups = [unions.find(number) for number in range(len(numbers))]
    owners = _share_out(_sizes(stretches, places, groups), parts)
    return b"".join(
        _parts(stretch, [owners[groups[number]] for number in place])
        for stretch, place in zip(stretches, places, strict=True)
    )


def _sizes(stretches: Sequence[Stretch], places: Sequence[list[int]], groups: list[int]) -> dict[int, int]:
    """How many events each group has."""
    sizes = dict.fromkeys(groups, 0)
    for stretch, place in zip(stretches, places, strict=True):
        for number in stretch.events:
            if number >= 0:
                sizes[groups[place[number]]] += 1
    return sizes


def _share_out(sizes: dict[int, int], parts: int) -> dict[int, int]:
    """Group -> part; the large groups first, each to the part that has least."""
    loads = [0] * parts
    owners = {}
    for group, size in sorted(sizes.items(), key=lambda each: -each[1]):
        owners[group] = part = loads.index(min(loads))
        loads[part] += size
    return owners


def _parts(stretch: Stretch, owners: list[int]) -> bytes:
    return bytes(EVERYBODY if number < 0 else owners[number] for number in stretch.events)
