"""Every operator on values: what passes, what fails, what a blank does."""

from typing import Any, NamedTuple

import pytest

from domain.inclusion import compile_list
from tests.domain.inclusion.builders import Json, a_list, all_of, contact_schema, explain, only, prop

GUIDE = "List filters: Property filter operations"
STRING = "List filters: String operations"
MULTISTRING = "List filters: Multi-string operations"
NUMBER = "List filters: Number operations"
BOOL = "List filters: Boolean operations"
ENUMERATION = "List filters: Enumeration operations"


class Row(NamedTuple):
    """An operator with values that pass and values that fail, and the page that says so."""

    page: str
    kind: str
    operator: str
    operands: dict[str, Any]
    passes: tuple[str, ...]
    fails: tuple[str, ...]


ONE, SEVERAL = {"value": "Wien"}, {"values": ["Wien", "graz"]}
CHOICE = {"values": ["red", "blue"]}
ROWS = [
    Row(STRING, "STRING", "IS_EQUAL_TO", ONE, ("Wien", "wien"), ("Wiener Neustadt", "Graz")),
    Row(STRING, "STRING", "IS_NOT_EQUAL_TO", ONE, ("Graz", "Wiener Neustadt"), ("Wien", "WIEN")),
    Row(STRING, "STRING", "CONTAINS", ONE, ("Wiener Neustadt", "Klein-WIEN"), ("Graz", "Wi")),
    Row(STRING, "STRING", "DOES_NOT_CONTAIN", ONE, ("Graz",), ("Wiener Neustadt",)),
    Row(STRING, "STRING", "STARTS_WITH", ONE, ("wiener Neustadt",), ("Klein-Wien",)),
    Row(STRING, "STRING", "ENDS_WITH", ONE, ("Klein-Wien",), ("Wiener",)),
    Row(MULTISTRING, "MULTISTRING", "IS_EQUAL_TO", SEVERAL, ("Graz", "wien"), ("Linz", "Wien Graz")),
    Row(MULTISTRING, "MULTISTRING", "IS_NOT_EQUAL_TO", SEVERAL, ("Linz", "Wien Graz"), ("Graz", "wien")),
    Row(MULTISTRING, "MULTISTRING", "CONTAINS", SEVERAL, ("Grazer Platz", "Wien 1"), ("Linz",)),
    Row(MULTISTRING, "MULTISTRING", "DOES_NOT_CONTAIN", SEVERAL, ("Linz",), ("Grazer Platz", "Wien 1")),
    Row(
        MULTISTRING,
        "MULTISTRING",
        "CONTAINS_EXACTLY",
        SEVERAL,
        ("1010 Wien", "Graz-West"),
        ("Wiener", "Linz"),
    ),
    Row(
        MULTISTRING,
        "MULTISTRING",
        "DOES_NOT_CONTAIN_EXACTLY",
        SEVERAL,
        ("Wiener", "Linz"),
        ("1010 Wien", "GRAZ"),
    ),
    Row(MULTISTRING, "MULTISTRING", "STARTS_WITH", SEVERAL, ("grazer", "Wiener"), ("Klein-Wien",)),
    Row(MULTISTRING, "MULTISTRING", "ENDS_WITH", SEVERAL, ("Klein-Wien", "graz"), ("Wiener",)),
    Row(NUMBER, "NUMBER", "IS_EQUAL_TO", {"value": 10}, ("10", "10.00"), ("9.99", "1e2")),
    Row(NUMBER, "NUMBER", "IS_NOT_EQUAL_TO", {"value": 10}, ("9", "-10"), ("10", "10.0")),
    Row(NUMBER, "NUMBER", "IS_GREATER_THAN", {"value": 0.1}, ("0.11", "3"), ("0.1", "-5")),
    Row(NUMBER, "NUMBER", "IS_GREATER_THAN_OR_EQUAL_TO", {"value": 0.1}, ("0.1", "9"), ("0.09",)),
    Row(NUMBER, "NUMBER", "IS_LESS_THAN", {"value": 9}, ("8.99", "-10"), ("9", "10")),
    Row(NUMBER, "NUMBER", "IS_LESS_THAN_OR_EQUAL_TO", {"value": 9}, ("9", "0"), ("9.01", "10")),
    Row(
        NUMBER,
        "NUMBER_RANGED",
        "IS_BETWEEN",
        {"lowerBound": 2, "upperBound": 10},
        ("2", "9", "10"),
        ("1", "11"),
    ),
    Row(
        NUMBER,
        "NUMBER_RANGED",
        "IS_NOT_BETWEEN",
        {"lowerBound": 2, "upperBound": 10},
        ("1", "10.5"),
        ("2", "10"),
    ),
    Row(BOOL, "BOOL", "IS_EQUAL_TO", {"value": True}, ("true",), ("false",)),
    Row(BOOL, "BOOL", "IS_NOT_EQUAL_TO", {"value": True}, ("false",), ("true",)),
    Row(BOOL, "BOOL", "IS_EQUAL_TO", {"value": False}, ("false",), ("true",)),
    Row(
        ENUMERATION, "ENUMERATION", "IS_ANY_OF", CHOICE, ("red", "green;blue"), ("green", "Red", "red green")
    ),
    Row(ENUMERATION, "ENUMERATION", "IS_NONE_OF", CHOICE, ("green", "Red"), ("red", "green;blue")),
    Row(
        ENUMERATION, "ENUMERATION", "IS_EXACTLY", CHOICE, ("red;blue", "blue;red"), ("red", "red;blue;green")
    ),
    Row(ENUMERATION, "ENUMERATION", "IS_NOT_EXACTLY", CHOICE, ("red", "red;blue;green"), ("blue;red",)),
    Row(ENUMERATION, "ENUMERATION", "CONTAINS_ALL", CHOICE, ("red;green;blue", "blue;red"), ("red", "green")),
    Row(
        ENUMERATION,
        "ENUMERATION",
        "DOES_NOT_CONTAIN_ALL",
        CHOICE,
        ("red", "green"),
        ("red;blue", "x;blue;red"),
    ),
]
CASES = [
    pytest.param(row, value, passed, id=f"{row.kind}-{row.operator}-{value}-{passed} [{row.page}]")
    for row in ROWS
    for passed, values in ((True, row.passes), (False, row.fails))
    for value in values
]


