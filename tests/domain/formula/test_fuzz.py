"""Whatever is thrown at it, a formula yields a value or a formula error."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.formula import Blanks, Formula, FormulaError, Value, parse
from domain.formula.compiler import FUNCTIONS
from domain.formula.functions import Function
from domain.formula.kinds import Kind
from tests.domain.formula.sample import CONTEXT, RECORD, SCHEMA

MODES: tuple[Blanks, ...] = ("zero", "blank")


def check(source: str, record: dict[str, Value] = RECORD) -> None:
    formula = parsed(source)
    if isinstance(formula, FormulaError):
        assert 0 <= formula.position <= len(source)
        return
    for blanks in MODES:
        result = formula.evaluate(record, schema=SCHEMA, blanks=blanks, context=CONTEXT)
        check_result(result, source)


def parsed(source: str) -> Formula | FormulaError:
    try:
        return parse(source)
    except FormulaError as error:
        return error


def check_result(result: Value | FormulaError, source: str) -> None:
    match result:
        case FormulaError():
            assert 0 <= result.position < len(source)
        case str():
            assert 0 < len(result) <= 3_900
        case Decimal():
            assert result.is_finite()
        case datetime():
            assert result.utcoffset() is not None
        case None | bool() | date() | time():
            pass


SCRAPS = st.sampled_from(
    [
        *("1", "2.5", "0", '"a"', "'b'", '""', "TRUE", "NULL", "(", ")", ",", "+", "-", "*", "/", "^", "&"),
        *("&&", "||", "!", "NOT", "=", "<>", "<", ">=", " ", "\n", "/* x */", "$User.Id", "$x.y"),
        *FUNCTIONS,
        *SCHEMA,
    ]
)


@given(st.text(max_size=60))
def test_any_text(source: str) -> None:
    check(source)


@given(st.lists(SCRAPS, max_size=25).map(" ".join))
def test_any_heap_of_tokens(source: str) -> None:
    check(source)


def calls(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})",
        st.sampled_from([*FUNCTIONS, "NONSENSE"]),
        st.lists(inner, max_size=4),
    )


def operations(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    symbols = st.sampled_from(["+", "-", "*", "/", "^", "&", "&&", "||", "=", "<>", "<", ">", "<=", ">="])
    return st.builds(lambda left, symbol, right: f"({left} {symbol} {right})", inner, symbols, inner)


LEAVES = st.sampled_from(["1", "0", "2.5", '"abc"', '"2024-02-29"', "TRUE", "NULL", *SCHEMA])


@settings(max_examples=300)
@given(st.recursive(LEAVES, lambda inner: calls(inner) | operations(inner), max_leaves=12))
def test_any_formula_whatever_its_types(source: str) -> None:
    check(source)


NUMBERS = ("0", "1", "-1", "2.5", "1000000", "(1 / 3)", "(10 ^ 60)", "Amount", "NoNumber", "Rate", "Count")
TEXTS = (
    '"abc"',
    '""',
    '"2024-02-29 10:00:00"',
    '"10:00:00.0"',
    '"12.5"',
    '"1e-900"',
    '"(a|b)*"',
    "Smile",
    "NoText",
    "Motto",
)
VALUES = {
    Kind.NUMBER: NUMBERS,
    Kind.TEXT: TEXTS,
    Kind.BOOLEAN: ("TRUE", "FALSE", "NoFlag", "(NoDate > Born)"),
    Kind.DATE: ("Born", "NoDate", "TODAY()", "DATE(9999, 12, 31)", "DATE(1, 1, 1)"),
    Kind.DATETIME: ("Met", "NoMoment", "NOW()"),
    Kind.TIME: ("Opens", "NoTime", "TIMENOW()"),
    Kind.LOCATION: ("GEOLOCATION(NULL, NULL)", "GEOLOCATION(1, 2)", "GEOLOCATION(-90, 180)"),
    Kind.PICKLIST: ("Rating", "NoRating"),
    Kind.MULTIPICKLIST: ("Interests", "NoInterests"),
}
OPERATORS = {
    Kind.NUMBER: (*((Kind.NUMBER, symbol, Kind.NUMBER) for symbol in "+-*/^"), (Kind.DATE, "-", Kind.DATE)),
    Kind.TEXT: ((Kind.TEXT, "&", Kind.TEXT), (Kind.TEXT, "+", Kind.TEXT)),
    Kind.BOOLEAN: tuple((Kind.NUMBER, symbol, Kind.NUMBER) for symbol in ("=", "<>", "<", ">=")),
    Kind.DATE: ((Kind.DATE, "+", Kind.NUMBER), (Kind.DATE, "-", Kind.NUMBER)),
    Kind.DATETIME: ((Kind.DATETIME, "+", Kind.NUMBER), (Kind.DATETIME, "-", Kind.NUMBER)),
    Kind.TIME: ((Kind.TIME, "+", Kind.NUMBER), (Kind.TIME, "-", Kind.NUMBER)),
}
BY_RESULT = {
    kind: [
        (name, function)
        for name, function in FUNCTIONS.items()
        if isinstance(function, Function) and (function.result or Kind.DATE) is kind
    ]
    for kind in VALUES
}


@st.composite
def typed_formulas(draw: st.DrawFn, kind: Kind, depth: int) -> str:
    """Write a formula that compiles, so that its functions are reached."""
    shape = draw(st.integers(0, 3)) if depth else 0
    if shape == 1 and BY_RESULT[kind]:
        name, function = draw(st.sampled_from(BY_RESULT[kind]))
        count = len(function.parameters) - draw(st.integers(0, function.optional))
        allowed = [draw(st.sampled_from(sorted(each))) for each in function.parameters[:count]]
        return f"{name}({', '.join(draw(typed_formulas(each, depth - 1)) for each in allowed)})"
    if shape == 2 and kind in OPERATORS:
        left, symbol, right = draw(st.sampled_from(OPERATORS[kind]))
        return f"({draw(typed_formulas(left, depth - 1))} {symbol} {draw(typed_formulas(right, depth - 1))})"
    if shape == 3:
        condition, then, otherwise = (
            draw(typed_formulas(each, depth - 1)) for each in (Kind.BOOLEAN, kind, kind)
        )
        return f"IF({condition}, {then}, {otherwise})"
    return draw(st.sampled_from(VALUES[kind]))


@settings(max_examples=600)
@given(st.sampled_from(sorted(VALUES)).flatmap(lambda kind: typed_formulas(kind, 3)))
def test_any_formula_that_compiles(source: str) -> None:
    check(source)


SCALARS = st.one_of(
    st.none(),
    st.text(max_size=10),
    st.decimals(),
    st.booleans(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.times(),
)


@given(
    st.fixed_dictionaries(dict.fromkeys(("Name", "Amount", "Rate", "Flag", "Born", "Met", "Opens"), SCALARS))
)
def test_any_values_in_the_record(record: dict[str, Value]) -> None:
    for source in (
        "Name & 'x'",
        "Amount + Rate",
        "NOT(Flag)",
        "Born + 1",
        "Met + 0.5",
        "Opens - 5",
        "TEXT(Amount)",
    ):
        check(source, record)


@given(
    st.text(alphabet="ab(|)*+?[]^$\\d{}12,.-<>:=!QEbpkw&", max_size=20),
    st.text(alphabet="ab1. ", max_size=12),
)
def test_any_pattern(pattern: str, text: str) -> None:
    check("REGEX(Name, Motto)", {"Name": text, "Motto": pattern})
