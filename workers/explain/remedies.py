"""What would make a contact sync, by the reason that keeps it from it."""

from collections.abc import Callable, Iterable, Sequence

from domain.identity import Crm
from domain.plan import verdict
from domain.reasons import Reason, Wait
from workers.configuration.problems import NAMES
from workers.explain.evidence import Evidence
from workers.explain.words import FieldWord, LetterWord, Obstacle

BY_ITSELF = "Nothing: it goes on by itself as soon as that is done."


def remedies(
    code: str,
    evidence: Evidence,
    fields: Sequence[FieldWord],
    letters: Sequence[LetterWord],
    obstacles: Sequence[Obstacle],
) -> list[str]:
    """What a person can do, most telling first; empty if nothing is to be done."""
    own = _OF[code](evidence) if code in _OF else ()
    met = (each.remedy for group in (obstacles, letters, fields) for each in group)
    found = [*own, *met]
    if letters:
        found.append(f"When it is mended, send it again: crmsync dead-letters redrive {evidence.contact.id}")
    return [text for text in dict.fromkeys(found) if text]


def _always(*texts: str) -> Callable[[Evidence], Iterable[str]]:
    return lambda _evidence: texts


def _not_in_list(evidence: Evidence) -> Iterable[str]:
    kind = evidence.kind
    if kind is None:
        return
    if kind.inclusion_missing:
        yield "Name an active HubSpot list under limit_sync, then run crmsync config apply"
        return
    word = verdict(evidence.contact, kind, evidence.now)
    if word is not None and word.remedy:
        yield f"In HubSpot: {word.remedy}."
    elif word is not None and word.unknown:
        yield f"Let the HubSpot credential read {', '.join(word.unknown)}."


def _validation(evidence: Evidence) -> Iterable[str]:
    if evidence.answer.stop is Reason.VALIDATION:
        missing = next(crm for crm in Crm if crm not in evidence.contact.pair)
        yield f"Fill what is missing in {NAMES[missing.other]}, or give the new record a default (defaults)."


def _creation_off(evidence: Evidence) -> Iterable[str]:
    missing = next((crm for crm in Crm if crm not in evidence.contact.pair), Crm.SALESFORCE)
    kind = evidence.kind
    if missing is Crm.HUBSPOT:
        what = "Set when_salesforce_record_created: create_in_hubspot"
    else:
        what = "Change the rules of create_as" if kind and kind.routes else "Set create_as: lead"
    yield f"{what}, then run crmsync config apply"
    yield f"Or enter the record in {NAMES[missing]}: it is linked by its e-mail address."


def _deleted(evidence: Evidence) -> Iterable[str]:
    for crm in Crm:
        found = evidence.linked(crm)
        if found is not None and found[1].gone:
            yield f"Restore the record in {NAMES[crm]}: it syncs again as soon as that is seen."


def _guard(evidence: Evidence) -> Iterable[str]:
    tripped = [name for name, bucket in evidence.connection.guards.items() if bucket.tripped]
    if not tripped:
        yield f"The guard was released: crmsync sync contact {evidence.contact.id}"
    yield from _spare(evidence)


def _not_configured(evidence: Evidence) -> Iterable[str]:
    yield f"Add the section {evidence.contact.kind} to the connection's file, then run crmsync config apply"


def _delivery(evidence: Evidence) -> Iterable[str]:
    if not (evidence.connection.paused or evidence.connection.suspended):
        yield BY_ITSELF
    yield from _spare(evidence)


def _spare(evidence: Evidence) -> Iterable[str]:
    if any(draft.delete for draft in evidence.answer.drafts.values()):
        yield "To keep the contact, restore the record in Salesforce first."


_OF: dict[str, Callable[[Evidence], Iterable[str]]] = {
    Reason.NO_EMAIL: _always("Give the contact an e-mail address in either CRM."),
    Reason.NOT_IN_INCLUSION_LIST: _not_in_list,
    Reason.SALESFORCE_FILTER: _always(
        "In Salesforce: change the record so that it passes; it syncs as soon as that is seen.",
        "Or change limit_sync.salesforce_filter, then run crmsync config apply",
    ),
    Reason.VALIDATION: _validation,
    Reason.CREATION_OFF: _creation_off,
    Reason.RECORD_DELETED: _deleted,
    Reason.GUARD: _guard,
    Reason.SHADOW: _always(
        "crmsync shadow report lists all that waits.",
        "Set mode: live, run crmsync config apply, then crmsync shadow release",
    ),
    Reason.ENGINE_FAULT: _always(
        "Upgrade to a release that can handle the event, then run crmsync replay rebuild"
    ),
    Reason.NOT_CONFIGURED: _not_configured,
    Wait.BASELINE: _always(BY_ITSELF),
    Wait.READ: _delivery,
    Wait.LOOK_UP: _delivery,
    Wait.MEMBERSHIP: _delivery,
    Wait.DELIVERY: _delivery,
}
