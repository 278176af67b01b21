"""Values which the platform keeps itself: full names, and what stages, statuses and members imply."""

from simulators.salesforce.org import Org
from simulators.salesforce.schema import SObject
from simulators.salesforce.store import Record

_PROBABILITY = {
    "Prospecting": 10,
    "Qualification": 10,
    "Needs Analysis": 20,
    "Value Proposition": 50,
    "Id. Decision Makers": 60,
    "Perception Analysis": 70,
    "Proposal/Price Quote": 75,
    "Negotiation/Review": 90,
    "Closed Won": 100,
    "Closed Lost": 0,
}


def derive(org: Org, described: SObject, row: Record) -> None:
    """Bring the derived values of a row up to date."""
    if described.name in ("Lead", "Contact", "User"):
        _set(row, "Name", " ".join(filter(None, (row.get("FirstName"), row.get("LastName")))))
    elif described.name == "Opportunity":
        _opportunity(row)
    elif described.name == "CampaignMember":
        _campaign_member(org, row)
    elif described.name == "Task":
        _set(row, "IsClosed", row.get("Status") == "Completed")
        _set(row, "IsHighPriority", row.get("Priority") == "High")


def _set(row: Record, name: str, value: object) -> None:
    if value:
        row[name] = value
    else:
        row.pop(name, None)


def _opportunity(row: Record) -> None:
    stage = row.get("StageName", "")
    row.setdefault("Probability", float(_PROBABILITY.get(stage, 0)))
    _set(row, "IsWon", stage == "Closed Won")
    _set(row, "IsClosed", stage.startswith("Closed"))
    category = "Closed" if stage == "Closed Won" else "Omitted" if stage == "Closed Lost" else "Pipeline"
    row["ForecastCategory"] = row["ForecastCategoryName"] = category
    _set(row, "ExpectedRevenue", row.get("Amount", 0) * row["Probability"] / 100)


def _campaign_member(org: Org, row: Record) -> None:
    kind = "Contact" if row.get("ContactId") else "Lead"
    person_id = row.get("ContactId") or row.get("LeadId")
    person = org.tables[kind].live.by_id.get(person_id or "", {})
    row["Type"] = kind
    _set(row, "LeadOrContactId", person_id)
    _set(row, "HasResponded", row.get("Status") == "Responded")
    for name in ("Salutation", "Name", "FirstName", "LastName", "Title", "Email", "Phone"):
        _set(row, name, person.get(name))
    account = org.tables["Account"].live.by_id.get(person.get("AccountId", ""), {})
    _set(row, "CompanyOrAccount", person.get("Company") or account.get("Name"))
