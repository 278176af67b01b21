"""Checks of one account: what it says about itself, and what it lets us do."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from domain.errors import SyncError
from domain.identity import Crm
from domain.rules import formula_of
from domain.schema import ObjectSchema
from workers.configuration import Budget, ConnectionOptions
from workers.doctor.findings import NAMES, Finding, Health, refused
from workers.ports import CrmGateway, Particulars, ProvisioningGateway, RuleGateway

SKEW_MS = 5_000
"""More than this between our clock and a CRM's is worth a warning."""

WORST_SKEW_MS = 120_000
"""From here on logins and webhook signatures, which are good for minutes, begin to fail."""

DAY_SECONDS = 86_400


def check_clock(crm: Crm, skew_ms: int) -> Iterator[Finding]:
    """``skew_ms``: the CRM's clock less ours."""
    off = abs(skew_ms)
    if off <= SKEW_MS:
        yield Finding(Health.OK, f"Our clock and {NAMES[crm]}'s agree.")
        return
    health = Health.FAIL if off > WORST_SKEW_MS else Health.WARN
    side = "behind" if skew_ms > 0 else "ahead of"
    what = f"Our clock is {off // 1000} s {side} {NAMES[crm]}'s."
    yield Finding(health, what, "Let this machine set its clock by NTP.")


def check_zone(crm: Crm, zone: str) -> Iterator[Finding]:
    """Whether the account's time zone is one that this machine knows: lists' dates depend on it."""
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        what = f"{NAMES[crm]}'s time zone \"{zone}\" is not in this machine's time-zone data."
        yield Finding(Health.FAIL, what, "Update the tzdata package, or choose another zone in the account.")
    else:
        yield Finding(Health.OK, f"{NAMES[crm]}'s time zone is {zone}.")


def check_budget(
    crm: Crm, account: Particulars, options: ConnectionOptions, *, objects: int
) -> Iterator[Finding]:
    """Whether the day's calls are enough for polling alone."""
    limit, used = account.calls_per_day, account.calls_used
    allowed = _allowed(options.budgets[crm], limit)
    if allowed is None:
        what = f"{NAMES[crm]} does not say how many calls a day it takes."
        yield Finding(Health.WARN, what, f"Set {crm}: api_call_limit: {{per_day: ...}}.")
        return
    polls = objects * DAY_SECONDS // options.poll_seconds
    if limit is not None and used >= limit:
        what = f"{NAMES[crm]}'s calls of the day are used up ({used:,} of {limit:,})."
        yield Finding(Health.FAIL, what, "Wait until they are given anew, or see who else calls.")
    elif polls * 2 > allowed:
        what = f"Polling alone takes {polls:,} of the {allowed:,} calls a day that {NAMES[crm]} may be asked."
        needed = -(-2 * objects * DAY_SECONDS // max(1, allowed))
        remedy = f"Poll less often (polling: {{interval: {needed}s}}), or raise api_call_limit."
        yield Finding(Health.WARN, what, remedy)
    else:
        what = f"{NAMES[crm]} may be asked {allowed:,} times a day; polling takes {polls:,}."
        yield Finding(Health.OK, what)


def _allowed(budget: Budget, limit: int | None) -> int | None:
    bounds = [] if limit is None else [int(limit * budget.share)]
    bounds += [] if budget.per_day is None else [budget.per_day]
    return min(bounds, default=None)


def check_rights(
    crm: Crm, provisioning: ProvisioningGateway, objects: Sequence[str], *, opt_outs: bool
) -> Iterator[Finding]:
    """Whether the credential may do all that syncing takes, and opting people out with it."""
    try:
        lacking = provisioning.lacking(objects, opt_outs=opt_outs)
    except SyncError as error:
        yield refused(crm, f"{NAMES[crm]} does not say what the credential may do", error)
        return
    for right in lacking:
        yield Finding(Health.FAIL, f"The {NAMES[crm]} credential lacks {right}.", GRANTS[crm])
    if not lacking:
        yield Finding(Health.OK, f"The {NAMES[crm]} credential lacks no right that is known to be needed.")


def check_rules(gateway: RuleGateway, objects: Sequence[str]) -> Iterator[Finding]:
    """Whether the validation rules can be read; without them every write is left to Salesforce to judge."""
    try:
        found = [rule for name in objects for rule in gateway.rules(name, {})]
    except SyncError as error:
        what = f"Salesforce's validation rules cannot be read ({error.code}): writes are not checked by them."
        remedy = "Grant the integration user View Setup and Configuration, if they are to be checked before."
        yield Finding(Health.WARN, what, remedy)
        return
    unread = [rule.name for rule in found if formula_of(rule.formula) is None]
    if unread:
        what = (
            f"Salesforce's validation rules {', '.join(unread)} have formulas that crmsync cannot evaluate."
        )
        yield Finding(Health.WARN, what, "Nothing: Salesforce judges by them itself.")
    yield Finding(Health.OK, f"Salesforce's active validation rules can be read: {len(found)}.")


GRANTS = {
    Crm.HUBSPOT: "Add it to the app or service key that the token belongs to.",
    Crm.SALESFORCE: "Grant it to the integration user in a permission set.",
}


def check_reading(
    crm: Crm,
    gateway: CrmGateway,
    objects: Sequence[str],
    schemas: dict[tuple[Crm, str], ObjectSchema],
) -> Iterator[Finding]:
    """Whether fields, records and owners can be read; adds the schemas."""
    for name in objects:
        try:
            schema = gateway.describe(name)
            gateway.ids(name, after=None)
        except SyncError as error:
            yield refused(crm, f"{NAMES[crm]}'s {name} cannot be read", error)
            continue
        schemas[crm, name] = schema
        yield Finding(Health.OK, f"{NAMES[crm]}'s {name} can be read.")
    try:
        gateway.owners()
    except SyncError as error:
        yield refused(crm, f"{NAMES[crm]}'s owners cannot be read", error)
