"""Subscription preferences, v4: kinds of e-mail, statuses of addresses, and opting out of everything."""

from typing import Any

from simulators.base import Answer
from simulators.clock import iso_ms
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import Body, invalid
from simulators.hubspot.properties import BadValueError, clean_email
from simulators.hubspot.subscriptions import NOT_SPECIFIED, SUBSCRIBED, UNSUBSCRIBED, Status

_LIMIT = 100
_LEGAL_BASES = {
    "LEGITIMATE_INTEREST_PQL",
    "LEGITIMATE_INTEREST_CLIENT",
    "LEGITIMATE_INTEREST_OTHER",
    "PERFORMANCE_OF_CONTRACT",
    "CONSENT_WITH_NOTICE",
    "NON_GDPR",
    "PROCESS_AND_STORE",
}
_STATUS = {"subscriptionId", "statusState", "channel", "legalBasis", "legalBasisExplanation"}
_READ = "communication_preferences.read|communication_preferences.read_write"
_WRITE = "communication_preferences.write|communication_preferences.read_write"
_BATCH = "communication_preferences.statuses.batch"


def endpoints() -> list[Endpoint]:
    """Endpoints of subscription preferences."""
    unit = frozenset({"businessUnitId"})
    channel = unit | {"channel"}
    verbose = channel | {"verbose"}
    one, everything = "/statuses/{email}", "/statuses/{email}/unsubscribe-all"
    batch = "/statuses/batch"

    def post(path: str, handler: Any, query: frozenset[str], scope: str) -> Endpoint:
        return Endpoint("POST", "subscriptions", path, handler, query, scope)

    def get(path: str, handler: Any, query: frozenset[str]) -> Endpoint:
        return Endpoint("GET", "subscriptions", path, handler, query, _READ)

    return [
        get("/definitions", definitions, unit | {"includeTranslations"}),
        post(f"{batch}/read", batch_read, channel, f"{_BATCH}.read"),
        post(f"{batch}/unsubscribe-all/read", batch_read_wide, channel, f"{_BATCH}.read"),
        post(f"{batch}/unsubscribe-all", batch_unsubscribe, verbose, f"{_BATCH}.write"),
        get(one, statuses, channel),
        post(one, set_status, frozenset(), _WRITE),
        get(everything, wide_status, verbose),
        post(everything, unsubscribe, verbose, _WRITE),
    ]


def definitions(call: Call) -> Answer:
    return _complete(call, call.portal.subscriptions.definitions)


def statuses(call: Call) -> Answer:
    _check_channel(call)
    return _complete(call, _all(call, _address(call.param("email"))))


def set_status(call: Call) -> Answer:
    body = call.body(_STATUS, {"subscriptionId", "statusState", "channel"})
    address, subscription, state = _address(call.param("email")), body["subscriptionId"], body["statusState"]
    if body["channel"] != "EMAIL":
        raise invalid(f"Invalid channel: {body['channel']}")
    if state not in {SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED}:
        raise invalid(f"Invalid statusState: {state}")
    if body.get("legalBasis") not in {None, *_LEGAL_BASES}:
        raise invalid(f"Invalid legalBasis: {body['legalBasis']}")
    known = call.portal.subscriptions
    if subscription not in known.ids:
        raise invalid(f"Subscription {subscription} does not exist")
    before = known.status(address, subscription).state
    if state == SUBSCRIBED and address in known.opted_out:
        call.portal.opt_in(address, call.origin)
    basis, explanation = body.get("legalBasis"), body.get("legalBasisExplanation")
    known.put(address, subscription, Status(state, call.portal.clock.now_ms(), "API", basis, explanation))
    resubscribed = (before, state) == (UNSUBSCRIBED, SUBSCRIBED)
    reason = "RESUBSCRIBE_OCCURRED" if resubscribed else "REQUESTED_CHANGE_OCCURRED"
    reason = "NO_STATUS_CHANGE" if before == state else reason
    return _complete(call, [_shown(call, address, subscription, reason)])


def wide_status(call: Call) -> Answer:
    return _complete(call, _wide(call, _address(call.param("email"))))


def unsubscribe(call: Call) -> Answer:
    _check_channel(call)
    address = _address(call.param("email"))
    if call.portal.settings.unsubscribe_twice == "refuse" and address in call.portal.subscriptions.opted_out:
        raise invalid(f"{address} is already unsubscribed from all email")
    call.request.rows = 1
    return _answer(call, _opt_out(call, address))


def batch_read(call: Call) -> Answer:
    _check_channel(call)
    return _complete(
        call, [{"subscriberIdString": each, "statuses": _all(call, each)} for each in _inputs(call)]
    )


def batch_read_wide(call: Call) -> Answer:
    _check_channel(call)
    return _complete(
        call, [{"subscriberIdString": each, "wideStatuses": _wide(call, each)} for each in _inputs(call)]
    )


def batch_unsubscribe(call: Call) -> Answer:
    _check_channel(call)
    addresses = _inputs(call)
    call.request.rows = len(addresses)
    return _answer(
        call, [{"subscriberIdString": each, "statuses": _opt_out(call, each)} for each in addresses]
    )


def _opt_out(call: Call, address: str) -> list[Body]:
    changed = call.portal.opt_out(address, call.origin)
    reason = "UNSUBSCRIBE_FROM_ALL_OCCURRED" if changed else "NO_STATUS_CHANGE"
    return [_shown(call, address, each, reason) for each in call.portal.subscriptions.ids]


def _check_channel(call: Call) -> None:
    channel = call.request.one("channel")
    if channel != "EMAIL":
        raise invalid(f"Invalid channel: {channel}" if channel else "channel query parameter is required")


def _inputs(call: Call) -> list[str]:
    given = call.body({"inputs"}, {"inputs"})["inputs"]
    if len(given) > _LIMIT:
        raise invalid(f"The maximum number of inputs supported in a batch request is {_LIMIT}")
    return [_address(each) for each in given]


def _address(text: Any) -> str:
    try:
        return clean_email(str(text))
    except BadValueError as bad:
        raise invalid(bad.message) from None


def _all(call: Call, address: str) -> list[Body]:
    return [_shown(call, address, each) for each in call.portal.subscriptions.ids]


def _shown(call: Call, address: str, subscription: int, reason: str | None = None) -> Body:
    status = call.portal.subscriptions.status(address, subscription)
    return {
        "businessUnitId": 0,
        "channel": "EMAIL",
        "subscriberIdString": address,
        "subscriptionId": subscription,
        "status": status.state,
        "source": status.source,
        "legalBasis": status.legal_basis,
        "legalBasisExplanation": status.explanation,
        "setStatusSuccessReason": reason,
        "timestamp": iso_ms(status.at_ms),
    }


def _wide(call: Call, address: str) -> list[Body]:
    out_ms = call.portal.subscriptions.opted_out.get(address)
    if out_ms is None:
        return []
    return [
        {
            "businessUnitId": 0,
            "channel": "EMAIL",
            "subscriberIdString": address,
            "status": UNSUBSCRIBED,
            "timestamp": iso_ms(out_ms),
            "wideStatusType": "PORTAL_WIDE",
        }
    ]


def _answer(call: Call, results: list[Body]) -> Answer:
    """Without `verbose` the answer shows no result."""
    if not call.flag("verbose") and call.portal.settings.unsubscribe_answer == "empty":
        return Answer(204)
    return _complete(call, results if call.flag("verbose") else [])


def _complete(call: Call, results: list[Body]) -> Answer:
    now = iso_ms(call.portal.clock.now_ms())
    return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})
