"""What an administrator configures beside fields: validation, duplicate and assignment rules, automations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulators.salesforce.formula import compile_formula
from simulators.salesforce.formula_functions import Evaluator


@dataclass(slots=True)
class ValidationRule:
    """Refuses a save when its formula is true."""

    id: str
    entity: str
    name: str
    formula: str
    message: str
    changed: str
    display_field: str | None = None
    active: bool = True
    description: str | None = None
    test: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        self.test = compile_formula(self.formula)


@dataclass(slots=True)
class DuplicateRule:
    """Finds records of `against` equal to the saved one in all `fields`; blocks, or alerts (`allow_save`)."""

    name: str
    entity: str
    fields: list[str]
    against: list[str] = field(default_factory=list)
    allow_save: bool = True
    on_update: bool = False
    message: str = "Use one of these records?"

    def __post_init__(self) -> None:
        self.against = self.against or [self.entity]


@dataclass(slots=True)
class Automation:
    """Sets fields to the values of formulas when a saved record meets `when`.

    `timing`: "before" the rules see the record, "after" it was saved (same transaction), or "later":
    `delay_s` after the commit, in a transaction and by a user of its own.
    """

    name: str
    entity: str
    set: dict[str, str]
    when: str = "TRUE"
    timing: str = "after"
    delay_s: float = 0.0
    test: Evaluator = field(init=False)
    values: dict[str, Evaluator] = field(init=False)

    def __post_init__(self) -> None:
        if self.timing not in ("before", "after", "later"):
            raise ValueError("timing is before, after or later")
        self.test = compile_formula(self.when)
        self.values = {name: compile_formula(text) for name, text in self.set.items()}


@dataclass(slots=True)
class AssignmentRule:
    """Gives records that meet `when` to an owner, unless the caller says Sforce-Auto-Assign: FALSE."""

    id: str
    entity: str
    name: str
    owner_id: str
    when: str = "TRUE"
    active: bool = True
    test: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        self.test = compile_formula(self.when)


@dataclass(slots=True)
class Rules:
    """All of them, and which objects and fields the API user may not see (`hidden`) or write (`locked`).

    A permission is keyed by object, or by object and field: `Contact`, `Contact.Phone`.
    """

    validation: list[ValidationRule] = field(default_factory=list)
    duplicates: list[DuplicateRule] = field(default_factory=list)
    automations: list[Automation] = field(default_factory=list)
    assignments: list[AssignmentRule] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)

    def validating(self, entity: str) -> Iterator[ValidationRule]:
        return (rule for rule in self.validation if rule.active and rule.entity == entity)

    def automating(self, entity: str, timing: str) -> Iterator[Automation]:
        return (rule for rule in self.automations if rule.entity == entity and rule.timing == timing)

    def assigning(self, entity: str) -> Iterator[AssignmentRule]:
        return (rule for rule in self.assignments if rule.active and rule.entity == entity)


def plain(rule: Any) -> dict[str, Any]:
    """A rule without its compiled parts."""
    return {name: getattr(rule, name) for name in rule.__slots__ if name not in ("test", "values")}
