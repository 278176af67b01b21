"""Filters of a query: what each condition means for a row, and which rows an index can answer with."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from simulators.salesforce import times
from simulators.salesforce.errors import ApiError
from simulators.salesforce.ids import normalise
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.schema import NUMBER_TYPES, Field, SObject
from simulators.salesforce.soql import All, Compare, Condition, Contained, Literal, Not, Path, Query, Some
from simulators.salesforce.store import Record, Rows, index_key

Test = Callable[[Record], bool]
Getter = Callable[[Record], Any]
_LONG_TEXT = 255
_UNFILTERABLE = frozenset({"address", "location"})


@dataclass(slots=True)
class Scope:
    """Where paths start: an object as one caller sees it; `subquery` gives the values of a semi-join."""

    org: Org
    actor: Actor
    described: SObject
    subquery: Callable[[Query], list[Any]]

    def field_of(self, path: Path) -> tuple[list[Field], Field]:
        """The reference fields that lead to a path's last field, and that field.

        Raises:
            ApiError: INVALID_FIELD.
        """
        described, steps = self.described, []
        parts = path.parts
        if len(parts) > 1 and parts[0].lower() == described.name.lower():
            parts = parts[1:]
        for step in parts[:-1]:
            reference = described.by_relationship.get(step.lower())
            target = self._target(reference) if reference else None
            if (
                reference is None
                or target is None
                or not self.org.sees(self.actor, described.name, reference.name)
            ):
                raise no_relationship(step, described.name)
            steps.append(reference)
            described = target
        entry = described.by_lower.get(parts[-1].lower())
        if entry is None or not self.org.sees(self.actor, described.name, entry.name):
            raise no_such_column(path.text, described.name)
        return steps, entry

    def _target(self, reference: Field) -> SObject | None:
        """The object that a relationship shows; a polymorphic one shows what all people and groups have."""
        name = "User" if "User" in reference.targets else reference.targets[0]
        found = self.org.schema.objects.get(name)
        return found if found and self.org.sees(self.actor, found.name) else None

    def getter(self, path: Path) -> tuple[Getter, Field]:
        """Reads a path from a row."""
        steps, entry = self.field_of(path)
        if not steps:
            return self._own(self.described, entry), entry
        return lambda row: self._follow(row, steps, entry), entry

    def _own(self, described: SObject, entry: Field) -> Getter:
        name = entry.name
        if entry.formula is not None or entry.type == "address" or name == "PhotoUrl":
            return lambda row: self.org.value(described, row, entry)
        if entry.type == "boolean":
            return lambda row: row.get(name, False)
        return lambda row: row.get(name)

    def _follow(self, row: Record, steps: list[Field], entry: Field) -> Any:
        described = self.described
        for step in steps:
            found = self.org.parent(described, row, step.relationship or "")
            if found is None:
                return None
            described, row = found
        own = described.by_lower.get(entry.name.lower())
        return self.org.value(described, row, own) if own else None


def no_such_column(column: str, entity: str) -> ApiError:
    message = (
        f"No such column '{column}' on entity '{entity}'. If you are attempting to use a custom field, be "
        "sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call "
        "for the "
        "appropriate names."
    )
    return ApiError("INVALID_FIELD", message)


def no_relationship(name: str, entity: str) -> ApiError:
    message = (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
        "relationship, "
        "be sure to append the '__r' after the custom relationship name. Please reference your WSDL or "
        "the describe "
        "call for the appropriate names."
    )
    return ApiError("INVALID_FIELD", f"{entity}: {message}")


# what a condition means


def compile_condition(scope: Scope, condition: Condition) -> Test:
    """A function that says whether a row meets the condition.

    Raises:
        ApiError: an unknown field, or a literal that does not fit its field.
    """
    match condition:
        case All():
            return _all([compile_condition(scope, one) for one in condition.conditions])
        case Some():
            return _some([compile_condition(scope, one) for one in condition.conditions])
        case Not():
            inner = compile_condition(scope, condition.condition)
            return lambda row: not inner(row)
        case Compare():
            return _compare(scope, condition)
        case Contained():
            return _contained(scope, condition)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:  # noqa: PLR2004 - the usual case, without the cost of a loop
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def _some(tests: list[Test]) -> Test:
    if len(tests) == 2:  # noqa: PLR2004 - as in _all
        first, second = tests
        return lambda row: first(row) or second(row)
    return lambda row: any(test(row) for test in tests)


def _compare(scope: Scope, condition: Compare) -> Test:
    assert isinstance(condition.path, Path)
    get, entry = scope.getter(condition.path)
    _check_filterable(entry, condition.path)
    if condition.literal.kind == "relative":
        return _relative(get, entry, condition, scope.org.now())
    if condition.operator == "LIKE":
        return _like(get, entry, condition)
    value = literal_value(entry, condition.literal, condition.path)
    return _comparison(get, condition.operator, value, key_of(entry))


def key_of(entry: Field) -> Callable[[Any], Any]:
    """What values are compared and sorted by: ids as they are, other text without regard to letter case."""
    return _itself if entry.type in ("id", "reference") else index_key


def _itself(value: Any) -> Any:
    return value


def _comparison(get: Getter, operator: str, value: Any, key: Callable[[Any], Any]) -> Test:
    wanted = key(value)
    match operator:
        case "=":
            return lambda row: key(get(row)) == wanted
        case "!=":
            return lambda row: key(get(row)) != wanted
        case "<":
            return lambda row: (found := key(get(row))) is not None and found < wanted
        case ">":
            return lambda row: (found := key(get(row))) is not None and found > wanted
        case "<=":
            return lambda row: (found := key(get(row))) is not None and found <= wanted
        case _:
            return lambda row: (found := key(get(row))) is not None and found >= wanted


def _relative(get: Getter, entry: Field, condition: Compare, now: float) -> Test:
    """A date literal is a span: `=` is inside it, `<` before it, `>` after it."""
    first, end = span(condition.literal.value, datetime.fromtimestamp(now, UTC).date())
    low, high = first.isoformat(), end.isoformat()
    if entry.type == "datetime":
        low, high = f"{low}T00:00:00.000+0000", f"{high}T00:00:00.000+0000"
    elif entry.type != "date":
        raise _wrong_literal(entry, condition.path)
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda value: low <= value < high,
        "!=": lambda value: not low <= value < high,
        "<": lambda value: value < low,
        "<=": lambda value: value < high,
        ">": lambda value: value >= high,
        ">=": lambda value: value >= low,
    }
    test = tests[condition.operator]
    return lambda row: (found := get(row)) is not None and test(found)


def _like(get: Getter, entry: Field, condition: Compare) -> Test:
    if condition.literal.kind != "text" or entry.type in ("reference", "id", "boolean", *NUMBER_TYPES):
        message = f"invalid operator on {entry.type} field '{entry.name}'"
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", message)
    parts = (re.escape(c) if c not in "%_" else ".*" if c == "%" else "." for c in condition.literal.value)
    pattern = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda row: (found := get(row)) is not None and pattern.fullmatch(found) is not None


def _contained(scope: Scope, condition: Contained) -> Test:
    get, entry = scope.getter(condition.path)
    _check_filterable(entry, condition.path)
    if condition.operator in ("INCLUDES", "EXCLUDES"):
        return _includes(get, condition)
    wanted = wanted_values(scope, entry, condition)
    if condition.operator == "NOT IN":
        return lambda row: index_key(get(row)) not in wanted
    return lambda row: index_key(get(row)) in wanted


def wanted_values(scope: Scope, entry: Field, condition: Contained) -> frozenset[Any]:
    if condition.query is not None:
        return frozenset(map(index_key, scope.subquery(condition.query)))
    return frozenset(index_key(literal_value(entry, one, condition.path)) for one in condition.literals)


def _includes(get: Getter, condition: Contained) -> Test:
    groups = [set(literal.value.split(";")) for literal in condition.literals]

    def test(row: Record) -> bool:
        chosen = set((get(row) or "").split(";"))
        return any(group <= chosen for group in groups)

    return test if condition.operator == "INCLUDES" else lambda row: not test(row)


def _check_filterable(entry: Field, path: Path) -> None:
    if entry.type in _UNFILTERABLE or (entry.type == "textarea" and entry.length > _LONG_TEXT):
        message = f"field '{path.text}' can not be filtered in a query call"
        raise ApiError("INVALID_FIELD", message)


def _wrong_literal(entry: Field, path: object) -> ApiError:
    shown = path.text if isinstance(path, Path) else str(path)
    kind = {"datetime": "dateTime", "reference": "string", "picklist": "string"}.get(entry.type, entry.type)
    bare = entry.type in ("date", "datetime", "boolean", *NUMBER_TYPES)
    what = f"value of filter criterion for field '{shown}' must be of type {kind}"
    return ApiError("INVALID_FIELD", f"{what} and should {'not ' if bare else ''}be enclosed in quotes")


def literal_value(entry: Field, literal: Literal, path: object) -> Any:
    """A literal in the form that rows hold.

    Raises:
        ApiError: INVALID_FIELD for a literal of the wrong type, INVALID_QUERY_FILTER_OPERATOR for a bad id.
    """
    if literal.kind == "null":
        return False if entry.type == "boolean" else None
    if entry.type in NUMBER_TYPES and literal.kind == "number":
        return literal.value
    if entry.type == "boolean" and literal.kind == "boolean":
        return literal.value
    if entry.type == "date" and literal.kind == "date":
        return times.parse_date(literal.value)
    if entry.type == "datetime" and literal.kind == "datetime":
        return times.parse_datetime(literal.value)
    if literal.kind != "text" or entry.type in ("date", "datetime", "boolean", *NUMBER_TYPES):
        raise _wrong_literal(entry, path)
    return _text_literal(entry, literal.value)


def _text_literal(entry: Field, text: str) -> str | None:
    if entry.type not in ("id", "reference"):
        return text or None
    found = normalise(text)
    if found is None:
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
    return found


def span(literal: str, today: date) -> tuple[date, date]:
    """The first day of a date literal, and the day after its last.

    Raises:
        ApiError: MALFORMED_QUERY for a literal that is not supported.
    """
    name, _, number = literal.partition(":")
    count = int(number or 1)
    days = {
        "TODAY": (0, 1),
        "YESTERDAY": (-1, 0),
        "TOMORROW": (1, 2),
        "LAST_N_DAYS": (-count, 1),
        "NEXT_N_DAYS": (1, count + 1),
        "N_DAYS_AGO": (-count, 1 - count),
        "LAST_90_DAYS": (-90, 1),
        "NEXT_90_DAYS": (1, 91),
    }
    if name not in days:
        return _calendar_span(name, count, today)
    first, end = days[name]
    return today + timedelta(days=first), today + timedelta(days=end)


def _calendar_span(name: str, count: int, today: date) -> tuple[date, date]:
    which, _, unit = name.partition("_")
    several = unit.startswith("N_")
    unit = unit.removeprefix("N_").removesuffix("S" if several else "")
    starts: dict[str, Callable[[int], date]] = {
        "WEEK": lambda shift: today - timedelta(days=(today.weekday() + 1) % 7 - 7 * shift),
        "MONTH": lambda shift: _month(today.year, today.month + shift),
        "QUARTER": lambda shift: _month(today.year, (today.month - 1) // 3 * 3 + 1 + 3 * shift),
        "YEAR": lambda shift: date(today.year + shift, 1, 1),
    }
    if unit not in starts:
        raise ApiError("MALFORMED_QUERY", f"unexpected token: '{name}'")
    start = starts[unit]
    first, end = {"THIS": (0, 1), "LAST": (-count, 0), "NEXT": (1, 1 + count)}[which]
    return start(first), start(end)


def _month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


# what an index can answer


def indexed_ids(scope: Scope, rows: Rows, condition: Condition | None) -> Iterable[str] | None:
    """Ids among which all matching rows are; None where no index helps."""
    match condition:
        case All():
            found = [
                ids for one in condition.conditions if (ids := indexed_ids(scope, rows, one)) is not None
            ]
            return min(found, key=lambda ids: len(list(ids)), default=None)
        case Some():
            parts = [indexed_ids(scope, rows, one) for one in condition.conditions]
            return None if None in parts else dict.fromkeys(one for part in parts for one in part or ())
        case Compare(operator="=", path=Path() as path, literal=literal) if literal.kind == "text":
            return _looked_up(scope, rows, path, [literal])
        case Contained(operator="IN", path=path, literals=literals, query=None):
            return _looked_up(scope, rows, path, literals)
        case Contained(operator="IN", path=path, query=Query() as query):
            return _joined(scope, rows, path, query)
        case _:
            return None


def _looked_up(scope: Scope, rows: Rows, path: Path, literals: Iterable[Literal]) -> Iterable[str] | None:
    steps, entry = scope.field_of(path)
    if steps or (entry.name not in rows.lookups and entry.type != "id"):
        return None
    values = [literal_value(entry, one, path) for one in literals]
    return None if None in values else _by_values(rows, entry, values)


def _joined(scope: Scope, rows: Rows, path: Path, query: Query) -> Iterable[str] | None:
    steps, entry = scope.field_of(path)
    if steps or (entry.name not in rows.lookups and entry.type != "id"):
        return None
    return _by_values(rows, entry, [value for value in scope.subquery(query) if value is not None])


def _by_values(rows: Rows, entry: Field, values: list[Any]) -> Iterable[str]:
    if entry.type == "id":
        return dict.fromkeys(values)
    return dict.fromkeys(one for value in values for one in rows.find(entry.name, value))


def lower_id(condition: Condition | None) -> str:
    """The Id before which no row can match; empty where there is no such bound."""
    match condition:
        case All():
            return max(map(lower_id, condition.conditions))
        case Compare(
            path=Path(parts=(name,)), operator=">" | ">=", literal=Literal(kind="text", value=value)
        ):
            return value if name.lower() == "id" else ""
        case _:
            return ""


def lower_stamp(condition: Condition | None) -> str | None:
    """The SystemModstamp before which no row can match; None where there is no such bound."""
    match condition:
        case All():
            found = [bound for one in condition.conditions if (bound := lower_stamp(one))]
            return max(found, default=None)
        case Some():
            parts = [lower_stamp(one) for one in condition.conditions]
            return None if None in parts else min(filter(None, parts))
        case Compare(
            path=Path(parts=(name,)), operator=">" | ">=" | "=", literal=Literal(kind="datetime", value=value)
        ):
            return times.parse_datetime(value) if name.lower() == "systemmodstamp" else None
        case _:
            return None
