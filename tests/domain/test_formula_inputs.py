"""Records as formulas see them."""

from decimal import Decimal

import pytest

from domain.formula import Context, ErrorKind, FormulaError, Value, parse
from domain.formula_inputs import Shape, moment, text_of
from domain.identity import Fields, FieldValue
from domain.schema import FieldKind, FieldSchema
from tests.world import SF, START, schema


def field(name: str, kind: FieldKind, native: str = "") -> FieldSchema:
    return FieldSchema(name=name, label=name, kind=kind, native=native)


SHAPE = Shape.of(
    schema(
        SF,
        "Lead",
        field("Amount", FieldKind.NUMBER, "currency"),
        field("Share", FieldKind.NUMBER, "percent"),
        field("Staff", FieldKind.INTEGER, "int"),
        field("Agreed", FieldKind.BOOLEAN),
        field("Born", FieldKind.DATE),
        field("Met", FieldKind.DATETIME),
        field("Opens", FieldKind.TIME),
        field("Status", FieldKind.PICKLIST, "picklist"),
        field("Topics", FieldKind.MULTIPICKLIST),
        field("Title", FieldKind.TEXT, "string"),
        field("Address", FieldKind.OTHER, "address"),
    )
)


def evaluate(formula: str, **texts: FieldValue) -> Value | FormulaError:
    context = Context(now=moment(START))
    return parse(formula).evaluate(SHAPE.values(texts), schema=SHAPE.types, context=context)


@pytest.mark.parametrize(
    ("formula", "texts", "expected"),
    [
        ("Amount * 2", {"Amount": "2.25"}, "4.5"),
        ("Share * 50", {"Share": "10"}, "5"),
        ("Staff + 1", {"Staff": "41"}, "42"),
        ("NOT(Agreed)", {"Agreed": "true"}, "false"),
        ("Born + 1", {"Born": "2024-02-28"}, "2024-02-29"),
        ("Met + 0.5", {"Met": "2024-02-28T12:00:00.250Z"}, "2024-02-29T00:00:00.250Z"),
        ("HOUR(Opens)", {"Opens": "07:30:00.000Z"}, "7"),
        ("Opens", {"Opens": "07:30:00.000Z"}, "07:30:00.000Z"),
        ('ISPICKVAL(Status, "Open")', {"Status": "Open"}, "true"),
        ('INCLUDES(Topics, "b")', {"Topics": "a;b"}, "true"),
        ("YEAR(TODAY())", {}, "2025"),
        ("Title", {"Title": None}, None),
    ],
)
def test_a_value_goes_in_and_a_result_comes_out_in_canonical_text(
    formula: str, texts: Fields, expected: FieldValue
) -> None:
    result = evaluate(formula, **texts)

    assert not isinstance(result, FormulaError), str(result)
    assert text_of(result) == expected


def test_names_ignore_case() -> None:
    assert evaluate("tItLe & STATUS", Title="a") is not None
    assert evaluate('titLE & "!"', Title="a") == "a!"


@pytest.mark.parametrize(
    ("formula", "texts"),
    [
        ("Title", {}),
        ("Amount", {"Amount": "a lot"}),
        ("Born", {"Born": "yesterday"}),
        ("Address", {"Address": "x"}),
        ("Account.Name", {"Title": "x"}),
    ],
)
def test_what_is_not_known_or_not_readable_is_unknown_and_never_blank(formula: str, texts: Fields) -> None:
    result = evaluate(formula, **texts)

    assert isinstance(result, FormulaError)
    assert result.kind is ErrorKind.UNKNOWN


def test_a_number_beyond_every_field_is_no_text() -> None:
    with pytest.raises(ValueError, match="not a number"):
        text_of(Decimal("1e500"))
