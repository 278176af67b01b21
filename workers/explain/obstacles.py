"""What holds up more than one contact: a pause, a suspension, a tripped guard, a CRM's call limit."""

from collections.abc import Iterator

from domain.errors import classify
from domain.identity import Crm
from workers.configuration.problems import NAMES
from workers.explain.evidence import Evidence
from workers.explain.words import Obstacle


def obstacles(evidence: Evidence) -> Iterator[Obstacle]:
    """Those that this contact meets, by what is queued for it or would be."""
    contact, connection, answer = evidence.contact, evidence.connection, evidence.answer
    writes = {*contact.intents, *contact.flights, *answer.drafts}
    reads = {need.crm for need in answer.needs}
    if writes and connection.paused:
        cause = f"{connection.paused} paused it."
        yield Obstacle("Writing is paused.", None, cause, "Let it go on: crmsync resume")
    for crm in Crm:
        if crm in writes | reads:
            yield from _of_target(evidence, crm)
    for name, bucket in sorted(connection.guards.items()):
        if bucket.tripped and writes:
            yield _of_guard(evidence, name)


def _of_target(evidence: Evidence, crm: Crm) -> Iterator[Obstacle]:
    connection = evidence.connection
    suspended = connection.suspended.get(crm)
    if suspended is not None:
        known = classify(crm, None, suspended.code, suspended.message)
        remedy = f"{known.remedy} (crmsync suspension clear {crm})"
        yield Obstacle(f"{NAMES[crm]} is suspended.", suspended.since, known.cause, remedy)
    until = connection.throttled.get(crm, 0)
    if until > evidence.now:
        cause = f"{NAMES[crm]} wants no calls for {(until - evidence.now) // 1000} s more."
        yield Obstacle(f"{NAMES[crm]} is throttled.", None, cause, "Nothing: calls go on by themselves.")


def _of_guard(evidence: Evidence, name: str) -> Obstacle:
    kind = evidence.kind
    limit = kind.section.guards.get(name) if kind else None
    cause = "Its limit for one hour was passed." if limit is None else f"More than {limit} in one hour."
    remedy = f"See whether that many are meant, then release it: crmsync suspension clear {name}"
    return Obstacle(f"The guard on {name} has tripped.", None, cause, remedy)
