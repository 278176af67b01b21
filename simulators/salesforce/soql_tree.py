"""The parts of a SOQL query."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a filter; `kind`: text, number, date, datetime, boolean, null, relative (LAST_N_DAYS:3)."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached over relationships: `("Account", "Owner", "Name")`."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT(Id) total`; path None is `COUNT()`."""

    function: str
    path: Path | None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    path: Path | Aggregate
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Contained:
    """`IN` and `NOT IN`, of literals or of a semi-join; INCLUDES and EXCLUDES."""

    path: Path
    operator: str
    literals: tuple[Literal, ...]
    query: "Query | None" = None


@dataclass(frozen=True, slots=True)
class Not:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    conditions: tuple["Condition", ...]


Condition = Compare | Contained | Not | All | Some


@dataclass(frozen=True, slots=True)
class Order:
    path: Path | Aggregate
    descending: bool = False
    nulls_last: bool | None = None


@dataclass(slots=True)
class Query:
    """A SELECT; `fields_of` is ALL, STANDARD or CUSTOM for `FIELDS(...)`."""

    select: list["Path | Aggregate | Query"] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    fields_of: str | None = None
    source: str = ""
    source_column: int = 1
    where: Condition | None = None
    group: list[Path] = field(default_factory=list)
    having: Condition | None = None
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0

    @property
    def aggregated(self) -> bool:
        return bool(self.group) or any(isinstance(item, Aggregate) for item in self.select)


def without_alias(query: Query, alias: str) -> Query:
    """Drop the alias of the source object from paths: `SELECT c.Id FROM Contact c`."""
    lower = alias.lower()

    def path(found: Path) -> Path:
        return Path(found.parts[1:]) if len(found.parts) > 1 and found.parts[0].lower() == lower else found

    def operand(found: Path | Aggregate) -> Path | Aggregate:
        if isinstance(found, Path):
            return path(found)
        return Aggregate(found.function, path(found.path) if found.path else None, found.alias)

    def condition(found: Condition) -> Condition:
        match found:
            case Compare():
                return Compare(operand(found.path), found.operator, found.literal)
            case Contained():
                return Contained(path(found.path), found.operator, found.literals, found.query)
            case Not():
                return Not(condition(found.condition))
            case All():
                return All(tuple(map(condition, found.conditions)))
            case Some():
                return Some(tuple(map(condition, found.conditions)))

    query.select = [item if isinstance(item, Query) else operand(item) for item in query.select]
    query.where = condition(query.where) if query.where else None
    query.group = [path(found) for found in query.group]
    query.order = [Order(operand(found.path), found.descending, found.nulls_last) for found in query.order]
    return query
