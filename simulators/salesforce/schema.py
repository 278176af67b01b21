"""Objects and their fields: standard ones from `objects/*.txt`, custom ones as an administrator adds them.

A line of such a file is `name | type(length or precision,scale) | flags | label | more`. Flags: c createable,
u updateable, r required, d defaulted on create, s never null though read-only, n the name field, l idLookup,
q unique, R restricted picklist. More: `in X` (part of a compound field), `info X` (extraTypeInfo),
`values A, Label=B, C*` (C is the default). A reference names its targets, its relationship and, if there is
one, the relationship back from the parent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_TYPE = re.compile(r"(\w+)(?:\((.*)\))?")
TEXT_TYPES = frozenset(
    {"string", "textarea", "phone", "email", "url", "picklist", "multipicklist", "combobox", "id"}
)
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a picklist."""

    value: str
    label: str
    default: bool = False
    active: bool = True
    valid_for: tuple[str, ...] = ()  #: of a dependent picklist: the controlling values it goes with


@dataclass(frozen=True, slots=True)
class Field:
    """A field as `describe` tells it; `formula` is the text of a calculated one."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    required: bool = False
    defaulted: bool = False
    never_null: bool = False
    name_field: bool = False
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    restricted: bool = False
    choices: tuple[Choice, ...] = ()
    controller: str | None = None  #: the field that a dependent picklist depends on
    targets: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    compound: str | None = None
    info: str | None = None
    formula: str | None = None
    custom: bool = False
    help: str | None = None

    @property
    def nillable(self) -> bool:
        return not (self.required or self.never_null or self.type in ("id", "boolean"))

    @property
    def indexed(self) -> bool:
        """Whether equality is answered without looking at every row."""
        related = bool(self.targets) and "User" not in self.targets
        named = self.name_field and self.info != "personname"
        return self.external_id or self.unique or self.id_lookup or named or related

    def default_value(self) -> object:
        if self.type == "boolean":
            return False
        return next((choice.value for choice in self.choices if choice.default), None)


@dataclass(slots=True)
class SObject:
    """An object; field and relationship names are looked up without regard to letter case."""

    name: str
    label: str
    plural: str
    prefix: str
    mergeable: bool = False
    undeletable: bool = False
    custom: bool = False
    fields: dict[str, Field] = field(default_factory=dict)
    by_lower: dict[str, Field] = field(default_factory=dict)
    by_relationship: dict[str, Field] = field(default_factory=dict)
    _defaults: dict[str, object] | None = None
    _unique: list[str] | None = None
    _required: list[Field] | None = None

    def add(self, added: Field) -> None:
        self._forget()
        self.fields[added.name] = added
        self.by_lower[added.name.lower()] = added
        if added.relationship:
            self.by_relationship[added.relationship.lower()] = added

    def _forget(self) -> None:
        self._defaults = self._unique = self._required = None

    def remove(self, name: str) -> None:
        self._forget()
        del self.fields[name], self.by_lower[name.lower()]

    def defaults(self) -> dict[str, object]:
        """The values which a new record has unless told otherwise."""
        if self._defaults is None:
            found = {entry.name: entry.default_value() for entry in self.fields.values() if entry.createable}
            self._defaults = {name: value for name, value in found.items() if value}
        return self._defaults

    def unique_names(self) -> list[str]:
        if self._unique is None:
            self._unique = [entry.name for entry in self.fields.values() if entry.unique]
        return self._unique

    def required_fields(self) -> list[Field]:
        if self._required is None:
            self._required = [
                entry
                for entry in self.fields.values()
                if entry.required and entry.createable and entry.type != "boolean"
            ]
        return self._required


class Schema:
    """All objects of an org."""

    def __init__(self) -> None:
        self.objects = {loaded.name: loaded for loaded in _standard()}
        self._by_lower = {name.lower(): loaded for name, loaded in self.objects.items()}

    def add(self, described: SObject) -> None:
        self.objects[described.name] = described
        self._by_lower[described.name.lower()] = described

    def find(self, name: str) -> SObject | None:
        return self._by_lower.get(name.lower())

    def by_prefix(self, record_id: str) -> SObject | None:
        return next((entry for entry in self.objects.values() if entry.prefix == record_id[:3]), None)

    def children_of(self, parent: SObject) -> Iterator[tuple[SObject, Field]]:
        """The objects and fields that point to `parent`."""
        for child in self.objects.values():
            for entry in child.fields.values():
                if parent.name in entry.targets:
                    yield child, entry


@cache
def _texts() -> tuple[str, ...]:
    folder = Path(__file__).with_name("objects")
    return tuple(path.read_text("utf-8") for path in sorted(folder.glob("*.txt")))


def _standard() -> Iterator[SObject]:
    return map(_parse_object, _texts())


def _parse_object(text: str) -> SObject:
    head, *lines = text.splitlines()
    names, plural, prefix, flags = (part.strip() for part in head.split("|"))
    name, _, label = names.partition(":")
    parsed = SObject(name, label or name, plural, prefix, "mergeable" in flags, "undeletable" in flags)
    for line in lines:
        parsed.add(_parse_field(line))
    return parsed


def _parse_field(line: str) -> Field:
    name, type_text, flags, label, *more = (part.strip() for part in line.split(" | "))
    options = dict(option.split(" ", 1) for option in (more[0].split("; ") if more else []))
    matched = _TYPE.fullmatch(type_text)
    assert matched, line
    kind, inside = matched[1], matched[2] or ""
    targets, relationship, children = _reference(inside) if kind == "reference" else ((), None, None)
    length, precision, scale = _sizes(kind, inside)
    return Field(
        name=name,
        type=kind,
        label=label,
        length=length,
        precision=precision,
        scale=scale,
        createable="c" in flags,
        updateable="u" in flags,
        required="r" in flags,
        defaulted="d" in flags,
        never_null="s" in flags,
        name_field="n" in flags,
        id_lookup="l" in flags or kind == "id",
        unique="q" in flags,
        restricted="R" in flags,
        choices=tuple(_choices(options["values"])) if "values" in options else (),
        targets=targets,
        relationship=relationship,
        children=children,
        compound=options.get("in"),
        info=options.get("info"),
    )


def _reference(inside: str) -> tuple[tuple[str, ...], str, str | None]:
    targets, relationship, *children = inside.split(" ")
    return tuple(targets.split(",")), relationship, children[0] if children else None


def _sizes(kind: str, inside: str) -> tuple[int, int, int]:
    """Length, precision and scale."""
    if kind in ("id", "reference"):
        return 18, 0, 0
    if kind in NUMBER_TYPES:
        precision, _, scale = inside.partition(",")
        return 0, int(precision or 0), int(scale or 0)
    return int(inside or 0), 0, 0


def _choices(text: str) -> Iterator[Choice]:
    for item in text.split(", "):
        label, _, value = item.rstrip("*").partition("=")
        yield Choice(value or label, label, default=item.endswith("*"))
