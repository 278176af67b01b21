"""What a new HubSpot record becomes in Salesforce: the first rule whose condition it meets says."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.conditions import Expression
from domain.formula import FormulaError
from domain.identity import Fields


class Route(NamedTuple):
    """One rule."""

    when: Expression  #: over the HubSpot record
    create_as: str | None  #: Salesforce object; None: nothing is created


class Routed(NamedTuple):
    """Where the rules lead."""

    create_as: str | None
    why: str  #: the rule that decided, and those that could not be evaluated


def route(routes: Sequence[Route], otherwise: str | None, record: Fields, now: int) -> Routed:
    """Find the first rule that the record meets. One that gives an error counts as not met, and is named."""
    broken = ""
    for number, each in enumerate(routes, 1):
        met = each.when.holds(record, now)
        if isinstance(met, FormulaError):
            broken += f"; rule {number} gives no answer: {met.reason}"
        elif met:
            return Routed(each.create_as, f"rule {number} of create_as: {each.when.formula.source}{broken}")
    if not routes:
        return Routed(otherwise, "salesforce records are not created")
    return Routed(otherwise, f"no rule of create_as is met{broken}")