@pytest.mark.parametrize(("row", "value", "passed"), CASES)
def test_an_operator_judges_the_value(row: Row, value: str, passed: bool) -> None:  # noqa: FBT001 - from a table
    compiled = only(prop("field", row.kind, row.operator, **row.operands))
    assert compiled.remote is None
    assert explain(compiled, {"field": value}).member is passed


@pytest.mark.parametrize("include", [True, False, None], ids=["included", "excluded", "by default excluded"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.operator} [{GUIDE}]")
def test_a_blank_passes_only_where_the_filter_includes_it(
    row: Row,
    include: bool | None,  # noqa: FBT001 - from a table
) -> None:
    flag = {} if include is None else {"includeObjectsWithNoValueSet": include}
    compiled = only(prop("field", row.kind, row.operator, **row.operands, **flag))
    assert explain(compiled, {"field": None}).member is bool(include)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.operator}")
def test_an_unread_property_leaves_the_question_open(row: Row) -> None:
    verdict = explain(only(prop("field", row.kind, row.operator, **row.operands)), {"other": "x"})
    assert (verdict.member, verdict.unknown) == (None, ("field",))


ALL_TYPES = "List filters: All property types operations"


@pytest.mark.parametrize(
    ("kind", "operator", "value", "passed"),
    [
        pytest.param(kind, operator, value, passed, id=f"{kind}-{operator}-{value} [{ALL_TYPES}]")
        for kind, operator, value, passed in (
            ("ALL_PROPERTY", "IS_KNOWN", "x", True),
            ("ALL_PROPERTY", "IS_KNOWN", None, False),
            ("ALL_PROPERTY", "IS_UNKNOWN", "x", False),
            ("ALL_PROPERTY", "IS_UNKNOWN", None, True),
            ("alltypes", "IS_NOT_BLANK", "x", True),
            ("alltypes", "IS_NOT_BLANK", None, False),
            ("alltypes", "IS_BLANK", "x", False),
            ("alltypes", "IS_BLANK", None, True),
        )
    ],
)
def test_known_and_unknown_ask_for_any_value(
    kind: str,
    operator: str,
    value: str | None,
    passed: bool,  # noqa: FBT001 - from a table
) -> None:
    assert explain(only(prop("field", kind, operator)), {"field": value}).member is passed


COMPARATIVE = "List filters: string-, number-, bool-comparative"


