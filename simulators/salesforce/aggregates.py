"""GROUP BY and aggregate functions."""

from collections.abc import Callable
from typing import Any

from simulators.salesforce.errors import ApiError
from simulators.salesforce.schema import NUMBER_TYPES
from simulators.salesforce.scope import Scope
from simulators.salesforce.soql_tree import Aggregate, All, Compare, Condition, Not, Order, Path, Query, Some
from simulators.salesforce.store import Record, index_key

_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len({index_key(value) for value in values}),
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
    "SUM": lambda values: sum(values) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
}


def aggregate(scope: Scope, query: Query, rows: list[Record]) -> list[Record]:
    """One AggregateResult for each group.

    Raises:
        ApiError: a field that is neither grouped nor aggregated.
    """
    _check(query)
    getters = [_group_getter(scope, path) for path in query.group]
    groups: dict[tuple[Any, ...], list[Record]] = {} if query.group else {(): []}
    for row in rows:
        groups.setdefault(tuple(get(row) for get in getters), []).append(row)
    having = query.having
    kept = [members for members in groups.values() if having is None or _holds(scope, having, members)]
    end = None if query.limit is None else query.offset + query.limit
    return [_shown(scope, query, members) for members in _ordered(scope, kept, query.order)][
        query.offset : end
    ]


def _group_getter(scope: Scope, path: Path) -> Callable[[Record], Any]:
    get, entry = scope.getter(path)
    if entry.type in ("textarea", "address"):
        raise ApiError("INVALID_FIELD", f"field '{path.text}' can not be grouped in a query call")
    return get


def _check(query: Query) -> None:
    grouped = {path.text.lower() for path in query.group}
    for item in query.select:
        if isinstance(item, Query) or (isinstance(item, Path) and item.text.lower() not in grouped):
            shown = item.source if isinstance(item, Query) else item.text
            message = f"Field must be grouped or aggregated: {shown}"
            raise ApiError("MALFORMED_QUERY", message)


def _value(scope: Scope, item: Path | Aggregate, members: list[Record]) -> Any:
    if isinstance(item, Path):
        return scope.getter(item)[0](members[0])
    if item.path is None:
        return len(members)
    get, entry = scope.getter(item.path)
    if item.function in ("SUM", "AVG") and entry.type not in NUMBER_TYPES:
        message = f"field {item.path.text} does not support aggregate operator {item.function}"
        raise ApiError("INVALID_FIELD", message)
    return _FUNCTIONS[item.function]([value for row in members if (value := get(row)) is not None])


def _shown(scope: Scope, query: Query, members: list[Record]) -> Record:
    shown: Record = {"attributes": {"type": "AggregateResult"}}
    unnamed = 0
    for item in query.select:
        if isinstance(item, Path):
            shown[query.aliases.get(item.text, item.parts[-1])] = _value(scope, item, members)
        elif isinstance(item, Aggregate):
            shown[item.alias or f"expr{unnamed}"] = _value(scope, item, members)
            unnamed += item.alias is None
    return shown


def _holds(scope: Scope, having: Condition, members: list[Record]) -> bool:
    match having:
        case All():
            return all(_holds(scope, one, members) for one in having.conditions)
        case Some():
            return any(_holds(scope, one, members) for one in having.conditions)
        case Not():
            return not _holds(scope, having.condition, members)
        case Compare():
            return _compares(_value(scope, having.path, members), having)
        case _:
            raise ApiError("MALFORMED_QUERY", "HAVING supports comparisons only")


def _compares(value: Any, having: Compare) -> bool:
    wanted = having.literal.value
    if value is None:
        return having.operator == "!="
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: value == wanted,
        "!=": lambda: value != wanted,
        "<": lambda: value < wanted,
        ">": lambda: value > wanted,
        "<=": lambda: value <= wanted,
        ">=": lambda: value >= wanted,
    }
    if having.operator not in tests:
        raise ApiError("MALFORMED_QUERY", f"HAVING does not support {having.operator}")
    return tests[having.operator]()


def _ordered(scope: Scope, groups: list[list[Record]], order: list[Order]) -> list[list[Record]]:
    for item in reversed(order):
        groups = sorted(
            groups,
            key=lambda members, path=item.path: _sort_key(_value(scope, path, members)),  # type: ignore[misc]
            reverse=item.descending,
        )
    return groups


def _sort_key(value: Any) -> tuple[bool, Any]:
    return value is not None, index_key(value) if value is not None else 0
