"""Records of one object type: values with history, unique values, merges, archive and the search index."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, NamedTuple

from simulators.clock import iso_ms
from simulators.hubspot.properties import BadValueError, Property
from simulators.hubspot.schema import LIFECYCLE_STAGES, ObjectType

Values = dict[str, str]
_EXTRA_EMAILS = "hs_additional_emails"


class Origin(NamedTuple):
    """Who made a change: `sourceType`, `sourceId`, the user's id and the app's name, where there is one."""

    source: str
    source_id: str
    user_id: int | None = None
    label: str = ""


class Version(NamedTuple):
    """One value a property had, from `at_ms` on."""

    value: str
    at_ms: int
    origin: Origin


class Record:
    """One record. `values` is replaced, never changed in place, so that the index may keep an older one.

    `versions` holds, oldest first, the properties that changed after the creation.
    """

    __slots__ = (
        "archived_ms",
        "created_ms",
        "id",
        "indexed",
        "indexed_ms",
        "origin",
        "updated_ms",
        "values",
        "versions",
    )

    def __init__(self, record_id: int, values: Values, now_ms: int, origin: Origin) -> None:
        self.id = record_id
        self.values = values
        self.created_ms = now_ms
        self.updated_ms = now_ms
        self.origin = origin
        self.versions: dict[str, list[Version]] = {}
        self.archived_ms: int | None = None
        self.indexed: Values | None = None
        self.indexed_ms = 0

    def history(self, name: str) -> list[Version]:
        """All versions of a property, newest first."""
        if name in self.versions:
            return self.versions[name][::-1]
        value = self.values.get(name)
        return [] if value is None else [Version(value, self.created_ms, self.origin)]

    def read(self, name: str, stamp: str) -> str | None:
        """The value of any property, the built-in ones included; `stamp` is the modified date's name."""
        value = self.values.get(name)
        if value is None:
            if name == "hs_object_id":
                return str(self.id)
            if name == "createdate":
                return iso_ms(self.created_ms)
            if name == stamp:
                return iso_ms(self.updated_ms)
        return value

    def had_before(self, name: str, value: str) -> bool:
        """Whether the property had this value before its present one."""
        return any(version.value == value for version in self.versions.get(name, ())[:-1])

    def put(self, changes: Values, now_ms: int, origin: Origin) -> list[str]:
        """Store changed values ("" clears); returns the names that really changed."""
        changed = [name for name, value in changes.items() if self.values.get(name, "") != value]
        if not changed:
            return changed
        values = dict(self.values)
        for name in changed:
            self._keep_version(name, changes[name], now_ms, origin)
            if changes[name]:
                values[name] = changes[name]
            else:
                values.pop(name, None)
        self.values = values
        return changed

    def _keep_version(self, name: str, value: str, now_ms: int, origin: Origin) -> None:
        versions = self.versions.get(name)
        if versions is None:
            first = self.values.get(name)
            versions = [] if first is None else [Version(first, self.created_ms, self.origin)]
            self.versions[name] = versions
        versions.append(Version(value, now_ms, origin))


