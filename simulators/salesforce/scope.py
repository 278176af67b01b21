"""What names in a query mean: fields of an object and of its parents, as one caller sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.salesforce.errors import ApiError
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.schema import Field, SObject
from simulators.salesforce.soql_tree import Path, Query
from simulators.salesforce.store import Record

Getter = Callable[[Record], Any]


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
