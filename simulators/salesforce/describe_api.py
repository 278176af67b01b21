"""Versions, resources, limits and describes."""

from typing import Any

from simulators.base import Answer, Request
from simulators.salesforce.bodies import find_object
from simulators.salesforce.calls import Call
from simulators.salesforce.describe import global_entry, object_describe, record_type_info
from simulators.salesforce.org import Org
from simulators.salesforce.schema import SObject

NEWEST = 68
_SEASONS = ("Spring", "Summer", "Winter")
_RESOURCES = ("sobjects", "query", "queryAll", "limits", "composite", "tooling", "jobs")


def versions(oldest: int) -> list[dict[str, str]]:
    """All API versions, the oldest first; v66.0 is Spring '26."""
    found = []
    for number in range(oldest + 1, NEWEST + 1):
        year, season = divmod(number - 66, 3)
        label = f"{_SEASONS[season]} '{(26 + year + (season == 2)) % 100:02d}"  # noqa: PLR2004 - Winter is next year's
        found.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return found


def resources(call: Call) -> Answer:
    org = call.org
    identity = f"https://login.salesforce.com/id/{org.organization_id}/{call.actor.user_id}"
    return Answer(200, {**{name: f"{call.base}/{name}" for name in _RESOURCES}, "identity": identity})


def limits(call: Call) -> Answer:
    org = call.org
    most = org.settings.daily_limit
    calls = {"Max": most, "Remaining": max(0, most - org.used_calls())}
    others = {
        "DailyAsyncApexExecutions": 250_000,
        "DailyBulkApiBatches": 15_000,
        "DailyBulkV2QueryFileStorageMB": 976_562,
        "DailyBulkV2QueryJobs": 10_000,
        "DailyDeliveredPlatformEvents": 25_000,
        "DailyStreamingApiEvents": 200_000,
        "DataStorageMB": 1_024,
        "FileStorageMB": 1_024,
        "HourlyPublishedPlatformEvents": 250_000,
        "MonthlyPlatformEventsUsageEntitlement": 750_000,
    }
    untouched = {name: {"Max": count, "Remaining": count} for name, count in others.items()}
    return Answer(200, {"DailyApiRequests": calls, **untouched})


def record_count(call: Call) -> Answer:
    names = [name for name in call.request.one("sObjects").split(",") if name]
    found = (
        [call.org.schema.find(name) for name in names] if names else list(call.org.schema.objects.values())
    )
    counts = [
        {"count": len(call.org.tables[one.name].visible.by_id), "name": one.name} for one in found if one
    ]
    return Answer(200, {"sObjects": counts})


def describe_global(call: Call) -> Answer:
    org = call.org
    if call.unmodified(org.schema_stamp):
        return Answer(304)
    seen = [one for one in org.schema.objects.values() if org.sees(call.actor, one.name)]
    sobjects = [global_entry(one, call.base, org.locked_for(call.actor)) for one in seen]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})


def describe(call: Call) -> Answer:
    org = call.org
    described = find_object(org, call.actor, call.params["object"])
    if call.unmodified(org.schema_stamp):
        return Answer(304)
    body = object_describe(
        described,
        org.schema,
        call.base,
        instance_url(org, call.request),
        visible=org.visible_fields(call.actor, described),
        locked=org.locked_for(call.actor),
        record_types=_record_types(org, described, call.base),
    )
    return Answer(200, body)


def _record_types(org: Org, described: SObject, base: str) -> list[dict[str, Any]]:
    rows = [
        row
        for row in org.tables["RecordType"].live.by_id.values()
        if row.get("SobjectType") == described.name
    ]
    return [
        record_type_info(
            described.name, base, row["Id"], row["Name"], row["DeveloperName"], master=False, default=at == 0
        )
        for at, row in enumerate(rows)
    ]


def instance_url(org: Org, request: Request) -> str:
    return org.settings.instance_url or f"https://{request.headers.get('host', '')}"
