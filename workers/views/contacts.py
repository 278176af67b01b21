"""One contact as people look at it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from domain.answer import linked, match_value
from domain.book import Table, decode, decode_closed
from domain.drafting import partner_object
from domain.identity import Crm, Fields, FieldValue, RecordRef, email_key
from domain.links import match_key
from domain.mapping import ALWAYS, MappedField, Pair
from domain.policy import KindPolicy, Policy
from domain.reasons import TEXT, WAIT_TEXT, Reason
from domain.sent import overlay
from domain.state import Contact, Intent, Opened, letter_key
from domain.wire import to18
from workers.connection import Lane
from workers.store import Tables
from workers.views.letters import LetterView, letters_of

DECISIONS = 20
"""How many of a contact's last decisions are shown unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of a contact."""

    key: str
    crm: Crm
    object: str
    id: str
    linked: bool  #: one of the pair that syncs; others are duplicates or predecessors
    gone: str  #: why it is not there any more; empty while it is
    merged_into: str | None
    seen_at: int | None  #: the CRM's stamp of the newest look; None if it was never seen
    values: Fields


@dataclass(frozen=True, slots=True)
class FieldView:
    """One mapped or computed field, both sides beside each other.

    What is computed goes by the field's name behind ``=`` on the side whose record it is computed from.
    """

    hubspot: str
    salesforce: str
    rule: str  #: of a computed field its formula
    hubspot_value: FieldValue
    salesforce_value: FieldValue
    mark: str  #: ``agreed``, ``expected``, ``held``, ``different``, ``never_agreed`` or ``unread``
    agreed: tuple[FieldValue, FieldValue] | None = None  #: values last in sync, where others are held now
    expected: dict[str, FieldValue] = field(default_factory=dict)  #: CRM -> written and not seen there since
    held: dict[str, str] = field(default_factory=dict)  #: CRM -> why the value is not sent there
    computed: bool = False


@dataclass(frozen=True, slots=True)
class OpenView:
    """A decision that nothing has closed yet."""

    id: str
    trigger: str
    detail: str
    at: int
    age_ms: int
    priority: str
    wait: str  #: what it waits for, as a code; empty if a newer decision is before it
    text: str


