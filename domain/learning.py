"""Comparing what we said of validation rules with what Salesforce answered.

Contacts only count; who puts the counts together appends that a rule is trusted or doubted, and decisions
read nothing but that.
"""

from collections.abc import Iterable, Mapping

from domain.formula import Verdict
from domain.identity import SALESFORCE
from domain.outcomes import Outcome, OutcomeClass
from domain.rules import ObjectRules, Rule
from domain.state import Contact, Flight, Standing
from domain.step import Step

RECORD_RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
"""Salesforce's code for a validation rule: it judges the record as a whole, whatever field it names."""

AGREED = "agreed"  #: we said that the record violates the rule, and Salesforce refused it for that
DISAGREED = "disagreed"  #: Salesforce took what we said violates the rule, or refused what we said passes it
UNKNOWN = "unknown"  #: we could not tell


def counter(rule: str, what: str) -> str:
    """The name under which answers are counted for a rule."""
    return f"rules/{rule}/{what}"


def compare(
    step: Step, contact: Contact, flight: Flight, said: Mapping[str, Verdict], outcome: Outcome
) -> None:
    """Count an answer of Salesforce for the rules that it tells something about.

    A contact that has a dead letter agrees no second time: agreement is to come from different records.
    """
    kind = step.policy.kinds.get(contact.kind)
    rules = kind.rules.get(flight.object) if kind is not None else None
    if rules is None or flight.delete or _found(flight, outcome):
        return
    if outcome.outcome is OutcomeClass.DELIVERED:
        _count(step, (key for key, word in said.items() if word is Verdict.VIOLATES), DISAGREED)
    elif outcome.outcome is OutcomeClass.REJECTED and outcome.code == RECORD_RULE:
        _refused(step, _named(rules, outcome.message), said, again=SALESFORCE in contact.refused)
    else:
        return
    _count(step, (key for key, word in said.items() if word is Verdict.UNKNOWN), UNKNOWN)


def _found(flight: Flight, outcome: Outcome) -> bool:
    """Whether a create met a record that was there, so that it was another write than the one judged."""
    return flight.record_id is None and outcome.record_id is not None and not outcome.created


def _refused(step: Step, named: list[Rule], said: Mapping[str, Verdict], *, again: bool) -> None:
    """Salesforce named a rule by its message, which several may share."""
    words = {rule.key: said.get(rule.key, Verdict.PASS) for rule in named}
    right = [key for key, word in words.items() if word is Verdict.VIOLATES]
    if right:
        _count(step, () if again else right, AGREED)
    elif Verdict.UNKNOWN not in words.values():
        _count(step, words, DISAGREED)


def _named(rules: ObjectRules, message: str) -> list[Rule]:
    return [each for each in rules.rules if each.text.message.strip() == message.strip()]


def _count(step: Step, keys: Iterable[str], what: str) -> None:
    for key in keys:
        step.book.count(counter(key, what))


def verdict_on(standing: Standing, agreed: int, disagreed: int, enough: int | None) -> Standing | None:
    """How a rule stands from now on, if the counts of its answers change that.

    ``enough``: how many answers must agree, with none that does not, before a rule is trusted; None: no
    number is enough, and what is trusted is so no more.
    """
    if disagreed > standing.disagreed or (standing.trusted and enough is None):
        return Standing(agreed, disagreed)
    if not standing.trusted and enough is not None and agreed - standing.agreed >= enough:
        return Standing(agreed, disagreed, trusted=True)
    return None
