"""Lists and questions for the tests, in the shapes of HubSpot's lists API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain.identity import Crm, FieldValue
from domain.inclusion import InclusionFilter, Verdict, compile_list
from domain.schema import FieldKind, FieldSchema, ObjectSchema, Option

Json = dict[str, Any]
VIENNA = ZoneInfo("Europe/Vienna")


def ms(text: str) -> int:
    """Epoch ms of an ISO datetime; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


NOON = ms("2026-03-11T12:00")  # a Wednesday


def prop(name: str, kind: str, operator: str, **operands: object) -> Json:
    operation = {"operationType": kind, "operator": operator, **operands}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def in_list(list_id: str, operator: str = "IN_LIST") -> Json:
    return {"filterType": "IN_LIST", "listId": list_id, "operator": operator}


def constant(*, accept: bool) -> Json:
    return {"filterType": "CONSTANT", "shouldAccept": accept}


FORM = {"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"}


def all_of(*filters: Json, branches: tuple[Json, ...] = ()) -> Json:
    return {
        "filterBranchType": "AND",
        "filterBranchOperator": "AND",
        "filters": list(filters),
        "filterBranches": list(branches),
    }


def any_of(*branches: Json) -> Json:
    return {
        "filterBranchType": "OR",
        "filterBranchOperator": "OR",
        "filters": [],
        "filterBranches": list(branches),
    }


def a_list(*groups: Json, list_id: str = "1", name: str = "Sync", processing: str = "DYNAMIC") -> Json:
    return {"listId": list_id, "name": name, "processingType": processing, "filterBranch": any_of(*groups)}


def only(*filters: Json, **options: Any) -> InclusionFilter:
    """A list with one group."""
    return compile_list(a_list(all_of(*filters)), schema=None, **options)


def explain(
    compiled: InclusionFilter,
    values: Mapping[str, FieldValue] | None = None,
    *,
    now: int = NOON,
    zone: ZoneInfo = VIENNA,
    **known: Mapping[str, Any],
) -> Verdict:
    """Ask for the verdict, and see to it that the quick answer is the same."""
    verdict = compiled.explain(values or {}, now=now, zone=zone, **known)
    assert compiled.member(values or {}, now=now, zone=zone, **known) is verdict.member
    return verdict


def contact_schema() -> ObjectSchema:
    """Email, Country (Austria, Germany, France), Interests (several), Create date."""
    options = (Option("AT", "Austria"), Option("DE", "Germany"), Option("FR", "France"))
    fields = (
        FieldSchema("email", "Email", FieldKind.EMAIL, "string/text"),
        FieldSchema("country", "Country", FieldKind.PICKLIST, "enumeration/select", options=options),
        FieldSchema("interests", "Interests", FieldKind.MULTIPICKLIST, "enumeration/checkbox"),
        FieldSchema("createdate", "Create date", FieldKind.DATETIME, "datetime/date"),
    )
    return ObjectSchema(Crm.HUBSPOT, "contacts", {field.name: field for field in fields})