@dataclass(frozen=True, slots=True)
class WriteView:
    """A write that is queued or on its way."""

    crm: Crm
    object: str
    record_id: str | None  #: None for a create
    fields: Fields
    attempt: int
    due: int
    in_flight: bool
    delete: bool  #: the record is to be deleted, or merged; there are no fields then
    into: str = ""  #: the id of the record that it is to be merged into


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A closed decision."""

    id: str
    trigger: str
    detail: str
    opened_at: int
    closed_at: int
    reason: Reason
    text: str
    explanation: str
    wrote: dict[str, tuple[str, ...]]  #: CRM -> fields; none: the record was deleted
    held: dict[str, str]  #: field -> why
    lost: dict[str, tuple[str, FieldValue]]  #: property -> (losing CRM, its value)
    superseded_by: str


@dataclass(frozen=True, slots=True)
class ContactView:
    """One contact in both CRMs."""

    entity: str
    address: str | None  #: by which it is found in either CRM; None: it has none, or the kind is not mapped
    kind: str
    state: str  #: ``erased``, ``parked``, ``error``, ``waiting``, ``held``, ``unlinked`` or ``settled``
    member: bool | None  #: the inclusion list's last word; None: never asked
    member_since: int
    parked: str  #: the position of an event that could not be handled
    records: list[RecordView]
    fields: list[FieldView]
    open: list[OpenView]
    writes: list[WriteView]
    letters: list[LetterView]
    decisions: list[DecisionView]  #: newest first


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """Something of a contact that is not what it was; None: it was or is not there."""

    what: str  #: ``state``, ``inclusion list``, a record's key, or that with a field
    before: FieldValue
    after: FieldValue


def differences(before: ContactView | None, after: ContactView | None) -> list[DifferenceView]:
    """What became of a contact between two moments; None: there was none then."""
    one, other = _plain(before), _plain(after)
    names = [*one, *(name for name in other if name not in one)]
    pairs = ((name, one.get(name), other.get(name)) for name in names)
    return [DifferenceView(name, old, new) for name, old, new in pairs if old != new]


def _plain(found: ContactView | None) -> dict[str, FieldValue]:
    if found is None:
        return {}
    plain: dict[str, FieldValue] = {"contact": found.entity, "state": found.state}
    if found.member is not None:
        plain["inclusion list"] = "on it" if found.member else "not on it"
    for record in found.records:
        plain[record.key] = "linked" if record.linked else record.gone or "not linked"
        plain |= {f"{record.key} {name}": value for name, value in record.values.items()}
    return plain


def find(lane: Lane, text: str) -> list[str]:
    """The entities that a text may name.

    It may be an e-mail address, a HubSpot id, a Salesforce id of 15 or 18 characters, a record key or an
    entity id. Empty if nothing is known by it.
    """
    text, tables, policy = text.strip(), lane.tables(), lane.policy()
    keys = [text, *(f"{crm}/{name}/{to18(text)}" for crm, name in policy.by_object)]
    keys += _keys_by_match(tables, policy, text)
    found = (decode(Table.REFS, raw) for raw in tables.fetch(Table.REFS, keys) if raw is not None)
    return list(dict.fromkeys(found))


def _keys_by_match(tables: Tables, policy: Policy, text: str) -> Iterator[str]:
    names = [match_key(kind.kind, email_key(text)) for kind in policy.kinds.values()]
    for raw in tables.fetch(Table.MATCHES, names):
        if raw is not None:
            yield from decode(Table.MATCHES, raw)


def exists(lane: Lane, entity: str) -> bool:
    """Whether there is a contact of that id."""
    return lane.tables().fetch(Table.CONTACTS, [entity])[0] is not None


def contact(lane: Lane, entity: str, *, decisions: int = DECISIONS) -> ContactView:
    """All that is known of a contact, named by its entity id or by the key of any of its records.

    Raises:
        KeyError: if there is none.
    """
    tables, kinds, now = lane.tables(), lane.policy().kinds, lane.clock.now_ms()
    known = _known(tables, entity)
    entity = known.id
    letters = list(letters_of(tables, _letter_keys(known)))
    policy = kinds.get(known.kind)
    return ContactView(
        entity=known.id,
        address=match_value(known, policy) if policy else None,
        kind=known.kind,
        state=_state(known, letters),
        member=known.member,
        member_since=known.member_since,
        parked=known.parked,
        records=[_record(known, key) for key in known.records],
        fields=list(_fields(known, policy, now)) if policy else [],
        open=list(_open(known, now)),
        writes=list(_writes(known)),
        letters=letters,
        decisions=[decision(each) for each in reversed(tables.decisions(entity, decisions))],
    )


def _known(tables: Tables, name: str) -> Contact:
    entity = tables.fetch(Table.REFS, [name])[0]
    raw = tables.fetch(Table.CONTACTS, [decode(Table.REFS, entity) if entity else name])[0]
    if raw is None:
        raise KeyError(name)
    found: Contact = decode(Table.CONTACTS, raw)
    return found


def _letter_keys(known: Contact) -> list[str]:
    fields = ((crm, name) for crm in Crm for name in ("", *known.holds.get(crm, {})))
    return [letter_key(known.id, crm, name) for crm, name in fields]


def _state(known: Contact, letters: list[LetterView]) -> str:
    verdicts = {
        "erased": known.erased,
        "parked": bool(known.parked),
        "error": any(not each.field for each in letters),
        "waiting": known.opened is not None or bool(known.flying),
        "held": any(known.holds.values()),
        "unlinked": len(known.pair) < len(Crm),
    }
    return next((word for word, holds in verdicts.items() if holds), "settled")


def _record(known: Contact, key: str) -> RecordView:
    ref, record = RecordRef.parse(key), known.records[key]
    seen = record.seen[0] if record.seen >= (0, 0) else None
    is_linked = known.pair.get(ref.crm) == key
    return RecordView(
        key, ref.crm, ref.object, ref.id, is_linked, record.gone, record.merged_into, seen, record.values
    )


def _fields(known: Contact, kind: KindPolicy, now: int) -> Iterator[FieldView]:
    """Those of the linked Salesforce record, or of the one to come; if none is to, of the first object."""
    name = partner_object(known, kind, now) or kind.kind.salesforce[0]
    overlays = {crm: overlay(known, crm) for crm in Crm}
    for mapped in (*kind.fields[name], *kind.computed[name]):
        yield _field(known, mapped, overlays, now)


def _field(known: Contact, mapped: MappedField, overlays: Mapping[Crm, Fields], now: int) -> FieldView:
    sides = {crm: _side(known, mapped, crm, overlays[crm], now) for crm in Crm}
    expected = {
        str(crm): sent[mapped.name(crm)] for crm, sent in overlays.items() if mapped.name(crm) in sent
    }
    held = {str(crm): hold.message for crm in Crm if (hold := known.holds.get(crm, {}).get(mapped.name(crm)))}
    ours, theirs = (sides[crm].get(mapped.name(crm)) for crm in Crm)
    agreed = known.agreed.get(mapped.hubspot)
    return FieldView(
        mapped.hubspot,
        mapped.salesforce,
        mapped.words if mapped.computed else mapped.rule,
        ours,
        theirs,
        _mark(known, mapped, sides, (ours, theirs), expected=bool(expected), held=bool(held)),
        agreed,
        expected,
        held,
        computed=mapped.computed is not None,
    )


def _side(known: Contact, mapped: MappedField, crm: Crm, sent: Fields, now: int) -> Fields:
    """What is known of one side, with what is computed from it now."""
    found = linked(known, crm)
    if found is None:
        return {}
    values = found[1].values
    if mapped.computed is None or ALWAYS[mapped.rule] is not crm:
        return values
    return {mapped.name(crm): mapped.computed({**values, **sent}, now)}


def _mark(
    known: Contact,
    mapped: MappedField,
    sides: Mapping[Crm, Fields],
    shown: Pair,
    *,
    expected: bool,
    held: bool,
) -> str:
    if held:
        return "held"
    if expected:
        return "expected"
    if any(mapped.name(crm) not in values for crm, values in sides.items()):
        return "unread"
    if mapped.hubspot not in known.agreed:
        return "never_agreed"
    agreed = known.agreed[mapped.hubspot]
    in_sync = agreed is None or (mapped.computed is not None and agreed == shown)
    return "agreed" if in_sync else "different"


def _open(known: Contact, now: int) -> Iterator[OpenView]:
    if known.opened is not None:
        wait = known.wait or ""
        yield _opened(known.opened, now, wait, WAIT_TEXT[known.wait] if known.wait else "")
    for each in known.flying:
        yield _opened(each, now, "", "A write that carries it is on its way.")


def _opened(opened: Opened, now: int, wait: str, text: str) -> OpenView:
    age = max(0, now - opened.at)
    return OpenView(
        opened.id, opened.trigger, opened.detail, opened.at, age, opened.priority, str(wait), text
    )


def _writes(known: Contact) -> Iterator[WriteView]:
    for crm, flight in known.flights.items():
        yield WriteView(
            crm,
            flight.object,
            flight.record_id,
            flight.fields,
            flight.attempt,
            flight.at,
            in_flight=True,
            delete=flight.delete,
            into=flight.into,
        )
    for crm, intent in known.intents.items():
        if crm not in known.flights:
            yield _waiting(intent)


def _waiting(intent: Intent) -> WriteView:
    return WriteView(
        intent.crm,
        intent.object,
        intent.record_id,
        intent.fields,
        intent.attempt,
        intent.due,
        in_flight=False,
        delete=intent.delete,
        into=intent.into,
    )


def decision(raw: bytes) -> DecisionView:
    """A closed decision as the tables keep it."""
    closed = decode_closed(raw)
    return DecisionView(
        closed.id,
        closed.trigger,
        closed.detail,
        closed.opened_at,
        closed.closed_at,
        closed.reason,
        TEXT[closed.reason],
        closed.explanation,
        closed.wrote,
        closed.held,
        closed.lost,
        closed.superseded_by,
    )