@pytest.mark.parametrize(
    ("kind", "operator", "value", "other", "passed"),
    [
        pytest.param(*case, id=f"{'-'.join(map(str, case))} [{COMPARATIVE}]")
        for case in (
            ("string-comparative", "IS_EQUAL_TO", "Wien", "WIEN", True),
            ("string-comparative", "IS_EQUAL_TO", "Wien", "Graz", False),
            ("number-comparative", "IS_EQUAL_TO", "10", "10.0", True),
            ("number-comparative", "IS_EQUAL_TO", "10", "9", False),
            ("number-comparative", "IS_GREATER_THAN", "10", "9", True),
            ("number-comparative", "IS_GREATER_THAN", "9", "10", False),
            ("number-comparative", "IS_LESS_THAN", "9", "10", True),
            ("number-comparative", "IS_LESS_THAN", "10", "10", False),
            ("bool-comparative", "IS_EQUAL_TO", "true", "true", True),
            ("bool-comparative", "IS_EQUAL_TO", "true", "false", False),
            ("bool-comparative", "IS_NOT_EQUAL_TO", "true", "false", True),
            ("bool-comparative", "IS_NOT_EQUAL_TO", "false", "false", False),
            ("string-comparative", "IS_EQUAL_TO", None, "Wien", False),
            ("string-comparative", "IS_EQUAL_TO", "Wien", None, False),
        )
    ],
)
def test_two_properties_compare(
    kind: str,
    operator: str,
    value: str | None,
    other: str | None,
    passed: bool,  # noqa: FBT001 - from a table
) -> None:
    compiled = only(prop("field", kind, operator, comparisonPropertyName="other"))
    assert explain(compiled, {"field": value, "other": other}).member is passed


def test_a_comparison_needs_both_properties() -> None:
    compiled = only(prop("a", "number-comparative", "IS_EQUAL_TO", comparisonPropertyName="b"))
    assert compiled.properties == {"a", "b"}
    assert explain(compiled, {"a": "1"}).unknown == ("b",)


def test_a_blank_passes_a_comparison_that_includes_it_but_a_blank_other_never_does() -> None:
    compiled = only(
        prop(
            "a",
            "number-comparative",
            "IS_EQUAL_TO",
            comparisonPropertyName="b",
            includeObjectsWithNoValueSet=True,
        )
    )
    assert explain(compiled, {"a": None, "b": "1"}).member is True
    assert explain(compiled, {"a": "1", "b": None}).member is False


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("text", ["n/a", "NaN", "Infinity", "12 apples"])
def test_a_text_that_is_no_number_counts_as_blank(text: str, include: bool) -> None:  # noqa: FBT001 - from a table
    flag = {"includeObjectsWithNoValueSet": include}
    for each in (
        prop("n", "NUMBER", "IS_NOT_EQUAL_TO", value=3, **flag),
        prop("n", "NUMBER_RANGED", "IS_NOT_BETWEEN", lowerBound=1, upperBound=2, **flag),
    ):
        assert explain(only(each), {"n": text}).member is include


@pytest.mark.parametrize("text", ["n/a", "NaN"])
def test_a_text_that_is_no_number_passes_no_comparison_of_numbers(text: str) -> None:
    compiled = only(prop("a", "NUMBER_COMPARATIVE", "IS_NOT_EQUAL_TO", comparisonPropertyName="b"))
    assert explain(compiled, {"a": text, "b": "1"}).member is False
    assert explain(compiled, {"a": "1", "b": text}).member is False


@pytest.mark.parametrize(
    "each",
    [
        prop("field", "ALL_PROPERTY", "IS_KNOWN"),
        prop("field", "STRING", "IS_EQUAL_TO", value="x"),
        prop("field", "STRING_COMPARATIVE", "IS_EQUAL_TO", comparisonPropertyName="other"),
        prop("field", "DATETIME", "IS_AFTER", timestamp=0),
    ],
    ids=lambda each: each["operation"]["operationType"],
)
def test_a_filter_says_which_property_it_is_about_and_reads_it(each: Json) -> None:
    compiled = only(each)
    verdict = explain(compiled, {"field": "2026-03-04", "other": "y"})
    assert "field" in compiled.properties
    assert (verdict.property, verdict.actual) == ("field", "2026-03-04")


@pytest.mark.parametrize(("country", "member"), [("AT", True), ("FR", False)])
def test_a_property_of_one_option_is_judged_like_one_of_several(country: str, member: bool) -> None:  # noqa: FBT001
    each = prop("country", "ENUMERATION", "IS_ANY_OF", values=["AT", "DE"])
    compiled = compile_list(a_list(all_of(each)), schema=contact_schema())
    assert explain(compiled, {"country": country}).member is member