class SearchIndex:
    """What search sees: each record as it was when the index last caught up with it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Record, Values, int]] = []
        self._order: list[tuple[int, int]] = []
        self._entries = 0

    def write(self, record: Record, visible_ms: int) -> None:
        """Make the present state visible at that time."""
        self._entries += 1
        heappush(self._waiting, (visible_ms, self._entries, record, record.values, record.updated_ms))

    def waiting(self) -> set[int]:
        """Ids of records whose present state is not visible yet."""
        return {entry[2].id for entry in self._waiting}

    def catch_up(self, now_ms: int, records: Mapping[int, Record]) -> None:
        while self._waiting and self._waiting[0][0] <= now_ms:
            _, _, record, values, updated_ms = heappop(self._waiting)
            if updated_ms >= record.indexed_ms:
                record.indexed, record.indexed_ms = values, updated_ms
                self._place(updated_ms, record.id)
        if len(self._order) > 2 * len(records) + 1000:
            self._order = sorted((r.indexed_ms, r.id) for r in records.values() if r.indexed is not None)

    def _place(self, updated_ms: int, record_id: int) -> None:
        entry = (updated_ms, record_id)
        if not self._order or self._order[-1] < entry:
            self._order.append(entry)
        else:
            place = bisect_left(self._order, entry)
            if place == len(self._order) or self._order[place] != entry:
                self._order.insert(place, entry)

    def modified_between(self, since_ms: float, until_ms: float) -> Iterator[tuple[int, int]]:
        """(indexed time, record id) of entries in that inclusive range, some of them outdated."""
        place = bisect_left(self._order, (since_ms, -1))
        for entry in self._order[place:]:
            if entry[0] > until_ms:
                return
            yield entry


class Table:
    """The records of one object type. `values` arguments are already clean (`check`)."""

    def __init__(self, object_type: ObjectType) -> None:
        self.type = object_type
        self.properties: dict[str, Property] = {p.name: p for p in object_type.properties}
        self.live: dict[int, Record] = {}
        self.archived: dict[int, Record] = {}
        self.aliases: dict[int, int] = {}
        self.unique: dict[str, dict[str, int]] = {
            name: {} for name, prop in self.properties.items() if prop.unique
        }
        self.blocked_emails: set[str] = set()
        self.index = SearchIndex()
        self._ids: list[int] = []

    def resolve(self, record_id: int) -> int:
        """The present id of a record that may have been merged away."""
        while record_id in self.aliases:
            record_id = self.aliases[record_id]
        return record_id

    def find(self, record_id: int) -> Record | None:
        return self.live.get(self.resolve(record_id))

    def find_by(self, name: str, value: str) -> Record | None:
        """By a unique property; e-mails also by a secondary address."""
        record_id = self.unique[name].get(_key(name, value))
        return None if record_id is None else self.live.get(record_id)

    def ids_from(self, record_id: int) -> Iterator[int]:
        """Live ids from this one on, ascending."""
        if len(self._ids) > 2 * len(self.live) + 1000:
            self._ids = sorted(self.live)
        for place in range(bisect_left(self._ids, record_id), len(self._ids)):
            if self._ids[place] in self.live:
                yield self._ids[place]

    def check(self, properties: Mapping[str, Any]) -> tuple[Values, list[dict[str, Any]]]:
        """Clean values ("" clears) and the problems of those that were not valid."""
        clean: Values = {}
        problems: list[dict[str, Any]] = []
        for name, value in properties.items():
            try:
                clean[name] = self._clean(name, value)
            except BadValueError as bad:
                problems.append({"name": name, "error": bad.code, "message": bad.message})
        return clean, problems

    def _clean(self, name: str, value: Any) -> str:
        prop = self.properties.get(name)
        if prop is None or prop.archived:
            raise BadValueError("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if prop.read_only or prop.calculated:
            raise BadValueError(
                "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.'
            )
        if value.__class__ is not str:
            value = _as_string(name, value)
        if not value or value.isspace():
            return ""
        if prop.multiple and value.startswith(";"):
            return ";" + prop.clean(value)
        return prop.clean(value)

    def clashes(self, values: Values, own_id: int | None) -> Iterator[tuple[str, str, int]]:
        """(property, value, id of its owner) of unique values that belong to another live record."""
        for name, owners in self.unique.items():
            value = values.get(name)
            owner = owners.get(_key(name, value)) if value else None
            if value and owner is not None and owner != own_id:
                yield name, value, owner

    def insert(self, record_id: int, values: Values, now_ms: int, origin: Origin) -> Record:
        """Create a record from clean values."""
        values = {name: value.removeprefix(";") for name, value in values.items() if value}
        values |= {
            "hs_object_source": origin.source,
            "hs_object_source_id": origin.source_id,
            "hs_object_source_label": origin.label or origin.source,
        }
        values |= self._derived(values, values.keys(), now_ms)
        record = Record(record_id, values, now_ms, origin)
        self.live[record_id] = record
        if self._ids and self._ids[-1] > record_id:
            self._ids.insert(bisect_left(self._ids, record_id), record_id)
        else:
            self._ids.append(record_id)
        self._claim(record, values)
        return record

    def write(self, record: Record, values: Values, now_ms: int, origin: Origin) -> list[str]:
        """Store clean values; returns the names that changed, derived ones included."""
        changes = self._adjusted(record, values)
        old = record.values
        changed = record.put(changes, now_ms, origin)
        if not changed:
            return changed
        derived = self._derived(record.values, changed, now_ms)
        if derived:
            changed += record.put(derived, now_ms, Origin("CALCULATED", origin.source_id))
        if not self.unique.keys().isdisjoint(changed):
            self._release(record, old)
            self._claim(record, record.values)
        return changed

    def _adjusted(self, record: Record, values: Values) -> Values:
        """Apply a leading `;` (append) and drop a lifecycle stage that would move backwards."""
        changes = values
        stage = values.get("lifecyclestage")
        if stage and _rank(stage) < _rank(record.values.get("lifecyclestage", "")):
            changes = {name: value for name, value in changes.items() if name != "lifecyclestage"}
        appended = {
            name: ";".join(dict.fromkeys((record.values.get(name, "") + value).strip(";").split(";")))
            for name, value in changes.items()
            if value.startswith(";") and self.properties[name].multiple
        }
        return changes | appended if appended else changes

    def _derived(self, values: Values, changed: Iterable[str], now_ms: int) -> Values:
        derived: Values = {}
        names = set(changed)
        if self.type.name == "contacts" and names & {"email", "firstname", "lastname"}:
            email = values.get("email", "")
            full_name = f"{values.get('firstname', '')} {values.get('lastname', '')}".strip()
            derived = {
                "hs_email_domain": email.partition("@")[2],
                "hs_full_name_or_email": full_name or email,
            }
        if (
            "lifecyclestage" in names
            and f"hs_lifecyclestage_{values.get('lifecyclestage')}_date" in self.properties
        ):
            derived[f"hs_lifecyclestage_{values['lifecyclestage']}_date"] = iso_ms(now_ms)
        return derived

    def _claim(self, record: Record, values: Values) -> None:
        for name, owners in self.unique.items():
            for key in _keys(name, values):
                owners[key] = record.id

    def _release(self, record: Record, values: Values) -> None:
        for name, owners in self.unique.items():
            for key in _keys(name, values):
                if owners.get(key) == record.id:
                    del owners[key]

    def archive(self, record: Record, now_ms: int) -> None:
        record.archived_ms = now_ms
        self.archived[record.id] = self.live.pop(record.id)
        self._release(record, record.values)

    def restore(self, record: Record) -> None:
        record.archived_ms = None
        self.live[record.id] = self.archived.pop(record.id)
        place = bisect_left(self._ids, record.id)
        if place == len(self._ids) or self._ids[place] != record.id:
            self._ids.insert(place, record.id)
        self._claim(record, record.values)

    def forget(self, record: Record) -> None:
        """Remove a record without a trace."""
        self._release(record, record.values)
        self.live.pop(record.id, None)
        self.archived.pop(record.id, None)

    def take_over(self, survivor: Record, gone: Record, now_ms: int, origin: Origin) -> int:
        """Merge the values of `gone` into `survivor`; returns how many properties moved."""
        self.forget(gone)
        self.aliases[gone.id] = survivor.id
        moved = {name: value for name, value in gone.values.items() if name not in survivor.values}
        bookkeeping = _merged_values(survivor.values, gone, now_ms)
        if self.type.name != "contacts":
            bookkeeping = {"hs_merged_object_ids": bookkeeping["hs_merged_object_ids"]}
        survivor.put(moved | bookkeeping, now_ms, origin)
        self._claim(survivor, survivor.values)
        return len(moved)

    def rename(self, record: Record, new_id: int) -> None:
        """Give a live record another id; the old one keeps resolving."""
        self.aliases[record.id] = new_id
        self._release(record, record.values)
        del self.live[record.id]
        record.id = new_id
        self.live[new_id] = record
        self._ids.append(new_id)
        self._claim(record, record.values)


def _rank(stage: str) -> int:
    return LIFECYCLE_STAGES.index(stage) if stage in LIFECYCLE_STAGES else -1


def _as_string(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise BadValueError("INVALID_TYPE", f'Property "{name}" takes a string')


def _key(name: str, value: str) -> str:
    return value.strip().lower() if name == "email" else value.strip()


def _keys(name: str, values: Values) -> list[str]:
    value = values.get(name)
    keys = [_key(name, value)] if value else []
    if name == "email" and _EXTRA_EMAILS in values:
        keys += values[_EXTRA_EMAILS].split(";")
    return keys


def _merged_values(values: Values, gone: Record, now_ms: int) -> Values:
    emails = [values.get(_EXTRA_EMAILS, ""), gone.values.get("email", ""), gone.values.get(_EXTRA_EMAILS, "")]
    primary = values.get("email") or gone.values.get("email", "")
    extra = dict.fromkeys(email for part in emails for email in part.split(";") if email and email != primary)
    vids = [part for part in (values.get("hs_calculated_merged_vids"), f"{gone.id}:{now_ms}") if part]
    ids = [values.get("hs_merged_object_ids"), gone.values.get("hs_merged_object_ids"), str(gone.id)]
    return {
        _EXTRA_EMAILS: ";".join(extra),
        "hs_calculated_merged_vids": ";".join(vids),
        "hs_merged_object_ids": ";".join(part for part in ids if part),
    }


def lag(bounds: list[float], draw: Callable[[float, float], float]) -> int:
    """A random delay in milliseconds within `[low, high]` seconds."""
    low, high = bounds
    return int(1000 * (low if low == high else draw(low, high)))
