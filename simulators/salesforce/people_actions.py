"""What people do in the org's own screens, beyond saving a record: merge and convert."""

from collections.abc import Sequence
from typing import Any

from simulators.salesforce import dml
from simulators.salesforce.bodies import parse
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.ids import normalise
from simulators.salesforce.org import Org
from simulators.salesforce.schema import SObject
from simulators.salesforce.store import Record
from simulators.salesforce.transactions import Transaction


def merge(work: Transaction, described: SObject, keys: Sequence[str]) -> str:
    """Merge the later records into the first: they are deleted and name it, their children move to it."""
    org = work.org
    survivor, *losers = (dml.existing(org, described, normalise(key) or key) for key in keys)
    filled: Record = {}
    for loser in losers:
        filled = {name: value for name, value in loser.items() if name not in survivor} | filled
        dml.rewrite(work, described, loser, IsDeleted=True, MasterRecordId=survivor["Id"])
        _move_children(work, described, loser["Id"], survivor["Id"])
    ours = {name: value for name, value in filled.items() if described.fields[name].updateable}
    dml.rewrite(work, described, survivor, **ours)
    return str(survivor["Id"])


def _move_children(work: Transaction, described: SObject, loser: str, survivor: str) -> None:
    org = work.org
    for child, entry in org.schema.children_of(described):
        live = org.tables[child.name].live
        if entry.name in ("MasterRecordId", "LeadOrContactId") or entry.name not in live.lookups:
            continue
        for one in live.find(entry.name, loser):
            dml.rewrite(work, child, live.by_id[one], **{entry.name: survivor})


def convert(
    work: Transaction, lead_id: str, *, account_id: str | None, opportunity: str | None
) -> dict[str, Any]:
    """Turn a lead into a contact of a new or given account; `opportunity` is the name of one to create."""
    org, schema = work.org, work.org.schema.objects
    lead = dml.existing(org, schema["Lead"], normalise(lead_id) or lead_id)
    if lead.get("IsConverted"):
        raise RowErrors(
            [ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])]
        )
    work.actor.without_rules = not org.settings.rules_on_conversion
    account = account_id or dml.insert(work, schema["Account"], _account_values(lead))
    contact = dml.insert(work, schema["Contact"], _contact_values(org, lead) | {"AccountId": account})
    deal = _opportunity(work, account, opportunity) if opportunity else None
    dml.rewrite(
        work,
        schema["Lead"],
        lead,
        IsConverted=True,
        Status="Closed - Converted",
        ConvertedDate=work.stamp[:10],
        ConvertedAccountId=account,
        ConvertedContactId=contact,
        ConvertedOpportunityId=deal,
    )
    return {"leadId": lead["Id"], "accountId": account, "contactId": contact, "opportunityId": deal}


def _account_values(lead: Record) -> dict[str, Any]:
    address = {
        f"Billing{name}": lead.get(name) for name in ("Street", "City", "State", "PostalCode", "Country")
    }
    same = {name: lead.get(name) for name in ("Website", "Industry", "NumberOfEmployees", "AnnualRevenue")}
    return _filled({"Name": lead["Company"], "Phone": lead.get("Phone"), **same, **address})


def _contact_values(org: Org, lead: Record) -> dict[str, Any]:
    """The lead's values by field name, custom fields too, its address as the mailing address."""
    custom = (False, True) if org.settings.conversion_maps_custom_fields else (False,)
    fields = {
        name: entry
        for name, entry in org.schema.objects["Contact"].fields.items()
        if entry.createable and not entry.defaulted and entry.custom in custom
    }
    same = {name: value for name, value in lead.items() if name in fields}
    address = {
        f"Mailing{name}": lead.get(name) for name in ("Street", "City", "State", "PostalCode", "Country")
    }
    return _filled({**same, **address})


def _opportunity(work: Transaction, account: str, name: str) -> str:
    described = work.org.schema.objects["Opportunity"]
    body = {"Name": name, "StageName": "Qualification", "CloseDate": work.stamp[:10], "AccountId": account}
    return dml.insert(work, described, parse(work.org, work.actor, described, body))


def _filled(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
