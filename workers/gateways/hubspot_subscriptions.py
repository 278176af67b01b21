"""Unsubscribing people from all e-mail, which HubSpot takes by their addresses and not with their records.

Source: HubSpot's "Subscription preferences" guide, v4. Its batch call needs Marketing Hub Enterprise and a
scope of its own; the single one needs either of two scopes. Neither answer shows what the record holds then.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from domain.errors import SyncError, Transient
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Priority
from workers.gateways.http import Answer, NoAnswer, Refused, outcome_of
from workers.gateways.hubspot_client import Portal, Request
from workers.gateways.hubspot_shapes import Error, Shape, fault_of
from workers.ports import WriteRow

PATH = "/communication-preferences/v4/statuses"

OPT_OUT_SCOPE = "opt_out_scope"
"""Our code for a credential that may not unsubscribe anybody."""

_DONE = re.compile(r"already (unsubscribed|opted out)", re.IGNORECASE)
"""Whether HubSpot refuses a second opt-out or takes it is not known: either counts as done."""

_OF_THE_DATA = frozenset({OutcomeClass.REJECTED, OutcomeClass.RESOLVE})
_OF_ONE = frozenset({OutcomeClass.DELIVERED, OutcomeClass.REJECTED})


class _Unsubscribed(Shape):
    errors: Sequence[Error] = ()


def unsubscribe(portal: Portal, rows: Sequence[WriteRow], priority: Priority) -> dict[str, Outcome] | Refused:
    """Unsubscribe the people of these rows, in one call where the account allows that.

    What a batch does not fully confirm is sent once more, one by one: a repeat changes nothing.
    """
    if len(rows) > 1:
        body = {"inputs": [row.key_value for row in rows]}
        answer = _call(
            portal, portal.raw("POST", f"{PATH}/batch/unsubscribe-all", body, channel="EMAIL"), priority
        )
        if isinstance(answer, Outcome):
            return Refused(answer)
        if answer.ok and _confirmed(answer):
            return {row.row: _delivered(row) for row in rows}
        refusal = portal.account.refusal(answer) if not answer.ok else None
        if refusal and not (refusal.divisible or answer.status == HTTPStatus.FORBIDDEN):
            return refusal
    return _one_by_one(portal, rows, priority)


def _one_by_one(portal: Portal, rows: Sequence[WriteRow], priority: Priority) -> dict[str, Outcome]:
    """As far as one shows that it cannot be done at all now; then the others need not ask."""
    outcomes: dict[str, Outcome] = {}
    for row in rows:
        outcome = outcomes[row.row] = _one(portal, row, priority)
        if outcome.outcome not in _OF_ONE or outcome.code == OPT_OUT_SCOPE:
            return dict.fromkeys((each.row for each in rows), _unasked(outcome)) | outcomes
    return outcomes


def _unasked(outcome: Outcome) -> Outcome:
    """What one outcome means for those who have not been asked about."""
    unknown = outcome.outcome is OutcomeClass.UNKNOWN
    return msgspec.structs.replace(outcome, outcome=OutcomeClass.TRANSIENT) if unknown else outcome


def _one(portal: Portal, row: WriteRow, priority: Priority) -> Outcome:
    path = f"{PATH}/{quote(row.key_value or '', safe='')}/unsubscribe-all"
    answer = _call(portal, portal.raw("POST", path, channel="EMAIL"), priority)
    if isinstance(answer, Outcome):
        return answer
    if answer.ok or _DONE.search(fault_of(answer).message):
        return _delivered(row)
    outcome = portal.account.refusal(answer).outcome
    if answer.status == HTTPStatus.FORBIDDEN:
        outcome = msgspec.structs.replace(outcome, outcome=OutcomeClass.REJECTED, code=OPT_OUT_SCOPE)
    if outcome.outcome in _OF_THE_DATA:
        return msgspec.structs.replace(outcome, outcome=OutcomeClass.REJECTED, fields=tuple(row.fields))
    return outcome


def _call(portal: Portal, request: Request, priority: Priority) -> Answer | Outcome:
    try:
        return portal.account.call(request, priority)
    except (SyncError, NoAnswer) as error:
        return outcome_of(error)


def _confirmed(answer: Answer) -> bool:
    """Whether an answer, which may be empty, names no address that failed."""
    if not answer.body:
        return True
    try:
        return not answer.parse(_Unsubscribed).errors
    except Transient:
        return False


def _delivered(row: WriteRow) -> Outcome:
    return Outcome(OutcomeClass.DELIVERED, record_id=row.id)
