"""Our evaluation of lists beside HubSpot's, as the simulator has it: random contacts, random filter trees.

The two share no code. Moments keep away from what HubSpot's pages leave open: where within a day "three days
from now" ends.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.identity import FieldValue
from domain.inclusion import compile_list
from simulators import hubspot
from simulators.clock import iso_ms
from simulators.hubspot.filters import Surroundings, compile_filter
from simulators.hubspot.records import Origin, Record
from tests.domain.inclusion.builders import Json, a_list, all_of, any_of, in_list, ms, prop

NOW = ms("2026-03-11T12:00")
DAY = 86_400_000
ZONE = "Europe/Vienna"
SOMEBODY = Origin("CRM_UI", "1")
WORDS = ("Wien", "wien west", "Graz", "Linz-Nord", "hub", "HubSpot")
OPTIONS = ("red", "blue", "green")
TEXTS, NUMBERS, FLAG, CHOICE, CHOICES, MOMENTS = (
    ("city", "company"),
    ("num_conversion_events", "num_associated_deals"),
    "hs_email_optout",
    "lifecyclestage",
    "hs_persona",
    ("closedate", "recent_conversion_date"),
)
NAMES = (*TEXTS, *NUMBERS, FLAG, CHOICE, CHOICES, *MOMENTS)
BASES = ("1", "2", "3")
"""Lists that others refer to."""


@dataclass(frozen=True)
class Somebody:
    """One contact, as both sides take it."""

    record: Record
    values: Mapping[str, FieldValue]
    changed_at: Mapping[str, int]


def a_value(random: Random, name: str) -> FieldValue:
    return None if random.random() < 0.2 else _KINDS[name](random)


def odd_days(random: Random) -> int:
    return random.choice((-401, -91, -31, -9, -5, -1, 1, 5, 9, 33))


_KINDS: dict[str, Callable[[Random], FieldValue]] = {
    **dict.fromkeys(TEXTS, lambda random: random.choice(WORDS)),
    **dict.fromkeys(NUMBERS, lambda random: random.choice(("0", "5", "10", "10.50", "-3"))),
    FLAG: lambda random: random.choice(("true", "false")),
    CHOICE: lambda random: random.choice(OPTIONS),
    CHOICES: lambda random: ";".join(random.sample(OPTIONS, random.randint(1, 3))),
    **dict.fromkeys(MOMENTS, lambda random: iso_ms(NOW + odd_days(random) * DAY)),
}


def somebody(random: Random, record_id: int) -> Somebody:
    born = NOW - 701 * DAY
    values = {name: a_value(random, name) for name in NAMES}
    record = Record(record_id, {name: value for name, value in values.items() if value}, born, SOMEBODY)
    changed = dict.fromkeys(record.values, born)
    for name in random.sample(NAMES, 2):
        at, value = NOW - abs(odd_days(random)) * DAY, a_value(random, name)
        if value and value != values[name]:
            record.put({name: value}, at, SOMEBODY)
            values[name], changed[name] = value, at
    return Somebody(record, values, changed)


# -- filters


def a_filter(random: Random) -> Json:
    blank = {"includeObjectsWithNoValueSet": random.random() < 0.3}
    kinds = (_of_text, _of_number, _of_option, _of_flag, _of_presence, _of_day, _of_moment, _of_change)
    name, kind, operator, operands = random.choice(kinds)(random)
    return prop(name, kind, operator, **operands, **blank)


BETWEEN = ("IS_BETWEEN", "IS_NOT_BETWEEN")
SIGNS = (
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL_TO",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL_TO",
    "EQUAL_TO",
    "NOT_EQUAL_TO",
)
SPANS = ("IN_THIS_TIME_UNIT", "IN_THIS_TIME_UNIT_SO_FAR", "IN_NEXT_TIME_UNIT", "IN_LAST_TIME_UNIT")
UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")

Asked = tuple[str, str, str, dict[str, Any]]


def _of_text(random: Random) -> Asked:
    positive = ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "CONTAINS", "DOES_NOT_CONTAIN", "STARTS_WITH", "ENDS_WITH")
    name, words = random.choice(TEXTS), random.sample(WORDS, 2)
    if random.random() < 0.5:
        return name, "STRING", random.choice(positive), {"value": words[0]}
    whole = ("CONTAINS_EXACTLY", "DOES_NOT_CONTAIN_EXACTLY")
    return name, "MULTISTRING", random.choice((*positive, *whole)), {"values": words}


def _of_number(random: Random) -> Asked:
    name = random.choice(NUMBERS)
    if random.random() < 0.3:
        return name, "NUMBER_RANGED", random.choice(BETWEEN), {"lowerBound": 0, "upperBound": 10}
    return name, "NUMBER", f"IS_{random.choice(SIGNS)}", {"value": random.choice((0, 5, 10.5))}


def _of_option(random: Random) -> Asked:
    operators = (
        "IS_ANY_OF",
        "IS_NONE_OF",
        "IS_EXACTLY",
        "IS_NOT_EXACTLY",
        "CONTAINS_ALL",
        "DOES_NOT_CONTAIN_ALL",
    )
    values = random.sample(OPTIONS, random.randint(1, 2))
    return random.choice((CHOICE, CHOICES)), "ENUMERATION", random.choice(operators), {"values": values}


def _of_flag(random: Random) -> Asked:
    return FLAG, "BOOL", random.choice(("IS_EQUAL_TO", "IS_NOT_EQUAL_TO")), {"value": random.random() < 0.5}


def _of_presence(random: Random) -> Asked:
    return random.choice(NAMES), "ALL_PROPERTY", random.choice(("IS_KNOWN", "IS_UNKNOWN")), {}


def _of_day(random: Random) -> Asked:
    name = random.choice(MOMENTS)
    if random.random() < 0.5:
        side, end = random.choice(("LESS", "MORE")), random.choice(("AGO", "FROM_NOW"))
        days = {"numberOfDays": random.choice((2, 6, 30)), "requiresTimeZoneConversion": True}
        return name, "ROLLING_DATE_RANGE", f"IS_{side}_THAN_X_DAYS_{end}", days
    unit = {"timeUnit": random.choice(UNITS), "timeUnitCount": 2, "useFiscalYear": False}
    return name, "CALENDAR_DATE", random.choice(SPANS), unit


def _point(random: Random) -> Json:
    zone = {"timezoneSource": "CUSTOM", "zoneId": ZONE}
    if random.random() < 0.5:
        day = {"year": 2026, "month": random.randint(1, 12), "day": random.randint(1, 28)}
        return {"timeType": "DATE", **zone, **day, "hour": 0, "minute": 0, "second": 0, "millisecond": 0}
    reference = {"referenceType": random.choice(("NOW", "TODAY", "WEEK", "MONTH", "QUARTER", "YEAR"))}
    offset = {"days": random.choice((-30, -2, 0, 6))}
    return {"timeType": "INDEXED", **zone, "indexReference": reference, "offset": offset}


def _of_moment(random: Random) -> Asked:
    name, ends = random.choice(MOMENTS), random.choice(("INCLUSIVE", "EXCLUSIVE"))
    if random.random() < 0.5:
        point = {"timePoint": _point(random), "endpointBehavior": ends, "propertyParser": "VALUE"}
        return name, "TIME_POINT", random.choice(("IS_BEFORE", "IS_AFTER")), point
    points = {f"{end}TimePoint": _point(random) for end in ("lowerBound", "upperBound")}
    behaviours = {f"{end}EndpointBehavior": ends for end in ("lowerBound", "upperBound")}
    operands = {**points, **behaviours, "propertyParser": "VALUE"}
    return name, "TIME_RANGED", random.choice(BETWEEN), operands


def _of_change(random: Random) -> Asked:
    operator = random.choice(("UPDATED_IN_LAST_X_DAYS", "NOT_UPDATED_IN_LAST_X_DAYS"))
    days = {"numberOfDays": random.choice((2, 6, 30))}
    return random.choice(NAMES), "ROLLING_PROPERTY_UPDATED", operator, days


def a_branch(random: Random, *, refers: bool) -> Json:
    filters = [a_filter(random) for _ in range(random.randint(1, 3))]
    if refers and random.random() < 0.3:
        filters.append(in_list(random.choice(BASES), random.choice(("IN_LIST", "NOT_IN_LIST"))))
    inner = (any_of(*(all_of(a_filter(random)) for _ in range(2))),) if random.random() < 0.2 else ()
    return all_of(*filters, branches=inner)


def a_tree(random: Random, list_id: str) -> Json:
    branches = (a_branch(random, refers=list_id not in BASES) for _ in range(random.randint(1, 3)))
    return a_list(*branches, list_id=list_id, name=f"List {list_id}")


# -- both sides


def disagreements(contacts: int, trees: int, seed: int) -> Iterator[str]:
    """Where the two sides differ, in words."""
    random = Random(seed)
    table = hubspot.create({}).portal.tables["contacts"]
    lists = {str(each): a_tree(random, str(each)) for each in range(1, trees + 1)}
    members: dict[str, set[int]] = {}
    around = Surroundings(
        now_ms=lambda: NOW,
        zone=lambda: ZONE,
        in_list=lambda list_id, record_id: record_id in members[list_id],
        linked=lambda *_: (),
        table=lambda _: table,
    )
    people = [somebody(random, each) for each in range(1, contacts + 1)]
    zone = ZoneInfo(ZONE)
    for list_id, definition in lists.items():
        theirs = compile_filter(definition["filterBranch"], table, around).test
        ours = compile_list(definition, schema=None, lists=lists).member
        members[list_id] = {each.record.id for each in people if theirs(each.record)}
        for each in people:
            found = ours(each.values, now=NOW, zone=zone, changed_at=each.changed_at)
            if found is not (each.record.id in members[list_id]):
                yield f"{found} {each.values} {each.changed_at} {definition['filterBranch']}"


def test_every_membership_is_as_hubspot_has_it() -> None:
    assert next(disagreements(500, 60, seed=1), None) is None


@pytest.mark.soak
def test_ten_thousand_contacts_and_two_hundred_lists() -> None:
    assert next(disagreements(10_000, 200, seed=2), None) is None
