"""Search: filters, one sort, offset paging to 10,000, over an index that lags behind the records."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import invalid
from simulators.hubspot.list_subject import as_ms
from simulators.hubspot.records import Record
from simulators.hubspot.rendering import Shape
from simulators.hubspot.search_filters import filter_test, reader
from simulators.hubspot.table import Table

_BODY = {"filterGroups", "filters", "sorts", "query", "properties", "limit", "after"}
_MAX_BODY, _MAX_RESULTS, _MAX_PAGE, _MAX_FILTERS, _MAX_GROUP = 3000, 10_000, 200, 18, 6


def endpoints() -> list[Endpoint]:
    """The search endpoint, with its own rate limit."""
    scope = "crm.objects.{type}.read"
    return [Endpoint("POST", "objects", "/{type}/search", search, scope=scope, limit="search")]


def search(call: Call) -> Answer:
    table, body = call.table(), call.body(_BODY)
    _check_length(call, body)
    limit, offset = _page(body)
    table.index.catch_up(call.portal.clock.now_ms(), table.live)
    groups = body.get("filterGroups") or []
    if not groups and body.get("filters"):
        groups = [{"filters": body["filters"]}]
    _check_size(groups, call.portal.settings.search_filter_groups)
    found = _matching(call, table, groups, str(body.get("query") or ""))
    _sort(found, table, body.get("sorts") or [])
    shape = Shape(table, body.get("properties") or [])
    shown = [shape.show_indexed(record) for record in found[offset : offset + limit]]
    call.request.rows = len(shown)
    answer: dict[str, Any] = {"total": len(found), "results": shown}
    if offset + limit < len(found):
        answer["paging"] = {"next": {"after": str(offset + limit)}}
    return Answer(200, answer)


def _check_length(call: Call, body: dict[str, Any]) -> None:
    length = len(call.request.body)
    if length > _MAX_BODY and not call.portal.settings.search_limit_counts_properties:
        length = len(orjson.dumps({name: value for name, value in body.items() if name != "properties"}))
    if length > _MAX_BODY:
        raise invalid(f"The request body is too large: at most {_MAX_BODY} characters")


def _page(body: dict[str, Any]) -> tuple[int, int]:
    limit, after = body.get("limit", 10), str(body.get("after") or "0")
    if not isinstance(limit, int) or not 0 <= limit <= _MAX_PAGE:
        raise invalid(f"limit must be between 0 and {_MAX_PAGE}")
    if not after.isdigit():
        raise invalid(f"Cannot deserialize `after`: {after} is not an integer")
    if int(after) + limit > _MAX_RESULTS:
        raise invalid(f"Search results are limited to {_MAX_RESULTS}: after {after} with limit {limit}")
    return limit, int(after)


def _check_size(groups: Any, most_groups: int) -> None:
    if not isinstance(groups, list) or len(groups) > most_groups:
        raise invalid(f"filterGroups has too many elements: at most {most_groups}")
    sizes = [len(group.get("filters") or []) for group in groups]
    if any(size > _MAX_GROUP for size in sizes):
        raise invalid(f"filters has too many elements: at most {_MAX_GROUP} in a group")
    if sum(sizes) > _MAX_FILTERS:
        raise invalid(f"At most {_MAX_FILTERS} filters in all")


def _matching(call: Call, table: Table, groups: list[dict[str, Any]], query: str) -> list[Record]:
    alternatives = []
    for group in groups:
        call.check_fields(group, {"filters"})
        alternatives.append([filter_test(call, table, entry) for entry in group.get("filters") or []])
    candidates = _candidates(table, groups)
    if query:
        words, searchable = query.lower().split(), table.type.searchable
        candidates = (record for record in candidates if _mentions(record, words, searchable))
    if not alternatives:
        return list(candidates)
    if len(alternatives) == 1:
        tests = alternatives[0]
        return [record for record in candidates if all(test(record) for test in tests)]
    return [r for r in candidates if any(all(test(r) for test in tests) for tests in alternatives)]


def _mentions(record: Record, words: list[str], searchable: Iterable[str]) -> bool:
    values = record.indexed or {}
    text = " ".join(values.get(name, "") for name in searchable).lower()
    return all(word in text for word in words)


def _candidates(table: Table, groups: list[dict[str, Any]]) -> Iterator[Record]:
    """Indexed records, narrowed by a range of ids or of modified dates where one group asks for it."""
    live = table.live
    if len(groups) == 1:
        ids = _bounds(groups[0], "hs_object_id")
        if ids is not None and ids[0] > 0:
            yield from _known(live[record_id] for record_id in _up_to(table.ids_from(int(ids[0])), ids[1]))
            return
        unique = _unique_ids(table, groups[0])
        if unique is not None:
            yield from _known(live[record_id] for record_id in sorted(unique) if record_id in live)
            return
        times = _bounds(groups[0], table.type.stamp)
        if times is not None and times[0] > 0:
            entries = table.index.modified_between(*times)
            hits = {i: live[i] for at, i in entries if i in live and live[i].indexed_ms == at}
            yield from _known(hits[record_id] for record_id in sorted(hits))
            return
    yield from _known(live[record_id] for record_id in table.ids_from(0))


def _unique_ids(table: Table, group: dict[str, Any]) -> set[int] | None:
    """Who may have the unique value that a filter asks for: its owner, and records not yet indexed anew."""
    for entry in group.get("filters") or []:
        owners = table.unique.get(str(entry.get("propertyName")))
        if owners is not None and entry.get("operator") in {"EQ", "IN"}:
            wanted = entry.get("values") or [entry.get("value")]
            found = {owners.get(str(value).strip().lower()) or owners.get(str(value)) for value in wanted}
            return {record_id for record_id in found if record_id} | table.index.waiting()
    return None


def _known(records: Iterable[Record]) -> Iterator[Record]:
    return (record for record in records if record.indexed is not None)


def _up_to(ids: Iterator[int], highest: float) -> Iterator[int]:
    for record_id in ids:
        if record_id > highest:
            return
        yield record_id


def _bounds(group: dict[str, Any], name: str) -> tuple[float, float] | None:
    """The inclusive range that the filters of a group allow a number or date; None without such filters."""
    low, high, bound = 0.0, float("inf"), False
    for entry in group.get("filters") or []:
        operator, value = entry.get("operator"), as_ms(str(entry.get("value", "")))
        if entry.get("propertyName") != name or value is None:
            continue
        if operator in {"GT", "GTE", "EQ", "BETWEEN"}:
            low, bound = max(low, value), True
        if operator in {"LT", "LTE", "EQ"}:
            high, bound = min(high, value), True
        if operator == "BETWEEN":
            high = min(high, as_ms(str(entry.get("highValue", ""))) or high)
    return (low, high) if bound else None


def _sort(found: list[Record], table: Table, sorts: Any) -> None:
    if not sorts:
        return
    if len(sorts) > 1:
        raise invalid("sorts has too many elements: at most 1")
    entry = sorts[0]
    name, direction = (entry, "ASCENDING") if isinstance(entry, str) else _sort_entry(entry)
    if isinstance(entry, str) and entry.startswith("-"):
        name, direction = entry[1:], "DESCENDING"
    prop = table.properties.get(name)
    if prop is None:
        raise invalid(f"Cannot sort by unknown property {name}")
    read = reader(prop, table)
    kept = [record for record in found if read(record) is not None]
    blank = [record for record in found if read(record) is None]
    kept.sort(key=read, reverse=direction == "DESCENDING")
    found[:] = kept + blank


def _sort_entry(entry: dict[str, Any]) -> tuple[str, str]:
    direction = entry.get("direction", "ASCENDING")
    if direction not in {"ASCENDING", "DESCENDING"} or entry.keys() - {"propertyName", "direction"}:
        raise invalid(f"Invalid sort: {entry}")
    return str(entry.get("propertyName")), direction
