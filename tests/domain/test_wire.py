"""Values between canonical text and what each CRM sends and takes."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.schema import FieldKind, FieldSchema
from domain.wire import (
    LONGEST_WEBHOOK_TEXT,
    UNSAFE,
    Json,
    epoch_ms,
    from_hubspot,
    from_salesforce,
    from_webhook,
    instant,
    plain_number,
    salesforce_fields,
    soql_text,
    to18,
    to_hubspot,
    to_salesforce,
)

MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_999)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18)


def prop(kind: FieldKind, native: str = "string/text", *, calculated: bool = False) -> FieldSchema:
    return FieldSchema("x", "X", kind, native, calculated=calculated)


FROM_HUBSPOT = [
    ("", FieldKind.TEXT, None),
    (None, FieldKind.TEXT, None),
    (" text as it is ", FieldKind.TEXT, " text as it is "),
    ("12.50", FieldKind.NUMBER, "12.5"),
    ("1.5E7", FieldKind.NUMBER, "15000000"),
    ("-0", FieldKind.NUMBER, "0"),
    ("TRUE", FieldKind.BOOLEAN, "true"),
    ("2026-11-07", FieldKind.DATE, "2026-11-07"),
    ("1752537600000", FieldKind.DATE, "2025-07-15"),
    ("2026-11-07T08:00:00Z", FieldKind.DATETIME, "2026-11-07T08:00:00.000Z"),
    ("2026-11-07T08:00:00.123Z", FieldKind.DATETIME, "2026-11-07T08:00:00.123Z"),
    ("1762502400123", FieldKind.DATETIME, "2025-11-07T08:00:00.123Z"),
    (";a;;b;", FieldKind.MULTIPICKLIST, "a;b"),
    (";", FieldKind.MULTIPICKLIST, None),
]


@pytest.mark.parametrize(("value", "kind", "expected"), FROM_HUBSPOT)
def test_hubspots_values_become_canonical(value: str | None, kind: FieldKind, expected: str | None) -> None:
    assert from_hubspot(value, prop(kind)) == expected
    assert from_webhook(value, prop(kind)) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("twelve", FieldKind.NUMBER),
        ("Infinity", FieldKind.NUMBER),
        ("1e999999999", FieldKind.NUMBER),
        ("yes", FieldKind.BOOLEAN),
        ("1752559200000", FieldKind.DATE),
        ("15/07/2025", FieldKind.DATE),
        ("soon", FieldKind.DATETIME),
    ],
)
def test_what_does_not_fit_stays_as_it_is_in_a_read_and_is_not_taken_from_a_webhook(
    value: str, kind: FieldKind
) -> None:
    assert from_hubspot(value, prop(kind)) == value
    assert from_webhook(value, prop(kind)) is UNSAFE


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("REDACTED", prop(FieldKind.TEXT)),
        ("5", prop(FieldKind.NUMBER, "number/calculation_equation", calculated=True)),
        ("", prop(FieldKind.NUMBER, "number/calculation_equation", calculated=True)),
        ("<p>x</p>", prop(FieldKind.MULTILINE, "string/html")),
        ("{}", prop(FieldKind.OTHER, "json/text")),
        ("x" * (LONGEST_WEBHOOK_TEXT + 1), prop(FieldKind.MULTILINE, "string/textarea")),
    ],
    ids=["redacted", "calculated", "calculated and blank", "rich text", "other", "long"],
)
def test_a_webhook_value_that_may_not_be_the_whole_truth_is_not_taken(
    value: str, schema: FieldSchema
) -> None:
    assert from_webhook(value, schema) is UNSAFE


def test_a_property_that_nobody_described_is_text() -> None:
    assert from_hubspot("1.50", None) == "1.50"
    assert from_hubspot("", None) is None


def test_a_blank_goes_to_hubspot_as_empty_text() -> None:
    assert (to_hubspot(None), to_hubspot("a;b")) == ("", "a;b")


FROM_SALESFORCE: list[tuple[Json, FieldKind, str | None]] = [
    (None, FieldKind.TEXT, None),
    ("", FieldKind.TEXT, None),
    ("  ", FieldKind.TEXT, None),
    (" Ada ", FieldKind.TEXT, "Ada"),
    (True, FieldKind.BOOLEAN, "true"),
    (False, FieldKind.BOOLEAN, "false"),
    (12, FieldKind.INTEGER, "12"),
    (Decimal("5.0"), FieldKind.NUMBER, "5"),
    (Decimal("1.20E+7"), FieldKind.NUMBER, "12000000"),
    (Decimal("123456789012345678.9"), FieldKind.NUMBER, "123456789012345678.9"),
    ("2026-11-22T10:20:57.000+0000", FieldKind.DATETIME, "2026-11-22T10:20:57.000Z"),
    ("2026-11-22T11:20:57.000+0100", FieldKind.DATETIME, "2026-11-22T10:20:57.000Z"),
    ("2026-11-22T10:20:57.000+0000", FieldKind.TEXT, "2026-11-22T10:20:57.000+0000"),
    ("2026-11-22", FieldKind.DATE, "2026-11-22"),
    ("A;B", FieldKind.MULTIPICKLIST, "A;B"),
    ("never", FieldKind.DATETIME, "never"),
]


@pytest.mark.parametrize(("value", "kind", "expected"), FROM_SALESFORCE)
def test_salesforces_values_become_canonical(value: Json, kind: FieldKind, expected: str | None) -> None:
    assert from_salesforce(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, FieldKind.TEXT, None),
        ("true", FieldKind.BOOLEAN, True),
        (None, FieldKind.BOOLEAN, False),
        ("12.5", FieldKind.NUMBER, Decimal("12.5")),
        (None, FieldKind.NUMBER, None),
        ("twelve", FieldKind.NUMBER, "twelve"),
        ("12.5", FieldKind.TEXT, "12.5"),
    ],
)
def test_salesforce_takes_json_by_type(value: str | None, kind: FieldKind, expected: Json) -> None:
    assert to_salesforce(value, kind) == expected


@given(NUMBERS)
def test_a_number_survives_the_way_to_salesforce_and_back_without_losing_a_digit(number: Decimal) -> None:
    text = plain_number(str(number))
    sent = msgspec.json.Encoder(decimal_format="number").encode(to_salesforce(text, FieldKind.NUMBER))
    received = msgspec.json.Decoder(float_hook=Decimal).decode(sent)

    assert from_salesforce(received, FieldKind.NUMBER) == text


@given(NUMBERS)
def test_plain_numbers_have_one_form_per_value(number: Decimal) -> None:
    text = plain_number(str(number))

    assert Decimal(text) == number
    assert "E" not in text
    assert plain_number(text) == text == plain_number(f"{number:E}")


@given(MOMENTS)
def test_moments_survive_the_way_through_text(moment: int) -> None:
    text = instant(moment)

    assert epoch_ms(text) == moment
    assert len(text) == len("2026-11-22T10:20:57.000Z")
    assert epoch_ms(text.replace("Z", "+0000")) == moment


@pytest.mark.parametrize("moment", [10**18, -(10**18), 253_402_300_800_000])
def test_a_moment_beyond_the_calendar_is_a_value_error(moment: int) -> None:
    with pytest.raises(ValueError, match="not a moment"):
        instant(moment)


def test_compound_fields_and_fields_that_were_not_answered_are_left_out() -> None:
    record = {"Name": "Ada", "MailingAddress": {"city": "Wien"}, "Active__c": True}
    schema = {"Active__c": FieldSchema("Active__c", "Active", FieldKind.BOOLEAN, "boolean")}

    fields = salesforce_fields(record, ["Name", "MailingAddress", "Active__c", "Phone"], schema)

    assert fields == {"Name": "Ada", "Active__c": "true"}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001U000001c83gK", "001U000001c83gKIAQ"),
        ("003000000000001", "003000000000001AAA"),
        ("001U000001c83gKIAQ", "001U000001c83gKIAQ"),
        ("not an id", "not an id"),
        ("", ""),
    ],
)
def test_ids_have_eighteen_characters(short: str, long: str) -> None:
    assert to18(short) == long


@given(st.text())
def test_a_soql_literal_ends_where_it_should(value: str) -> None:
    literal = soql_text(value)
    inside = literal[1:-1].replace("\\\\", "").replace("\\'", "")

    assert literal[0] == literal[-1] == "'"
    assert "'" not in inside
    assert not inside.endswith("\\")
    assert "\n" not in literal
