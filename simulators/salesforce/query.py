"""Runs queries: picks rows by index where it can, sorts, groups, and shows them as the query asks."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from simulators.salesforce.aggregates import aggregate
from simulators.salesforce.errors import ApiError
from simulators.salesforce.filters import compile_condition, key_of
from simulators.salesforce.indexes import indexed_ids, lower_id, lower_stamp
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.schema import Field, SObject
from simulators.salesforce.scope import Scope
from simulators.salesforce.soql import located, parse
from simulators.salesforce.soql_tree import Aggregate, All, Condition, Contained, Literal, Order, Path, Query
from simulators.salesforce.store import Record, Rows

Shown = dict[str, Any]
Show = Callable[[Record], Shown]

MAX_OFFSET = 2000
_ALL_FIELDS_LIMIT = 200


class Found:
    """A query's rows, and how to show one of them; `columns` are the paths it selects."""

    def __init__(
        self, rows: list[Record], show: Show, source: str, columns: list[str], *, count_only: bool = False
    ) -> None:
        self.rows = rows
        self.source = source
        self.columns = columns
        self.count_only = count_only
        self._show = show

    def shown(self, first: int, end: int) -> list[Shown]:
        return [self._show(row) for row in self.rows[first:end]]


class Runner:
    """Answers queries of one caller at one API version (`base` is `/services/data/vXX.X`)."""

    def __init__(self, org: Org, actor: Actor, base: str, *, deleted: bool = False) -> None:
        self._org = org
        self._actor = actor
        self._base = base
        self._deleted = deleted

    def run(self, text: str) -> Found:
        """Answer a query.

        Raises:
            ApiError: what the query is refused with.
        """
        query = parse(text)
        described = self._source(query, text)
        scope = self._scope(described)
        _check_query(query)
        if query.aggregated:
            return self._aggregated(scope, query)
        rows = self._rows(scope, query)
        return Found(rows, self._show(scope, query), described.name, self._columns(scope, query))

    def _source(self, query: Query, text: str) -> SObject:
        found = self._org.schema.find(query.source)
        if found is None or not self._org.sees(self._actor, found.name):
            raise _unknown_object(query, text)
        return found

    def _scope(self, described: SObject) -> Scope:
        return Scope(self._org, self._actor, described, self._subquery)

    def _subquery(self, query: Query) -> list[Any]:
        """The values of a semi-join."""
        described = self._source(query, query.source)
        scope = self._scope(described)
        get, _ = scope.getter(_only_path(query))
        return [get(row) for row in self._rows(scope, query)]

    # rows

    def _rows(self, scope: Scope, query: Query) -> list[Record]:
        rows = self._org.tables[scope.described.name].visible
        chosen, ordered = self._candidates(scope, rows, query)
        matching = self._matching(scope, chosen, query.where)
        end = None if query.limit is None else query.offset + query.limit
        if ordered or not query.order:
            return list(islice(matching, query.offset, end))
        return _sorted(scope, list(matching), query.order)[query.offset : end]

    def _candidates(self, scope: Scope, rows: Rows, query: Query) -> tuple[Iterable[Record], bool]:
        """Rows to look at, and whether they come in the order asked for."""
        ids = indexed_ids(scope, rows, query.where)
        if ids is not None:
            return [rows.by_id[one] for one in ids if one in rows.by_id], False
        ordered = [] if any(item.descending for item in query.order) else _names(query.order)
        if ordered == ["id"]:
            return rows.ids_from(lower_id(query.where)), True
        bound = lower_stamp(query.where)
        by_stamp = ordered in (["systemmodstamp"], ["systemmodstamp", "id"])
        if bound is not None or by_stamp:
            return rows.changed_since(bound or ""), by_stamp
        return rows.by_id.values(), False

    def _matching(self, scope: Scope, rows: Iterable[Record], where: Condition | None) -> Iterator[Record]:
        test = compile_condition(scope, where) if where else None
        deleted = self._deleted
        for row in rows:
            if (deleted or "IsDeleted" not in row) and (test is None or test(row)):
                yield row

    # what a row shows

    def _show(self, scope: Scope, query: Query) -> Show:
        described = scope.described
        paths = [item for item in query.select if isinstance(item, Path)] + self._all_fields(scope, query)
        getters = self._getters(scope, paths)
        children = [self._child(described, item) for item in query.select if isinstance(item, Query)]
        prefix = f"{self._base}/sobjects/{described.name}/"
        name = described.name

        def show(row: Record) -> Shown:
            shown: Shown = {"attributes": {"type": name, "url": prefix + row["Id"]}}
            for key, get in getters:
                shown[key] = get(row)
            for relationship, of_parent in children:
                shown[relationship] = of_parent(row)
            return shown

        return show

    def _columns(self, scope: Scope, query: Query) -> list[str]:
        """The paths of the select list in the schema's own letter case."""
        found = []
        paths = [item for item in query.select if isinstance(item, Path)] + self._all_fields(scope, query)
        for path in paths:
            steps, entry = scope.field_of(path)
            found.append(".".join([*(step.relationship or "" for step in steps), entry.name]))
        return found

    def _all_fields(self, scope: Scope, query: Query) -> list[Path]:
        if query.fields_of is None:
            return []
        if query.fields_of != "STANDARD" and (query.limit is None or query.limit > _ALL_FIELDS_LIMIT):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {_ALL_FIELDS_LIMIT}"
            raise ApiError("MALFORMED_QUERY", message)
        wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[query.fields_of]
        entries = self._org.visible_fields(self._actor, scope.described)
        return [Path((entry.name,)) for entry in entries if entry.custom in wanted]

    def _getters(self, scope: Scope, paths: list[Path]) -> list[tuple[str, Callable[[Record], Any]]]:
        """A reader for each key of a shown row; paths over a relationship share one nested object."""
        found: dict[str, Callable[[Record], Any]] = {}
        nested: dict[str, list[Path]] = {}
        for path in paths:
            parts = path.parts
            if len(parts) > 1 and parts[0].lower() == scope.described.name.lower():
                parts = parts[1:]
            if len(parts) == 1:
                get, entry = scope.getter(Path(parts))
                found[entry.name] = get
            else:
                scope.field_of(Path(parts))
                reference = scope.described.by_relationship[parts[0].lower()]
                nested.setdefault(reference.relationship or "", []).append(Path(parts[1:]))
                found.setdefault(reference.relationship or "", lambda _: None)
        for relationship, inner in nested.items():
            found[relationship] = self._nested(scope.described, relationship, inner)
        return list(found.items())

    def _nested(
        self, described: SObject, relationship: str, paths: list[Path]
    ) -> Callable[[Record], Shown | None]:
        shows: dict[str, Show] = {}

        def show(row: Record) -> Shown | None:
            found = self._org.parent(described, row, relationship)
            if found is None:
                return None
            parent, parent_row = found
            if parent.name not in shows:
                query = Query(select=list(paths), source=parent.name)
                shows[parent.name] = self._show(self._scope(parent), query)
            return shows[parent.name](parent_row)

        return show

    def _child(self, parent: SObject, query: Query) -> tuple[str, Callable[[Record], Shown | None]]:
        """A subquery over a child relationship: `(SELECT Id FROM Contacts)`."""
        for child, reference in self._org.schema.children_of(parent):
            if reference.children and reference.children.lower() == query.source.lower():
                return reference.children, self._children(child, reference, query)
        message = f"Didn't understand relationship '{query.source}' in FROM part of query call."
        raise ApiError("INVALID_TYPE", message)

    def _children(self, child: SObject, reference: Field, query: Query) -> Callable[[Record], Shown | None]:
        scope = self._scope(child)
        show = self._show(scope, query)

        def children(row: Record) -> Shown | None:
            own = Contained(Path((reference.name,)), "IN", (Literal("text", row["Id"]),))
            where = All((own, query.where)) if query.where else own
            narrowed = Query(
                query.select, where=where, order=query.order, limit=query.limit, offset=query.offset
            )
            found = [show(one) for one in self._rows(scope, narrowed)]
            return {"totalSize": len(found), "done": True, "records": found} if found else None

        return children

    # aggregates

    def _aggregated(self, scope: Scope, query: Query) -> Found:
        plain = Query(where=query.where)
        rows = self._rows(scope, plain)
        if query.select == [Aggregate("COUNT", None)] and not query.group:
            return Found(rows[: query.limit], lambda row: row, scope.described.name, [], count_only=True)
        groups = aggregate(scope, query, rows)
        columns = [name for name in groups[0] if name != "attributes"] if groups else []
        return Found(groups, lambda row: row, scope.described.name, columns)


