"""Which rows an index can answer a query with."""

from collections.abc import Iterable
from typing import Any

from simulators.salesforce import times
from simulators.salesforce.literals import literal_value
from simulators.salesforce.schema import Field
from simulators.salesforce.scope import Scope
from simulators.salesforce.soql_tree import All, Compare, Condition, Contained, Literal, Path, Query, Some
from simulators.salesforce.store import Rows


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
