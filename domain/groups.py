"""Whom an event or a row is about: the names of records and addresses by which contacts may meet.

Two contacts may meet where an event names a record of both, or where both ever had the same e-mail address.
What an event may touch is estimated from the event alone, rather too much than too little. What the events of
a log connected that is not folded, the rows of the state tell that it came to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from domain import events as e
from domain.book import Table, decode
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm, Fields, email_key, record_ref
from domain.kinds import ObjectKind
from domain.state import Contact, Flight, Intent, ReadRequest
from domain.upcasting import UNDECODABLE
from domain.wire import to18


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

Known = Mapping[str, Mapping[str, Callable[[str], Iterable[str]]]]
"""The pointers of each CRM: field -> the names that a value of it holds."""


@lru_cache
def by_field(known: Pointers) -> Known:
    return {crm: {field: _NAMES_IN[other] for of, field, other in known if of is crm} for crm in Crm}


def about(event: e.AnyEvent, known: Pointers) -> list[str]:
    """Names of the records and addresses that an event is about, the first of which stands for all.

    An event about nothing is said of the connection as a whole.
    """
    return ABOUT[type(event)](event, by_field(known))


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
    return _pointed(crm, fields, by_field(known), [])


def _pointed(crm: Crm, fields: Fields, known: Known, names: list[str]) -> list[str]:
    """The names, and those that fields point to."""
    names_in = known[crm]
    for field, value in fields.items():
        if value and field in names_in:
            names += names_in[field](value)
    return names


def _address_names(value: str) -> Iterable[str]:
    return filter(None, map(email_key, value.split(";")))


def _hubspot_name(value: str) -> Iterable[str]:
    return (record_name(HUBSPOT, value),)


def _salesforce_name(value: str) -> Iterable[str]:
    return (record_name(SALESFORCE, to18(value)),)


_NAMES_IN = {None: _address_names, HUBSPOT: _hubspot_name, SALESFORCE: _salesforce_name}


def _and(names: list[str], crm: Crm, one: str | None, other: str | None) -> list[str]:
    """The names, and the records that are told of besides."""
    if one:
        names.append(record_name(crm, one))
    if other:
        names.append(record_name(crm, other))
    return names


def _observed(event: e.RecordObserved, known: Known) -> list[str]:
    names = _and([record_name(event.crm, event.id)], event.crm, event.asked_id, event.merged_into)
    return _pointed(event.crm, event.fields, known, names)


def _one_record(event: e.RecordTouched | e.RecordGone, _: Known) -> list[str]:
    return [record_name(event.crm, event.id)]


def _merged(event: e.RecordsMerged, _: Known) -> list[str]:
    return [record_name(event.crm, each) for each in (event.winner, *event.losers)]


def _looked_up(event: e.LookedUp, _: Known) -> list[str]:
    return [contact_name(event.entity), *map(contact_name, event.found)]


def _one_contact(
    event: e.MembershipObserved | e.IntentStale | e.SyncRequested | e.TimerDue | e.PersonErased,
    _: Known,
) -> list[str]:
    return [contact_name(event.entity)]


def _chosen(event: e.LinkChosen, _: Known) -> list[str]:
    return [contact_name(event.entity), contact_name(event.record)]


def _claimed(event: e.DeliveryClaimed, known: Known) -> list[str]:
    names = _and([contact_name(event.entity)], event.crm, event.record_id, event.into)
    return _pointed(event.crm, event.fields, known, names)


def _answered(event: e.DeliveryAnswered, known: Known) -> list[str]:
    outcome = event.outcome
    names = _and([contact_name(event.entity)], event.crm, outcome.record_id, outcome.other_id)
    return _pointed(event.crm, outcome.stored, known, names) if outcome.stored else names


def _letter(event: e.LetterDiscarded, _: Known) -> list[str]:
    return [contact_name(event.letter.partition("|")[2].partition("|")[0])]


def _everybody(*_: Any) -> list[str]:
    return []


ABOUT: dict[type[e.Event], Callable[[Any, Known], list[str]]] = {
    e.RecordObserved: _observed,
    e.RecordTouched: _one_record,
    e.RecordGone: _one_record,
    e.RecordsMerged: _merged,
    e.LookedUp: _looked_up,
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


# -- what a row is about


def about_row(table: Table, key: str, raw: bytes, known: Pointers) -> list[str]:
    """Names of the records and addresses that a row of a table is about, as it is stored.

    A row about nothing is said of the connection as a whole; of one that cannot be read, its key tells.
    """
    try:
        return ABOUT_ROWS[table](key, decode(table, raw), by_field(known))
    except (*UNDECODABLE, ValueError):
        return about_key(key)


def about_key(key: str) -> list[str]:
    """Whom a row, or a member of a queue, is about by its key: that of a contact or record is part of it."""
    named = next((part for part in key.split("|") if "/" in part), key)
    return [contact_name("/".join(named.split("/")[-3:]))]


def _row_of_contact(key: str, contact: Contact, known: Known) -> list[str]:
    names = [contact_name(key)]
    for name, record in contact.records.items():
        ref = record_ref(name)
        _and(names, ref.crm, ref.id, record.merged_into)
        _pointed(ref.crm, record.values, known, names)
    doubted = {crm: doubt.flight for crm, doubt in contact.doubted.items()}
    writes: tuple[Mapping[Crm, Intent | Flight], ...] = (contact.intents, contact.flights, doubted)
    for crm, write in chain.from_iterable(each.items() for each in writes):
        names += about_key(write.entity or contact.id)
        _and(names, crm, write.record_id, write.into)
        _pointed(crm, write.fields, known, names)
    for crm, written in contact.expected.items():
        _pointed(crm, {field: each.value for field, each in written.items()}, known, names)
    return names


def _row_of_match(key: str, bearers: tuple[str, ...], _: Known) -> list[str]:
    return [*map(contact_name, bearers), key.partition("|")[2]]


def _row_of_request(key: str, request: ReadRequest, _: Known) -> list[str]:
    return [*about_key(key), *about_key(request.entity or key)]


def _row_of_one(key: str, _: Any, __: Known) -> list[str]:
    return about_key(key)


ABOUT_ROWS: dict[Table, Callable[[str, Any, Known], list[str]]] = {
    Table.CONTACTS: _row_of_contact,
    Table.REFS: lambda key, entity, _: [contact_name(key), contact_name(entity)],
    Table.MATCHES: _row_of_match,
    Table.OUTBOX: _row_of_one,
    Table.READS: _row_of_request,
    Table.LETTERS: _row_of_one,
    Table.META: _everybody,
    Table.ERASED: lambda _, entity, __: [contact_name(entity)],
}
"""What a row of each table is about."""
