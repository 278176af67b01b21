"""Salesforce's validation rules, evaluated on the record as a write would make it.

A rule is *learning* at first: what we say of it is compared with Salesforce's answers. Trusted ones stop a
write that violates them, with the rule's own message. What we cannot tell is left to Salesforce.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

import msgspec

from domain.formula import Context, Formula, FormulaError, Prepared, Verdict, parse, verdict_of
from domain.formula_inputs import Shape, moment
from domain.identity import Fields
from domain.schema import ObjectSchema

SAMPLE = 20
"""One in so many writes that violate a trusted rule is sent, to see whether Salesforce still agrees."""

_REMADE = frozenset({"Name", "LastModifiedDate", "LastModifiedById", "SystemModstamp"})
"""Fields that every save may change, or that follow from others. Source: Salesforce, "System Fields"."""


class RuleText(msgspec.Struct, frozen=True, omit_defaults=True):
    """A validation rule as Salesforce keeps it."""

    id: str
    name: str
    formula: str  #: the error condition: TRUE refuses the record
    message: str
    field: str = ""  #: where the message is shown; empty: at the top of the page
    changed: str = ""  #: when somebody changed the rule last, in Salesforce's words

    @property
    def key(self) -> str:
        """The rule and its condition: a changed one has to be learned anew."""
        return f"{self.id}/{blake2b(self.formula.encode(), digest_size=4).hexdigest()}"


class Runner(msgspec.Struct, frozen=True, omit_defaults=True):
    """What formulas may know of the Salesforce user that writes for us, by field; None: blank."""

    user: dict[str, str | bool | None] = {}
    profile: Fields = {}
    role: Fields = {}
    zone: str = "UTC"
    permissions: tuple[str, ...] | None = None  #: custom permissions that he holds; None: nobody knows


class Rule(msgspec.Struct, frozen=True):
    """A rule ready for use."""

    key: str
    text: RuleText
    formula: Formula | None  #: None: we cannot read it
    condition: Prepared | None  #: the formula, ready for records of the rule's object
    trusted: bool


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """The rules of one Salesforce object."""

    rules: tuple[Rule, ...]
    shape: Shape
    context: Context
    fresh: Fields  #: what a new record holds in the fields that a write leaves out
    remade: frozenset[str]  #: fields of which a save leaves nobody knows what
    reads: frozenset[str]  #: fields that must be known to judge

    def judge(self, fields: Fields, known: Fields | None, now: int) -> dict[str, Verdict]:
        """What is to be said of a write but PASS, by the rules' keys.

        Args:
            fields: what is written.
            known: what the record holds before; None for a create.
            now: the moment, epoch ms.
        """
        before = self.shape.values(known or {})
        after = {**(self.fresh if known is None else known), **fields}
        for name in self.remade:
            after.pop(name, None)
        record = self.shape.values(after)
        context = replace(self.context, now=moment(now), is_new=known is None, prior_values=before)
        said: dict[str, Verdict] = {}
        for rule in self.rules:
            word = Verdict.UNKNOWN
            if rule.condition is not None:
                word = verdict_of(rule.condition(record, context))
            if word is not Verdict.PASS:
                said[rule.key] = word
        return said

    def broken(self, verdicts: Mapping[str, Verdict]) -> Rule | None:
        """The first trusted rule that is violated."""
        return next(
            (each for each in self.rules if each.trusted and verdicts.get(each.key) is Verdict.VIOLATES), None
        )


def compile_rules(
    texts: tuple[RuleText, ...], trusted: frozenset[str], schema: ObjectSchema, runner: Runner | None
) -> ObjectRules:
    """Make the rules of an object ready for use; ``trusted`` are the keys of those that stop writes."""
    shape, context = Shape.of(schema), _context(runner)
    rules = tuple(_rule(each, shape, context, trusted=each.key in trusted) for each in texts)
    named = {name.lower() for rule in rules if rule.formula for name in rule.formula.fields}
    read = {shape.spelling[name] for name in named if name in shape.spelling}
    remade = {name for name in read if name in _REMADE or schema.fields[name].calculated}
    fresh = {
        each.name: each.default
        for each in schema.fields.values()
        if not (each.self_filled or each.calculated) and each.name in shape.types
    }
    needed = read & shape.types.keys() - remade
    return ObjectRules(rules, shape, context, fresh, frozenset(remade), frozenset(needed))


def _rule(text: RuleText, shape: Shape, context: Context, *, trusted: bool) -> Rule:
    formula = formula_of(text.formula)
    ready = formula.prepare(schema=shape.types, blanks="blank", context=context) if formula else None
    return Rule(text.key, text, formula, ready, trusted)


@lru_cache(maxsize=4_096)
def formula_of(source: str) -> Formula | None:
    """Read a formula; None if we cannot. What was read is kept with what it was compiled to."""
    try:
        return parse(source)
    except FormulaError:
        return None


def _context(runner: Runner | None) -> Context:
    if runner is None:
        return Context()
    held = runner.permissions
    return Context(
        time_zone=ZoneInfo(runner.zone),
        user=runner.user,
        profile=runner.profile,
        role=runner.role,
        permissions=None if held is None else frozenset(held),
    )


def sampled(entity: str, fields: Fields) -> bool:
    """Whether a violating write is one of those that are sent all the same."""
    content = msgspec.json.encode([entity, fields], order="deterministic")
    return int.from_bytes(blake2b(content, digest_size=4).digest()) % SAMPLE == 0
