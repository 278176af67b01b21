"""What a contact needs, given everything known: the question that every decision answers.

``plan`` is a pure look at one contact. It asks its questions in a fixed order, and the first one that
stops the contact gives the reason; if none does, every mapped field is merged and what is left are the
writes. Nothing is remembered here: the same contact, policy and moment give the same plan, whether live,
in a replay or in ``explain``.
"""

from collections.abc import Sequence

from domain.answer import Draft, Need, Plan, Side, linked, read_in_full
from domain.drafting import create, update
from domain.formula import FormulaError
from domain.identity import CRMS, HUBSPOT, SALESFORCE, RecordRef
from domain.inclusion import Facts, Verdict
from domain.judging import judge
from domain.links import has_address, left_alone
from domain.policy import KindPolicy, Policy
from domain.reasons import TEXT, Reason, Wait
from domain.records import DELETED, Record
from domain.state import Contact, Once


def plan(contact: Contact, policy: Policy, now: int) -> Plan:
    """Work out what the contact needs at a moment (epoch ms)."""
    kind = policy.kinds.get(contact.kind)
    if kind is None:
        return Plan(stop=Reason.NOT_CONFIGURED, explanation=contact.kind)
    if contact.erased or contact.parked or not policy.ready:
        return _undecidable(contact)
    if _orphaned(contact, kind):
        return _following(contact, kind, now)
    ours, theirs = linked(contact, HUBSPOT), linked(contact, SALESFORCE)
    sides = [*filter(None, (ours, theirs))]
    stop = _lost(sides) or _unread(contact, kind, sides) or _barred(contact, kind, sides, now)
    if stop is not None:
        return stop
    inclusion = _inclusion(contact, kind, ours, now)
    arriving = inclusion.member is False and _arriving(contact, kind, theirs)
    if inclusion.wait or (inclusion.stop and not arriving):
        return inclusion
    if ours is not None and theirs is not None:
        answer = update(contact, kind, ours, theirs, now)
    else:
        answer = create(contact, kind, sides[0], now)
    answer.member, answer.look_again = inclusion.member, inclusion.look_again
    if arriving:
        answer.drafts.pop(SALESFORCE, None)
        answer.held.pop(SALESFORCE, None)
    elif kind.rules:
        judge(contact, kind, answer, now)
    return answer


def _arriving(contact: Contact, kind: KindPolicy, theirs: Side | None) -> bool:
    """Whether HubSpot may hear once of a new Salesforce record, though its contact is not on the list."""
    if contact.once is not Once.ARRIVAL or theirs is None:
        return False
    return kind.section.creates_in_hubspot(theirs[0].object)


# -- what may stop a contact, in order


def _undecidable(contact: Contact) -> Plan:
    """Stop for somebody whom nothing is decided of; otherwise wait until both CRMs were read once."""
    if contact.erased:
        return Plan(stop=Reason.ERASED)
    if contact.parked:
        return Plan(stop=Reason.ENGINE_FAULT, explanation=f"event {contact.parked}")
    return Plan(wait=Wait.BASELINE)


def _lost(sides: Sequence[Side]) -> Plan | None:
    """Stop for a contact whose record is not there any more, or that never had one."""
    for ref, record in sides:
        if record.gone:
            return Plan(stop=Reason.RECORD_DELETED, explanation=f"{ref.crm} {ref.object} is {record.gone}")
    return None if sides else Plan(stop=Reason.RECORD_DELETED, explanation="no record is left")


def _unread(contact: Contact, kind: KindPolicy, sides: Sequence[Side]) -> Plan | None:
    """Wait for records that were never read in full, or must be looked at after an unclear answer."""
    needs = []
    for ref, record in sides:
        known = read_in_full(contact, kind, ref, record) or record.gone or ref.crm in contact.created_by_us
        if not known or ref.crm in contact.unsure:
            needs.append(Need("record", ref.crm, ref.object, ref.id))
    return Plan(wait=Wait.READ, needs=needs) if needs else None


def _barred(contact: Contact, kind: KindPolicy, sides: Sequence[Side], now: int) -> Plan | None:
    """Stop for a contact that may not sync, whatever the inclusion list says."""
    if kind.kind.match_required and not has_address(kind.kind, sides):
        return Plan(stop=Reason.NO_EMAIL, explanation="neither record has an e-mail address")
    return _filtered(contact, kind, sides[-1], now) if kind.filters else None


def _filtered(contact: Contact, kind: KindPolicy, side: Side, now: int) -> Plan | None:
    """Stop for a Salesforce record that its filter keeps out, but for one that we just made."""
    ref, record = side
    condition = kind.filters.get(ref.object) if ref.crm is SALESFORCE else None
    if condition is None or SALESFORCE in contact.created_by_us:
        return None
    passes = condition.holds(record.values, now)
    if passes is True:
        return None
    why = f"{ref.object} does not meet {condition.formula.source}"
    if isinstance(passes, FormulaError):
        why = f"for this {ref.object}, {condition.formula.source} gives no answer: {passes.reason}"
    return Plan(stop=Reason.SALESFORCE_FILTER, explanation=why)


