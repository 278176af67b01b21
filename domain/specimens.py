"""What events of a configuration look like: specimens without anybody's values, to compress real ones by."""

from collections.abc import Iterator

from domain import events as e
from domain.identity import HUBSPOT, SALESFORCE, Fields, RecordRef
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import KindPolicy, Policy

_MOMENT, _TICKET = 1_800_000_000_000, 1_000_000
_IDS = {HUBSPOT: "100000000000", SALESFORCE: "00Q000000000000AAA"}


def specimens(policy: Policy) -> bytes:
    """An event of every usual kind for every object, with all fields that events name; the rarest first."""
    events = [event for kind in policy.kinds.values() for event in _of(kind)]
    return b"\n".join(map(e.encode, events))


def _of(kind: KindPolicy) -> Iterator[e.AnyEvent]:
    refs = [RecordRef(crm, name, _IDS[crm]) for crm, name in kind.needed]
    for ref in refs:
        yield e.RecordTouched(crm=ref.crm, object=ref.object, id=ref.id, occurred_at=_MOMENT, cause="changed")
        yield e.TimerDue(entity=ref.key, cause="look", due=_MOMENT)
        yield e.LookedUp(
            entity=ref.key, crm=ref.crm.other, value="", found=(), ticket=_TICKET, request=f"{_MOMENT}-0"
        )
    for value in (None, ""):
        for ref in refs:
            fields: Fields = dict.fromkeys(kind.needed[ref.crm, ref.object], value)
            yield from _written(ref, fields)
            yield _seen(ref, fields, "read", f"{_MOMENT}-0")
            yield _seen(ref, fields, "poll", None)


def _written(ref: RecordRef, fields: Fields) -> Iterator[e.AnyEvent]:
    stored, stamp = (fields, _MOMENT) if ref.crm is HUBSPOT else (None, None)
    yield e.DeliveryAnswered(
        entity=ref.key,
        crm=ref.crm,
        attempt=1,
        outcome=Outcome(OutcomeClass.DELIVERED, record_id=ref.id, stored=stored, stamp=stamp),
        ticket=_TICKET,
    )
    yield e.DeliveryClaimed(
        entity=ref.key,
        crm=ref.crm,
        revision=1,
        attempt=1,
        object=ref.object,
        record_id=ref.id,
        fields=fields,
        sources=fields,
    )


def _seen(ref: RecordRef, fields: Fields, source: str, request: str | None) -> e.RecordObserved:
    return e.RecordObserved(
        crm=ref.crm,
        object=ref.object,
        id=ref.id,
        fields=fields,
        modified_at=_MOMENT,
        ticket=_TICKET,
        source=source,
        request=request,
    )
