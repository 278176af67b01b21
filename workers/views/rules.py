"""Salesforce's validation rules: how each stands, and what its answers came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.learning import AGREED, DISAGREED, UNKNOWN, counter
from domain.policy import Policy
from domain.rules import ObjectRules, Rule


@dataclass(frozen=True, slots=True)
class RuleView:
    """One active validation rule."""

    object: str
    name: str
    status: str  #: ``learning``, or ``enforced``: it stops writes
    agreed: int  #: refusals that we had foreseen, of different contacts
    disagreed: int  #: answers that were not what we had foreseen
    unknown: int  #: writes of which we could not tell
    needs: tuple[str, ...]  #: fields that the formula names and we cannot know
    readable: bool  #: whether the formula can be read at all
    message: str


def rules(policy: Policy, counters: Mapping[str, int]) -> list[RuleView]:
    """The rules of all objects, by object and name."""
    return sorted(_rules(policy, counters), key=lambda each: (each.object, each.name))


def _rules(policy: Policy, counters: Mapping[str, int]) -> Iterator[RuleView]:
    for kind in policy.kinds.values():
        for name, of in kind.rules.items():
            for rule in of.rules:
                yield RuleView(
                    name,
                    rule.text.name,
                    "enforced" if rule.trusted else "learning",
                    counters.get(counter(rule.key, AGREED), 0),
                    counters.get(counter(rule.key, DISAGREED), 0),
                    counters.get(counter(rule.key, UNKNOWN), 0),
                    _needs(rule, of),
                    readable=rule.formula is not None,
                    message=rule.text.message,
                )


def _needs(rule: Rule, of: ObjectRules) -> tuple[str, ...]:
    named = rule.formula.fields if rule.formula else ()
    return tuple(sorted(name for name in named if of.shape.spelling.get(name.lower()) not in of.reads))
