"""The tables of cases, each with the reason of its expectation."""

import re
from decimal import Decimal

import pytest

from domain.formula import Blanks, FormulaError, Value, parse, unsupported
from domain.formula.compiler import FUNCTIONS
from tests.domain.formula.sample import CONTEXT, RECORD, SCHEMA
from tests.domain.formula.table import Case, Failure, cases

CASES = tuple(cases())


def outcome(formula: str, blanks: Blanks) -> Value | Failure:
    try:
        result = parse(formula).evaluate(RECORD, schema=SCHEMA, blanks=blanks, context=CONTEXT)
    except FormulaError as error:
        result = error
    return Failure(result.kind, result.position) if isinstance(result, FormulaError) else result


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.place)
def test_a_formula_yields_what_the_table_says(case: Case) -> None:
    for blanks in case.modes:
        found = outcome(case.formula, blanks)

        assert found == case.expected, case.reason
        assert type(found) is type(case.expected), case.reason


def test_every_case_has_its_reason_and_half_of_them_cite_salesforce() -> None:
    cited = [case for case in CASES if case.reason.startswith("Help, ")]

    assert len(CASES) >= 500
    assert all(case.formula and case.reason for case in CASES)
    assert len(cited) * 2 >= len(CASES)


def test_every_function_has_a_case() -> None:
    shown = {name.upper() for case in CASES for name in re.findall(r"\w+(?=\()", case.formula)}
    unanswerable = set(unsupported.FUNCTIONS)

    assert set(FUNCTIONS) - unanswerable <= shown
    assert unanswerable & shown


def test_no_case_is_written_twice() -> None:
    keys = [(case.formula, case.modes) for case in CASES]

    assert len(set(keys)) == len(keys)


def test_a_number_is_a_decimal_without_a_rounding_of_its_own() -> None:
    assert outcome("1 / 8 + 0.000000000000000001", "zero") == Decimal("0.125000000000000001")
