"""The org's own formulas, against expectations written by hand."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from simulators.salesforce.formula import compile_formula
from simulators.salesforce.formula_functions import Context, FormulaError

RECORD: dict[str, Any] = {
    "Title": "CEO",
    "Email": None,
    "Amount": 250.0,
    "Start": date(2026, 3, 1),
    "Interests": "A;C",
    "DoNotCall": False,
}
BEFORE = {**RECORD, "Title": "CTO"}
NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def _value(text: str, *, is_new: bool = False) -> Any:
    return compile_formula(text)(Context(RECORD.__getitem__, BEFORE.__getitem__, is_new, NOW))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("-Amount / 2", -125.0),
        ("2 * 3 ^ 2", 36.0),
        ("Amount / 0", None),
        ("Amount >= 250 && NOT(DoNotCall)", True),
        ("Amount < 250 || !DoNotCall", True),
        ("Email = ''", True),
        ("Email <> 'x'", True),
        ("Email > 5", None),
        ("'a' & NULL & \"b\\n\"", "ab\n"),
        ("Title + '!'", "CEO!"),
        ("/* why */ TRUE", True),
        ("AND(ISBLANK(Email), ISPICKVAL(Title, 'CEO'))", True),
        ("OR(ISNULL(Title), INCLUDES(Interests, 'C'))", True),
        ("IF(Amount > 100, 'big', 'small')", "big"),
        ("CASE(Title, 'CTO', 1, 'CEO', 2, 3)", 2.0),
        ("CASE(Email, 'x', 1, 3)", 3.0),
        ("BLANKVALUE(Email, 'none')", "none"),
        ("LEN(Title) + FIND('E', Title)", 5.0),
        ("LEFT(Title, 1) & RIGHT(Title, 1) & MID(Title, 2, 1)", "COE"),
        ("CONTAINS(Title, 'EO') && BEGINS(Title, 'C')", True),
        ("SUBSTITUTE(UPPER(TRIM(' ab ')), 'B', '-')", "A-"),
        ("REGEX('12345', '\\\\d{5}')", True),
        ("REGEX('12345x', '\\\\d{5}')", False),
        ("TEXT(Amount) & TEXT(1.5) & TEXT(Start)", "2501.52026-03-01"),
        ("IF(ISNUMBER('7'), VALUE('7'), 0)", 7.0),
        ("ROUND(ABS(-2.345), 1)", 2.3),
        ("YEAR(Start) + MONTH(TODAY())", 2037.0),
        ("TODAY() - DATE(2026, 11, 20)", 2.0),
        ("Start + 31 = DATE(2026, 4, 1)", True),
        ("DATEVALUE(NOW()) = TODAY()", True),
        ("ISCHANGED(Title) && PRIORVALUE(Title) = 'CTO'", True),
        ("ISCHANGED(Amount)", False),
        ("ISNEW()", False),
    ],
)
def test_a_formula_gives(text: str, value: Any) -> None:
    assert _value(text) == value


def test_a_new_record_has_no_change_and_no_prior_value() -> None:
    assert _value("ISNEW() && NOT(ISCHANGED(Title))", is_new=True) is True
    assert _value("PRIORVALUE(Title)", is_new=True) == "CEO"


@pytest.mark.parametrize("text", ["NOSUCH(1)", "1 +", "(1", "1 2", "'open", "#"])
def test_a_formula_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        compile_formula(text)
