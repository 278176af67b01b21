"""Fills an org with people, without the checks of a save."""

from typing import TYPE_CHECKING, Any

from simulators import people
from simulators.salesforce import times
from simulators.salesforce.derived import derive
from simulators.salesforce.org import Org

if TYPE_CHECKING:
    from simulators.salesforce.store import Record

_SPAN_S = 90 * 86_400


def seed(org: Org, spec: dict[str, Any]) -> dict[str, int]:
    """Add `people` people at the `overlap` and `seed` given; their records are up to 90 days old."""
    count, number, overlap = (
        int(spec.get("people", 100)),
        int(spec.get("seed", 1)),
        float(spec.get("overlap", 0.6)),
    )
    rows = people.roster(people.people(count, seed=number), overlap=overlap, seed=number)
    accounts: dict[str, str] = {}
    end = org.now() - 1
    step = _SPAN_S / max(1, len(rows.leads) + len(rows.contacts))
    for order, (entity, row) in enumerate(_interleaved(rows)):
        at = end - _SPAN_S + step * order
        company = row.pop("Account.Name", None)
        if company is not None:
            row["AccountId"] = accounts.get(company) or _account(org, accounts, company, at)
        _put(org, entity, row, at)
    return {"leads": len(rows.leads), "contacts": len(rows.contacts), "accounts": len(accounts)}


def _interleaved(rows: people.Roster) -> list[tuple[str, people.Row]]:
    """Leads and contacts in turn, so that both are of all ages."""
    placed = [
        (at / len(given), entity, row)
        for entity, given in (("Lead", rows.leads), ("Contact", rows.contacts))
        for at, row in enumerate(given)
    ]
    return [(entity, row) for _, entity, row in sorted(placed, key=lambda item: item[0])]


def _account(org: Org, accounts: dict[str, str], company: str, at: float) -> str:
    known = org.tables["Account"].live.find("Name", company)
    accounts[company] = known[0] if known else _put(org, "Account", {"Name": company}, at)
    return accounts[company]


def _put(org: Org, entity: str, given: dict[str, Any], at: float) -> str:
    table = org.tables[entity]
    stamp = times.stamp(at)
    row: Record = {
        "Id": org.ids.next(table.described.prefix),
        **table.described.defaults(),
        **given,
        "OwnerId": org.person_user,
        "CreatedDate": stamp,
        "CreatedById": org.person_user,
        "LastModifiedDate": stamp,
        "LastModifiedById": org.person_user,
        "SystemModstamp": stamp,
    }
    derive(org, table.described, row)
    table.live.put(row)
    if table.visible is not table.live:
        table.visible.put(row)
    return str(row["Id"])
