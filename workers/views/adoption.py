"""Taking over from HubSpot's own integration: how pairs were found, and what becomes of their fields."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from domain.answer import linked, read_in_full
from domain.book import Table, decode
from domain.drafting import compared, update
from domain.identity import CRMS, Crm, FieldValue
from domain.links import match_values, native_keys
from domain.policy import KindPolicy
from domain.state import Contact
from workers.connection import Lane


@dataclass(frozen=True, slots=True)
class DifferingField:
    """A mapped field that the two records of a pair hold differently."""

    entity: str
    hubspot: str
    salesforce: str
    rule: str
    hubspot_value: FieldValue
    salesforce_value: FieldValue
    fate: str  #: ``to hubspot``, ``to salesforce``, ``held`` or ``left``, once something starts a sync
    why: str  #: why it is held


@dataclass(frozen=True, slots=True)
class AdoptionView:
    """How a section stands at the take-over."""

    section: str
    by_id: int  #: pairs by the ids that HubSpot's own integration kept
    by_address: int
    by_our_key: int  #: pairs by our own key fields
    hubspot_only: int
    salesforce_only: int
    unread: int  #: pairs of which a record is not known in full
    equal: int  #: mapped fields that agree already or hold the same
    differing: dict[str, int]  #: ``<sync rule>: <fate>`` -> fields
    differences: list[DifferingField]


def adoption(lane: Lane, limit: int) -> list[AdoptionView]:
    """Every section; ``limit``: how many differing fields are told. Reads all contacts."""
    now = lane.clock.now_ms()
    return [_section(lane, kind, limit, now) for kind in lane.policy().kinds.values()]


def _section(lane: Lane, kind: KindPolicy, limit: int, now: int) -> AdoptionView:
    found, fates, told = Counter[str](), Counter[str](), list[DifferingField]()
    for contact in _contacts(lane, kind):
        where = _pairing(contact, kind)
        found[where] += 1
        if where not in {"hubspot", "salesforce"}:
            if not _is_read(contact, kind):
                found["unread"] += 1
                continue
            differing = list(_differences(contact, kind, now))
            fates.update(f"{each.rule}: {each.fate}" for each in differing)
            found["fields"] += _mapped(contact, kind) - len(differing)
            told += differing[: max(0, limit - len(told))]
    return AdoptionView(
        section=kind.kind.name,
        by_id=found["id"],
        by_address=found["address"],
        by_our_key=found["key"],
        hubspot_only=found["hubspot"],
        salesforce_only=found["salesforce"],
        unread=found["unread"],
        equal=found["fields"],
        differing=dict(sorted(fates.items())),
        differences=told,
    )


def _contacts(lane: Lane, kind: KindPolicy) -> Iterator[Contact]:
    """The living contacts of a kind."""
    for _, raw in lane.tables().scan(Table.CONTACTS):
        contact: Contact = decode(Table.CONTACTS, raw)
        records = [contact.records[key] for key in contact.pair.values()]
        living = not contact.erased and not all(each.gone for each in records)
        if contact.kind == kind.kind.name and living:
            yield contact


def _pairing(contact: Contact, kind: KindPolicy) -> str:
    """In which CRMs the person lives, and by what the pair was found: ``id``, ``address`` or ``key``."""
    ours, theirs = (linked(contact, crm) for crm in CRMS)
    if theirs is None or theirs[1].gone:
        return "hubspot"
    if ours is None or ours[1].gone:
        return "salesforce"
    if theirs[0].key in native_keys(kind.kind, ours[1].values):
        return "id"
    addresses = set(match_values(kind.kind, ours[0], ours[1].values))
    shared = addresses & set(match_values(kind.kind, theirs[0], theirs[1].values))
    return "address" if shared else "key"


def _is_read(contact: Contact, kind: KindPolicy) -> bool:
    pair = (linked(contact, crm) for crm in CRMS)
    return all(found is not None and read_in_full(contact, kind, *found) for found in pair)


def _mapped(contact: Contact, kind: KindPolicy) -> int:
    theirs = linked(contact, Crm.SALESFORCE)
    return len(kind.fields[theirs[0].object]) if theirs else 0


def _differences(contact: Contact, kind: KindPolicy, now: int) -> Iterator[DifferingField]:
    ours, theirs = (linked(contact, crm) for crm in CRMS)
    assert ours is not None
    assert theirs is not None
    answer = update(contact, kind, ours, theirs, now)
    alike = {mapped.hubspot for mapped, _ in answer.agreed}
    for mapped, pair, _ in compared(contact, kind, now):
        if mapped.hubspot in alike:
            continue
        written = [crm for crm, draft in answer.writes if mapped.name(crm) in draft.fields]
        held = [
            hold.message
            for crm, holds in answer.held.items()
            for name, hold in holds.items()
            if name == mapped.name(crm)
        ]
        fate = f"to {written[0]}" if written else "held" if held else "left"
        yield DifferingField(
            contact.id,
            mapped.hubspot,
            mapped.salesforce,
            mapped.rule,
            *pair,
            fate,
            "; ".join(held),
        )
