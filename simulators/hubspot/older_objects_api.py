"""Companies of v2 and deals of v1, read only: values with their sources, paged by the last id."""

from itertools import islice
from typing import Any

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import Body, not_found
from simulators.hubspot.records import Record
from simulators.hubspot.table import Table

_MOST, _USUAL = 250, 100
_PAGE = frozenset({"limit", "offset", "properties", "propertiesWithHistory"})
_DEALS = _PAGE | {"includeAssociations", "includeAllProperties", "allPropertiesFetchMode"}


def endpoints() -> list[Endpoint]:
    """What readers still call of the earlier generations' records."""
    companies, deals = "crm.objects.companies.read", "crm.objects.deals.read"
    return [
        Endpoint("GET", "companies-v2", "/companies/paged", page_of_companies, _PAGE, scope=companies),
        Endpoint("GET", "companies-v2", "/companies/{id}", company, scope=companies),
        Endpoint("GET", "deals-v1", "/deal/paged", page_of_deals, _DEALS, scope=deals),
    ]


def page_of_companies(call: Call) -> Answer:
    table = call.portal.tables["companies"]
    found, more = _page(call, table)
    rows = [_company(call, table, record, call.many("properties")) for record in found]
    return Answer(200, {"companies": rows, "has-more": more, "offset": found[-1].id if found else 0})


def company(call: Call) -> Answer:
    table = call.portal.tables["companies"]
    record = table.find(call.record_id(call.param("id")))
    if record is None:
        raise not_found()
    return Answer(200, _company(call, table, record, [*table.properties]))


def page_of_deals(call: Call) -> Answer:
    table = call.portal.tables["deals"]
    found, more = _page(call, table)
    names = [*table.properties] if call.flag("includeAllProperties") else call.many("properties")
    rows = [_deal(call, table, record, names) for record in found]
    return Answer(200, {"deals": rows, "hasMore": more, "offset": found[-1].id if found else 0})


def _page(call: Call, table: Table) -> tuple[list[Record], bool]:
    """Records after the offset, and whether others follow."""
    limit, offset = call.number("limit", _USUAL, _MOST), int(call.request.one("offset", "0"))
    ids = list(islice(table.ids_from(offset + 1), limit + 1))
    call.request.rows = min(limit, len(ids))
    return [table.live[record_id] for record_id in ids[:limit]], len(ids) > limit


def _company(call: Call, table: Table, record: Record, names: list[str]) -> Body:
    head = {"portalId": call.portal.settings.portal_id, "companyId": record.id, "isDeleted": False}
    return {**head, "properties": _properties(table, record, names)}


def _deal(call: Call, table: Table, record: Record, names: list[str]) -> Body:
    node = (table.type.id, record.id)
    others = {"associatedVids": "0-1", "associatedCompanyIds": "0-2", "associatedDealIds": "0-3"}
    links = call.portal.associations
    linked = {word: [other for other, _ in links.of(node, type_id)] for word, type_id in others.items()}
    head = {"portalId": call.portal.settings.portal_id, "dealId": record.id, "isDeleted": False}
    return {**head, "associations": linked, "properties": _properties(table, record, names)}


def _properties(table: Table, record: Record, names: list[str]) -> dict[str, Any]:
    """Known values by name; the dates and the id, which have no history, are of the record itself."""
    own = {
        "createdate": (str(record.created_ms), record.created_ms),
        "hs_object_id": (str(record.id), record.created_ms),
        table.type.stamp: (str(record.updated_ms), record.updated_ms),
    }
    shown = {name: _value(name, *own[name], "CALCULATED", None) for name in names if name in own}
    for name in names:
        versions = record.history(name) if name in record.values and name not in own else []
        if versions:
            newest = versions[0]
            origin = newest.origin
            shown[name] = _value(name, newest.value, newest.at_ms, origin.source, origin.source_id)
    return shown


def _value(name: str, value: str, at_ms: int, source: str, source_id: str | None) -> Body:
    version = {"name": name, "value": value, "timestamp": at_ms, "source": source, "sourceId": source_id}
    return {
        **{key: version[key] for key in ("value", "timestamp", "source", "sourceId")},
        "versions": [{**version, "sourceVid": []}],
    }
