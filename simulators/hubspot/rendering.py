"""Records as the API shows them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from simulators.clock import iso_ms
from simulators.hubspot.records import Record, Values, Version
from simulators.hubspot.table import Table

iso = lru_cache(maxsize=65_536)(iso_ms)


class Shape:
    """Which properties of a table's records to show: asked ones (unknown names drop out), or the defaults."""

    def __init__(self, table: Table, asked: Iterable[str] = (), history: Iterable[str] = ()) -> None:
        self._type = table.type
        always = {"createdate", "hs_object_id", table.type.stamp}
        asked = set(asked)
        names = {name for name in asked if name in table.properties} if asked else set(table.type.defaults)
        self._built_in = {"createdate", "hs_object_id", table.type.stamp}
        self._names = sorted(names | always)
        self._history = [name for name in history if name in table.properties]

    def show(self, record: Record, portal_id: int = 0) -> dict[str, Any]:
        """The record now."""
        body = self._body(record, record.values, record.updated_ms)
        if record.archived_ms is not None:
            body["archivedAt"] = iso(record.archived_ms)
        if self._history:
            body["propertiesWithHistory"] = {name: _history(record, name) for name in self._history}
        if portal_id:
            body["url"] = f"https://app.hubspot.com/contacts/{portal_id}/record/{self._type.id}/{record.id}"
        return body

    def show_indexed(self, record: Record) -> dict[str, Any]:
        """The record as the search index knows it."""
        return self._body(record, record.indexed or {}, record.indexed_ms)

    def _body(self, record: Record, values: Values, updated_ms: int) -> dict[str, Any]:
        properties: dict[str, str | None] = dict.fromkeys(self._names)
        for name in self._names:
            if name in values:
                properties[name] = values[name]
        return _with_stamps(record, properties, updated_ms, self._type.stamp)


def show_written(record: Record, names: Iterable[str], stamp: str) -> dict[str, Any]:
    """The answer to a write: what was written, the id and the stamps."""
    values = record.values
    properties: dict[str, str | None] = {name: values.get(name) for name in sorted(names)}
    return _with_stamps(record, properties, record.updated_ms, stamp)


def _with_stamps(
    record: Record, properties: dict[str, str | None], updated_ms: int, stamp: str
) -> dict[str, Any]:
    created, updated, record_id = iso(record.created_ms), iso(updated_ms), str(record.id)
    properties["createdate"] = created
    properties["hs_object_id"] = record_id
    properties[stamp] = updated
    return {
        "id": record_id,
        "properties": properties,
        "createdAt": created,
        "updatedAt": updated,
        "archived": record.archived_ms is not None,
    }


def _history(record: Record, name: str) -> list[dict[str, Any]]:
    return [_version(version) for version in record.history(name)]


def _version(version: Version) -> dict[str, Any]:
    origin = version.origin
    shown = {
        "value": version.value,
        "timestamp": iso(version.at_ms),
        "sourceType": origin.source,
        "sourceId": origin.source_id,
    }
    if origin.label:
        shown["sourceLabel"] = origin.label
    if origin.user_id is not None:
        shown["updatedByUserId"] = origin.user_id  # type: ignore[assignment]
    return shown