def verdict(contact: Contact, kind: KindPolicy, now: int) -> Verdict | None:
    """The inclusion list's word on the contact; None if everybody is included or HubSpot has no record."""
    found = linked(contact, HUBSPOT)
    if kind.inclusion is None or found is None:
        return None
    return kind.inclusion.explain(
        found[1].values,
        now=now,
        zone=kind.zone,
        memberships=contact.memberships,
        changed_at=found[1].changed,
    )


def timeless_word(contact: Contact, kind: KindPolicy, record: Record, now: int) -> bool | None:
    """The list's word without its reasons, which is quickly found; None: time or something unknown counts."""
    inclusion = kind.inclusion
    if inclusion is None or inclusion.uses_time:
        return None
    return inclusion.check(record.values, _facts(contact, kind, record, now))


def _facts(contact: Contact, kind: KindPolicy, record: Record, now: int) -> Facts:
    return Facts(now, kind.zone, contact.memberships, record.changed)


def _inclusion(contact: Contact, kind: KindPolicy, ours: Side | None, now: int) -> Plan:
    if kind.inclusion_missing:
        return Plan(stop=Reason.NOT_IN_INCLUSION_LIST, explanation=kind.inclusion_missing)
    inclusion = kind.inclusion
    if inclusion is None or ours is None:
        return _INCLUDED
    record = ours[1]
    facts = _facts(contact, kind, record, now)
    member = inclusion.check(record.values, facts)
    if member and not inclusion.uses_time:
        return _INCLUDED
    word = inclusion.reason(record.values, facts, member=member)
    if word.member is None:
        return _undecided(contact, kind, ours, word)
    answer = Plan(member=word.member, look_again=word.next_change)
    if not word.member:
        answer.stop, answer.explanation = Reason.NOT_IN_INCLUSION_LIST, word.leaf
    return answer


_INCLUDED = Plan(member=True)
"""On the list, or none is asked, and no moment changes that; it is only looked at, and never the answer."""


def _undecided(contact: Contact, kind: KindPolicy, ours: Side, word: Verdict) -> Plan:
    ref, record = ours
    if word.unknown and not read_in_full(contact, kind, ref, record):
        return Plan(wait=Wait.READ, needs=[Need("record", ref.crm, ref.object, ref.id)])
    needs = membership_needs(ref, word)
    if needs:
        return Plan(wait=Wait.MEMBERSHIP, needs=needs)
    unreadable = ", ".join(word.unknown)
    return Plan(stop=Reason.NOT_IN_INCLUSION_LIST, explanation=f"HubSpot does not show {unreadable}")


def membership_needs(ref: RecordRef, word: Verdict) -> list[Need]:
    """What HubSpot must be asked before the inclusion list can answer."""
    return [Need("membership", HUBSPOT, list_id, ref.id) for list_id in word.asks]


def _orphaned(contact: Contact, kind: KindPolicy) -> bool:
    """Whether HubSpot's record is to follow Salesforce's: be deleted, or merged with its heir's partner."""
    if not contact.orphaned or not left_alone(contact):
        return False
    ref = RecordRef.parse(contact.pair[SALESFORCE])
    if contact.records[ref.key].gone in DELETED:
        return ref.object in kind.section.delete_in_hubspot
    return kind.section.merge_in_hubspot and bool(contact.into)


def _following(contact: Contact, kind: KindPolicy, now: int) -> Plan:
    """Delete or merge HubSpot's record too, if the contact may sync; otherwise it stays there for good."""
    sides = [found for crm in CRMS if (found := linked(contact, crm)) is not None]
    lost = _lost(sides) or Plan()
    answer = _unread(contact, kind, sides) or _reached(contact, kind, sides, now)
    if answer.stop is not None:
        lost.explanation += f"; kept in HubSpot: {TEXT[answer.stop]}"
        return lost
    if answer.wait is not None:
        return answer
    ref = sides[0][0]
    draft = Draft(ref.object, ref.id, {}, {}, delete=True, into=contact.into)
    return Plan(drafts={HUBSPOT: draft}, member=answer.member, look_again=answer.look_again)


def _reached(contact: Contact, kind: KindPolicy, sides: Sequence[Side], now: int) -> Plan:
    """Whether deletions and merges reach the contact."""
    if kind.section.delete_outside_list:
        return Plan()
    return _barred(contact, kind, sides, now) or _inclusion(contact, kind, sides[0], now)
