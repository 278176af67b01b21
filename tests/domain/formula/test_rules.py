"""The validation rules that Salesforce publishes as examples, and the verdicts on them."""

from collections.abc import Mapping

import pytest

from domain.formula import Context, Value, Verdict, parse, verdict
from tests.domain.formula.rules import BLANK, CONTEXT, RULES, SCHEMA, Rule

KNOWN = tuple(rule for rule in RULES if rule.violates is not None)


def judged(formula: str, values: Mapping[str, Value], context: Context = CONTEXT) -> Verdict:
    return verdict(parse(formula), {**BLANK, **values}, schema=SCHEMA, context=context)


@pytest.mark.parametrize("rule", KNOWN, ids=lambda rule: rule.name)
def test_a_published_rule_stops_what_it_should(rule: Rule) -> None:
    assert judged(rule.formula, rule.violates or {}) is Verdict.VIOLATES


@pytest.mark.parametrize("rule", KNOWN, ids=lambda rule: rule.name)
def test_a_published_rule_lets_the_rest_pass(rule: Rule) -> None:
    assert judged(rule.formula, rule.passes) is Verdict.PASS


def test_at_most_one_published_rule_in_twenty_is_unknown() -> None:
    verdicts = [judged(rule.formula, rule.passes) for rule in RULES]

    assert verdicts.count(Verdict.UNKNOWN) * 20 <= len(verdicts)


def test_a_rule_that_looks_into_another_object_is_unknown() -> None:
    (lookup,) = (rule for rule in RULES if rule.violates is None)

    assert judged(lookup.formula, lookup.passes) is Verdict.UNKNOWN


def test_a_rule_never_fires_on_a_blank_condition() -> None:
    assert judged("Start_Date__c > End_Date__c", {}) is Verdict.PASS


def test_a_rule_that_fails_to_evaluate_is_left_to_salesforce() -> None:
    assert judged("1 / 0 = 1", {}) is Verdict.UNKNOWN


def test_a_formula_that_is_no_condition_is_unknown() -> None:
    assert judged("1 + 1", {}) is Verdict.UNKNOWN


def test_a_switch_by_permission_turns_a_rule_off() -> None:
    rule = "AND(NOT($Permission.Bypass_Rules), ISBLANK(Email))"
    bypassing = Context(permissions=frozenset({"Bypass_Rules"}))

    assert judged(rule, {}) is Verdict.VIOLATES
    assert judged(rule, {}, bypassing) is Verdict.PASS
    assert judged(rule, {}, Context()) is Verdict.UNKNOWN


def test_a_new_record_has_neither_changed_nor_a_past() -> None:
    created = Context(is_new=True)

    assert judged("ISNEW()", {}, created) is Verdict.VIOLATES
    assert judged("ISCHANGED(Status)", {"Status": "New"}, created) is Verdict.PASS
    assert judged("ISBLANK(PRIORVALUE(Status))", {"Status": "New"}, created) is Verdict.VIOLATES
