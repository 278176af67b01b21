"""The filters of a search, turned into tests of indexed records."""

import re
from collections.abc import Callable
from typing import Any

from simulators.hubspot.calls import Call
from simulators.hubspot.errors import invalid
from simulators.hubspot.list_subject import as_ms
from simulators.hubspot.portal import Portal
from simulators.hubspot.properties import Property
from simulators.hubspot.records import Record
from simulators.hubspot.table import Table

_FILTER = {"propertyName", "operator", "value", "highValue", "values"}
_SINGLE = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN", "BETWEEN"}
_NO_VALUE = {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}
_NUMERIC = {"number", "date", "datetime"}
Test = Callable[[Record], bool]
Reader = Callable[[Record], Any]


def reader(prop: Property, table: Table) -> Reader:
    """How to read a property from an indexed record, as a value to compare: a number, or lower-case text."""
    name = prop.name
    if name == "hs_object_id":
        return lambda record: record.id
    if name == "createdate":
        return lambda record: record.created_ms
    if name == table.type.stamp:
        return lambda record: record.indexed_ms
    if prop.type in _NUMERIC:
        return lambda record: _as_number(prop.type, (record.indexed or {}).get(name))
    return lambda record: _lower((record.indexed or {}).get(name))


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _as_number(kind: str, value: Any) -> float | None:
    if value in {None, ""}:
        return None
    if kind != "number":
        return as_ms(str(value))
    try:
        return float(value)
    except ValueError:
        return None


def filter_test(call: Call, table: Table, entry: dict[str, Any]) -> Test:
    call.check_fields(entry, _FILTER)
    name, operator = str(entry.get("propertyName", "")), str(entry.get("operator", ""))
    _check_operands(entry, name, operator)
    if name.startswith("associations."):
        return _association_test(call.portal, table, name, operator, entry)
    prop = table.properties.get(name)
    if prop is None:
        raise invalid(f"There was a problem with the request: property {name} does not exist")
    return _value_test(reader(prop, table), prop, operator, entry)


def _check_operands(entry: dict[str, Any], name: str, operator: str) -> None:
    if operator in {"IN", "NOT_IN"}:
        if not entry.get("values"):
            raise invalid(f"Operator {operator} of {name} requires values")
    elif operator in _SINGLE:
        if entry.get("value") is None or (operator == "BETWEEN" and entry.get("highValue") is None):
            raise invalid(f"Operator {operator} of {name} requires a value")
    elif operator not in _NO_VALUE:
        raise invalid(f"Invalid operator {operator} of {name}")


def _value_test(read: Reader, prop: Property, operator: str, entry: dict[str, Any]) -> Test:
    if operator in _NO_VALUE:
        wanted = operator == "HAS_PROPERTY"
        return lambda record: (read(record) not in {None, ""}) is wanted
    if operator in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
        pattern = _token(str(entry["value"]))
        has = operator == "CONTAINS_TOKEN"
        return lambda record: (pattern.search(str(read(record) or "")) is not None) is has
    operands = [_operand(prop, value) for value in _operands(entry, operator)]
    return _comparison(read, operator, operands)


def _operands(entry: dict[str, Any], operator: str) -> list[Any]:
    if operator in {"IN", "NOT_IN"}:
        return list(entry["values"])
    return [entry["value"], entry["highValue"]] if operator == "BETWEEN" else [entry["value"]]


def _operand(prop: Property, value: Any) -> Any:
    if prop.type not in _NUMERIC:
        return str(value).lower()
    number = _as_number(prop.type, str(value))
    if number is None:
        raise invalid(f"{value} is not a valid value of property {prop.name}")
    return number


def _comparison(read: Reader, operator: str, operands: list[Any]) -> Test:
    first = operands[0]
    wanted = set(operands)
    if operator == "EQ":
        return lambda record: read(record) == first
    if operator == "NEQ":
        return lambda record: read(record) != first
    if operator == "IN":
        return lambda record: read(record) in wanted
    if operator == "NOT_IN":
        return lambda record: read(record) not in wanted
    return _range(read, operator, operands)


def _range(read: Reader, operator: str, operands: list[Any]) -> Test:
    first, last = operands[0], operands[-1]
    tests: dict[str, Callable[[Any], bool]] = {
        "LT": lambda value: value < first,
        "LTE": lambda value: value <= first,
        "GT": lambda value: value > first,
        "GTE": lambda value: value >= first,
        "BETWEEN": lambda value: first <= value <= last,
    }
    test = tests[operator]

    def holds(record: Record) -> bool:
        value = read(record)
        return value is not None and test(value)

    return holds


def _token(text: str) -> re.Pattern[str]:
    """A word, where `*` stands for the rest of one."""
    words = [re.escape(word).replace(r"\*", r"\S*") for word in text.lower().split()]
    return re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)")


def _association_test(portal: Portal, table: Table, name: str, operator: str, entry: dict[str, Any]) -> Test:
    far = portal.table(name.partition(".")[2])
    if far is None:
        raise invalid(f"There was a problem with the request: {name} is not an association")
    near_id, far_id = table.type.id, far.type.id
    wanted = {str(value) for value in entry.get("values") or [entry.get("value")]}

    def linked(record: Record) -> set[str]:
        return {str(other) for other, _ in portal.associations.of((near_id, record.id), far_id)}

    if operator in _NO_VALUE:
        return lambda record: bool(linked(record)) is (operator == "HAS_PROPERTY")
    if operator in {"EQ", "IN"}:
        return lambda record: not wanted.isdisjoint(linked(record))
    if operator in {"NEQ", "NOT_IN"}:
        return lambda record: wanted.isdisjoint(linked(record))
    raise invalid(f"Invalid operator {operator} of {name}")