def _check_query(query: Query) -> None:
    if query.offset > MAX_OFFSET:
        message = f"Maximum SOQL offset allowed is {MAX_OFFSET}"
        raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", message)


def _unknown_object(query: Query, text: str) -> ApiError:
    message = (
        f"\n{located(text, max(query.source_column - 1, 0))}\nsObject type '{query.source}' is not "
        "supported. If you "
        "are attempting to use a custom object, be sure to append the '__c' after the entity name. Please "
        "reference "
        "your WSDL or the describe call for the appropriate names."
    )
    return ApiError("INVALID_TYPE", message)


def _only_path(query: Query) -> Path:
    if len(query.select) != 1 or not isinstance(query.select[0], Path):
        raise ApiError("MALFORMED_QUERY", "Semi join sub-select must select exactly one field")
    return query.select[0]


def _names(order: list[Order]) -> list[str]:
    return [item.path.text.lower() if isinstance(item.path, Path) else "" for item in order]


def _sorted(scope: Scope, rows: list[Record], order: list[Order]) -> list[Record]:
    """Rows by several keys; nulls come first unless told otherwise, also when descending."""
    for item in reversed(order):
        if not isinstance(item.path, Path):
            raise ApiError("MALFORMED_QUERY", "Ordered field must be grouped or aggregated")
        get, entry = scope.getter(item.path)
        if entry.type in ("textarea", "address"):
            message = f"field '{item.path.text}' can not be sorted in a query call"
            raise ApiError("INVALID_FIELD", message)
        rows = _sorted_by(rows, get, key_of(entry), item)
    return rows


def _sorted_by(
    rows: list[Record], get: Callable[[Record], Any], key_of_value: Callable[[Any], Any], item: Order
) -> list[Record]:
    keyed = [(key_of_value(get(row)), row) for row in rows]
    blank = [row for key, row in keyed if key is None]
    filled = sorted(
        (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=item.descending
    )
    placed = [row for _, row in filled]
    return placed + blank if item.nulls_last else blank + placed
