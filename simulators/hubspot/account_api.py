"""Owners, account details and API usage."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, Page
from simulators.hubspot.errors import not_found
from simulators.hubspot.limits import day_end_ms
from simulators.hubspot.rendering import iso

_MAX_OWNERS = 500


def endpoints() -> list[Endpoint]:
    """Endpoints of owners and account information."""
    listing = frozenset({"email", "limit", "after", "archived"})
    single = frozenset({"idProperty", "archived"})
    scope = "crm.objects.owners.read"
    return [
        Endpoint("GET", "owners", "", owners, listing, scope),
        Endpoint("GET", "owners", "/{owner}", owner, single, scope),
        Endpoint("GET", "account", "/details", details),
        Endpoint("GET", "account", "/api-usage/daily/private-apps", usage),
    ]


def owners(call: Call) -> Answer:
    email, archived = call.request.one("email").lower(), call.flag("archived")
    limit, after = call.number("limit", 100, _MAX_OWNERS), call.number("after", 0, 10**12)
    found = [
        entry
        for entry in call.portal.owners
        if entry["archived"] is archived
        and (not email or entry["email"] == email)
        and int(entry["id"]) > after
    ]
    cursor = found[limit - 1]["id"] if len(found) > limit else None
    return Answer(200, Page(found[:limit], cursor, call.request.path).as_json())


def owner(call: Call) -> Answer:
    name = "userId" if call.request.one("idProperty") == "userId" else "id"
    archived = call.flag("archived")
    for entry in call.portal.owners:
        if str(entry[name]) == call.param("owner") and entry["archived"] is archived:
            return Answer(200, entry)
    raise not_found()


def details(call: Call) -> Answer:
    settings = call.portal.settings
    zone = ZoneInfo(settings.time_zone)
    offset = datetime.fromtimestamp(call.portal.clock.now(), UTC).astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return Answer(
        200,
        {
            "portalId": settings.portal_id,
            "accountType": settings.account_type,
            "timeZone": settings.time_zone,
            "companyCurrency": settings.currency,
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app-eu1.hubspot.com",
            "dataHostingLocation": "eu1",
        },
    )


def usage(call: Call) -> Answer:
    now_ms = call.portal.clock.now_ms()
    settings = call.portal.settings
    entry: dict[str, Any] = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": settings.rate_limit_daily,
        "currentUsage": call.portal.limits.used_today(now_ms),
        "collectedAt": iso(now_ms),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(day_end_ms(now_ms, settings.time_zone)),
    }
    return Answer(200, {"results": [entry]})
