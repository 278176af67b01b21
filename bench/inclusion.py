"""How many times a second a list decides: five filters, one of them a rolling date, and thirty filters."""

import time
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from domain.inclusion import InclusionFilter, compile_list

NOW = 1_773_230_400_000  # 2026-03-11T12:00Z
ZONE = ZoneInfo("Europe/Vienna")
SECONDS = 1.0
VALUES = {
    "email": "ada@example.com",
    "country": "AT",
    "lifecyclestage": "lead",
    "city": "Wien",
    "employees": "250",
    "createdate": "2026-03-10T08:00:00.000Z",
}


def prop(name: str, kind: str, operator: str, **operands: object) -> dict[str, object]:
    operation = {"operationType": kind, "operator": operator, **operands}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


PLAIN = [
    prop("email", "ALL_PROPERTY", "IS_KNOWN"),
    prop("country", "ENUMERATION", "IS_ANY_OF", values=["AT", "DE", "CH"]),
    prop("lifecyclestage", "ENUMERATION", "IS_NONE_OF", values=["subscriber", "other"]),
    prop("city", "MULTISTRING", "DOES_NOT_CONTAIN", values=["test"]),
    prop("employees", "NUMBER", "IS_GREATER_THAN", value=100),
]
ROLLING = prop("createdate", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=30)


def definition(filters: list[dict[str, object]]) -> dict[str, object]:
    """A list whose members satisfy all of the filters, as HubSpot shows it."""
    group = {"filterBranchType": "AND", "filters": filters, "filterBranches": []}
    tree = {"filterBranchType": "OR", "filters": [], "filterBranches": [group]}
    return {"listId": "1", "name": "Bench", "filterBranch": tree}


def compiled(filters: list[dict[str, object]]) -> InclusionFilter:
    return compile_list(definition(filters), schema=None)


def per_second(ask: Callable[[], object]) -> float:
    rounds, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SECONDS:
        for _ in range(1000):
            ask()
        rounds += 1000
    return rounds / elapsed


def main() -> None:
    lists = {
        "5 filters": compiled(PLAIN),
        "5 filters, one rolling": compiled([*PLAIN[:4], ROLLING]),
        "30 filters": compiled(PLAIN * 6),
    }
    for name, chosen in lists.items():
        members = per_second(partial(chosen.member, VALUES, now=NOW, zone=ZONE))
        reasons = per_second(partial(chosen.explain, VALUES, now=NOW, zone=ZONE))
        print(f"{name:24} {members:>9,.0f} members/s {reasons:>9,.0f} explanations/s")


if __name__ == "__main__":
    main()
