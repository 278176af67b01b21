"""What Salesforce's validation rules say of the writes that were drafted, before any is sent."""

import msgspec

from domain.answer import Broken, Draft, Plan, linked
from domain.identity import Crm, Fields
from domain.policy import KindPolicy
from domain.rules import sampled
from domain.sent import overlay
from domain.state import Contact


def judge(contact: Contact, kind: KindPolicy, answer: Plan, now: int) -> None:
    """Take a write that a trusted rule stops out of the drafts, and note with others what the rules say."""
    draft = answer.drafts.get(Crm.SALESFORCE)
    rules = kind.rules.get(draft.object) if draft is not None else None
    if draft is None or rules is None or contact.refused.get(Crm.SALESFORCE) == draft.content:
        return
    verdicts = rules.judge(_written(draft), _known(contact, draft), now)
    broken = rules.broken(verdicts)
    if broken is not None and not sampled(contact.id, draft.fields):
        answer.broken = {Crm.SALESFORCE: Broken(draft, broken)}
        answer.drafts = {crm: each for crm, each in answer.drafts.items() if crm is not Crm.SALESFORCE}
    elif verdicts:
        judged = msgspec.structs.replace(draft, verdicts=verdicts)
        answer.drafts = {**answer.drafts, Crm.SALESFORCE: judged}


def _written(draft: Draft) -> Fields:
    return draft.fields if draft.key_field is None else {**draft.fields, draft.key_field: draft.key_value}


def _known(contact: Contact, draft: Draft) -> Fields | None:
    """What the record holds before the write; None if the write makes it."""
    found = linked(contact, Crm.SALESFORCE)
    if draft.record_id is None or found is None:
        return None
    return {**found[1].values, **overlay(contact, Crm.SALESFORCE)}
