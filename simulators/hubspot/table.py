"""The records of one object type: unique values, merges, archive, and how written values are checked."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from simulators.clock import iso_ms
from simulators.hubspot.properties import BadValueError, Property
from simulators.hubspot.records import Origin, Record, Values
from simulators.hubspot.schema import LIFECYCLE_STAGES, ObjectType
from simulators.hubspot.search_index import SearchIndex

if TYPE_CHECKING:
    from simulators.hubspot.formulas import Formula

_EXTRA_EMAILS = "hs_additional_emails"


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
        self.formulas: dict[str, Formula] = {}
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
        for name, formula in self.formulas.items():
            derived[name] = formula(values)
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
