"""From the evidence to the explanation."""

from collections.abc import Iterator

from domain.answer import Draft, Need
from domain.errors import classify
from domain.identity import Crm
from domain.plan import verdict
from domain.reasons import TEXT, WAIT_TEXT, Reason, Wait
from domain.state import Closed, Flight, Intent, Opened, intent_key
from workers.configuration.problems import NAMES
from workers.explain.evidence import Evidence
from workers.explain.fields import field_words
from workers.explain.obstacles import obstacles
from workers.explain.remedies import remedies
from workers.explain.words import Decided, Explanation, LetterWord, ListWord, Loss

NOTHING_DECIDED = "Nothing was decided: no change of the contact was seen since it was first read."

OVER = "See that the cause is over: it is not tried again by itself."


def explain(evidence: Evidence, decision: str = "") -> Explanation:
    """Explain the newest decision about a contact, or the one of that id.

    Raises:
        KeyError: if there is no such decision, or it is too old to be remembered.
    """
    subject = _subject(evidence, decision)
    code, text, why = _reason(evidence, subject)
    fields, met = list(field_words(evidence)), list(obstacles(evidence))
    letters = [_letter(evidence, crm) for crm in evidence.letters]
    again = _again(evidence, subject)
    mended = remedies(code, evidence, fields, letters, met)
    if again and evidence.answer.stop is None:
        mended.append(f"Have it decided now: crmsync sync contact {evidence.contact.id}")
    return Explanation(
        entity=evidence.contact.id,
        kind=evidence.contact.kind,
        now=evidence.now,
        code=code,
        text=text,
        why=why,
        decided=_decided(subject),
        again=again,
        inclusion=_inclusion(evidence),
        fields=fields,
        letters=letters,
        lost=list(_lost(evidence, subject)),
        obstacles=met,
        remedies=mended,
    )


def _subject(evidence: Evidence, decision: str) -> Closed | Opened | None:
    contact = evidence.contact
    known: list[Closed | Opened] = [*evidence.decisions, *contact.flying]
    if contact.opened is not None:
        known.append(contact.opened)
    if not decision:
        return known[-1] if known else None
    found = next((each for each in known if each.id == decision), None)
    if found is None:
        raise KeyError(decision)
    return found


def _reason(evidence: Evidence, subject: Closed | Opened | None) -> tuple[str, str, str]:
    """(code, its text, what stands behind it)."""
    match subject:
        case Closed():
            return subject.reason, TEXT[subject.reason], subject.explanation
        case Opened():
            wait = evidence.contact.wait or Wait.DELIVERY
            return wait, WAIT_TEXT[wait], "; ".join(_waiting(evidence, wait))
        case None if evidence.contact.erased:
            return Reason.ERASED, TEXT[Reason.ERASED], ""
        case None:
            return "", NOTHING_DECIDED, ""


def _waiting(evidence: Evidence, wait: Wait) -> Iterator[str]:
    if wait is Wait.BASELINE:
        places = (f"{crm}/{name}" for crm, name in sorted(evidence.policy.by_object))
        unread = [place for place in places if place not in evidence.connection.baselines]
        yield f"not read in full yet: {', '.join(unread)}"
    for need in evidence.answer.needs:
        yield _need(evidence, need)
    if wait is Wait.DELIVERY:
        yield from _writes(evidence)


def _need(evidence: Evidence, need: Need) -> str:
    match need.kind:
        case "look_up":
            return f"search for the person in {NAMES[need.crm]}"
        case "membership":
            return f"membership of record {need.id} in list {need.object}"
        case _:
            why = evidence.contact.unsure.get(need.crm, "")
            return f"record {need.crm}/{need.object}/{need.id}{f' ({why})' if why else ''}"


def _writes(evidence: Evidence) -> Iterator[str]:
    contact = evidence.contact
    for crm in Crm:
        if (flight := contact.flights.get(crm)) is not None:
            yield f"attempt {flight.attempt} to {NAMES[crm]} is on its way: {_what(flight)}"
        elif (intent := contact.intents.get(crm)) is not None:
            later = max(0, intent.due - evidence.now) / 1000
            failed = contact.attempts.get(crm, 0)
            when = f", again in {later:.1f} s; failed attempts: {failed}" if failed else ""
            yield f"{NAMES[crm]} is to {_what(intent)}{when}"


def _what(write: Intent | Flight | Draft) -> str:
    if write.into:
        return f"merge the record into {write.into}"
    return "delete the record" if write.delete else f"get {_names(write.fields)}"


def _names(fields: dict[str, str | None]) -> str:
    return ", ".join(sorted(fields))


def _decided(subject: Closed | Opened | None) -> Decided | None:
    match subject:
        case None:
            return None
        case Opened():
            return Decided(subject.id, subject.at, subject.trigger, subject.detail, None, subject.wrote, "")
        case Closed():
            return Decided(
                subject.id,
                subject.opened_at,
                subject.trigger,
                subject.detail,
                subject.closed_at,
                subject.wrote,
                subject.superseded_by,
            )


def _again(evidence: Evidence, subject: Closed | Opened | None) -> str:
    """What deciding now would bring, if the newest decision is closed and said something else."""
    answer = evidence.answer
    if not isinstance(subject, Closed) or evidence.contact.opened is not None:
        return ""
    if answer.stop is not None:
        return "" if answer.stop is subject.reason else TEXT[answer.stop]
    if subject.reason in {Reason.GUARD, Reason.SHADOW}:
        return ""
    return "; ".join(
        f"{NAMES[crm]} would {_what(draft)}"
        for crm, draft in answer.writes
        if evidence.contact.refused.get(crm) != draft.content
    )


def _inclusion(evidence: Evidence) -> ListWord | None:
    kind, contact = evidence.kind, evidence.contact
    word = verdict(contact, kind, evidence.now) if kind and not contact.erased else None
    if kind is None or kind.inclusion is None or word is None:
        return None
    name = evidence.connection.lists.get(kind.inclusion.list_id, (kind.inclusion.list_id, ""))[0]
    since = contact.member_since if contact.member is not None and contact.member == word.member else None
    return ListWord(name, word.member, since, word.leaf, word.path, word.property, word.actual)


def _letter(evidence: Evidence, crm: Crm) -> LetterWord:
    kept = evidence.letters[crm]
    known = classify(crm, None, kept.outcome.code, kept.outcome.message)
    return LetterWord(
        intent_key(kept.entity, crm),
        crm,
        kept.at,
        kept.attempts,
        tuple(sorted(kept.fields)),
        kept.outcome.code,
        kept.outcome.message,
        known.category,
        known.cause,
        OVER if kept.reason is Reason.EXHAUSTED else known.remedy,
        kept.delete,
    )


def _lost(evidence: Evidence, subject: Closed | Opened | None) -> Iterator[Loss]:
    rules = _rules(evidence)
    for name, (crm, value) in (subject.lost if subject else {}).items():
        yield Loss(name, crm, value, rules.get(name, ""))


def _rules(evidence: Evidence) -> dict[str, str]:
    kind = evidence.kind
    by_object = [*kind.fields.values(), *kind.computed.values()] if kind else []
    return {each.hubspot: each.words for mapped in by_object for each in mapped}
