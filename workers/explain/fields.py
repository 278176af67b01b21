"""The mapped fields of a contact that are not simply in sync, each with its rule and what becomes of it."""

from collections.abc import Iterator

from domain.drafting import compared, partner_object
from domain.errors import classify
from domain.identity import Crm, FieldValue
from domain.mapping import MappedField, Pair
from domain.policy import KindPolicy
from domain.reasons import ABSENT, OWN_RULES, OWNER_UNMATCHED, REQUIRED, Reason
from domain.state import Hold
from workers.configuration.problems import NAMES
from workers.explain.evidence import Evidence
from workers.explain.words import FieldWord


def field_words(evidence: Evidence) -> Iterator[FieldWord]:
    """The unsettled fields of a pair, or the fields held back from a record that is to be created."""
    kind = evidence.kind
    if kind is None:
        return
    if all(evidence.linked(crm) for crm in Crm):
        for mapped, now, agreed in compared(evidence.contact, kind, evidence.now):
            if not any(each is mapped for each, _ in evidence.answer.agreed):
                yield _word(evidence, mapped, now, agreed)
    else:
        yield from _of_a_creation(evidence, kind)


def _of_a_creation(evidence: Evidence, kind: KindPolicy) -> Iterator[FieldWord]:
    held = {
        name for holds in (*evidence.answer.held.values(), *evidence.contact.holds.values()) for name in holds
    }
    for mapped in _would_fill(evidence, kind):
        if any(mapped.name(crm) in held for crm in Crm):
            ours, theirs = (_value(evidence, crm, mapped.name(crm)) for crm in Crm)
            yield _word(evidence, mapped, (ours, theirs), None)


def _would_fill(evidence: Evidence, kind: KindPolicy) -> tuple[MappedField, ...]:
    """The mappings that count for the record that is missing."""
    name = partner_object(evidence.contact, kind, evidence.now)
    return (*kind.fields[name], *kind.computed[name]) if name else ()


def _value(evidence: Evidence, crm: Crm, name: str) -> FieldValue:
    found = evidence.linked(crm)
    return found[1].values.get(name) if found else None


def _word(evidence: Evidence, mapped: MappedField, now: Pair, agreed: Pair | None) -> FieldWord:
    fate, cause, remedy = _fate(evidence, mapped)
    return FieldWord(
        mapped.hubspot,
        mapped.salesforce,
        mapped.words,
        *now,
        agreed,
        fate,
        cause,
        remedy,
    )


def _fate(evidence: Evidence, mapped: MappedField) -> tuple[str, str, str]:
    """(what becomes of it, cause, remedy)."""
    contact, answer = evidence.contact, evidence.answer
    for crm in Crm:
        name = mapped.name(crm)
        hold = answer.held.get(crm, {}).get(name) or contact.holds.get(crm, {}).get(name)
        if hold is not None:
            return f"held back from {NAMES[crm]}: {hold.message}", *_of_hold(crm, hold)
        broken = answer.broken.get(crm)
        if broken is not None and name in broken.draft.fields:
            return f"kept from {NAMES[crm]} by the validation rule {broken.rule.text.name}", "", ""
        draft = next((each for at, each in answer.writes if at is crm and name in each.fields), None)
        if draft is not None:
            refused = contact.refused.get(crm) == draft.fields
            words = "in a dead letter to" if refused else "to be written to"
            return f"{words} {NAMES[crm]}", "", ""
        if name in contact.expected.get(crm, {}):
            return f"written to {NAMES[crm]} and not seen there yet", "", ""
    if answer.drafted:
        return "left as it is: the rule lets neither value pass", "", ""
    return "not compared while the contact does not sync", "", ""


def _of_hold(crm: Crm, hold: Hold) -> tuple[str, str]:
    if hold.code == Reason.PING_PONG:
        name = NAMES[crm]
        remedy = (
            f"Find the workflow or flow in {name} that sets the field, or let the mapping always use {name}."
        )
        return f"Something in {name} changes the value back after each write.", remedy
    if hold.code == REQUIRED:
        return "", ""  # what the whole decision ended for: its own remedy is given
    if hold.code in OWN_RULES - {OWNER_UNMATCHED, ABSENT}:
        return "", f"Correct the value in {NAMES[crm.other]}, or change the field or its mapping."
    known = classify(crm, None, hold.code, hold.message)
    return known.cause, known.remedy
