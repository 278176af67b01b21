"""Parsing, names, positions and limits: what the tables of cases do not show."""

import json
import pickle
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from domain.formula import Context, ErrorKind, FormulaError, Value, parse

CONTEXT = Context()


def evaluated(source: str, schema: dict[str, str] | None = None, **record: Value) -> Value | FormulaError:
    return parse(source).evaluate(record, schema=schema or {}, blanks="blank", context=CONTEXT)


def test_a_formula_names_the_fields_it_needs() -> None:
    formula = parse('AND(ISBLANK(Email), Account.Name <> "x", PRIORVALUE(Phone) = email, $User.Id = OwnerId)')

    assert {name.lower() for name in formula.fields} == {"email", "account.name", "phone", "ownerid"}
    assert formula.globals == {"$User.Id"}


def test_an_error_says_where_and_why() -> None:
    with pytest.raises(FormulaError) as raised:
        parse("LEFT(Name, 2")

    assert raised.value.position == 12
    assert raised.value.kind is ErrorKind.SYNTAX
    assert raised.value.reason == "unexpected end of the formula, expected ',' or ')'"
    assert str(raised.value) == "at 12: unexpected end of the formula, expected ',' or ')'"


def test_a_wrong_type_is_told_at_the_argument() -> None:
    error = evaluated("UPPER(LEFT(Amount, 2))", {"Amount": "currency"}, Amount=Decimal(1))

    assert isinstance(error, FormulaError)
    assert (error.position, error.reason) == (11, "LEFT takes text here, not number")


def test_an_error_never_tells_a_value_of_the_record() -> None:
    error = evaluated("VALUE(Name)", {"Name": "string"}, Name="Lovelace")

    assert isinstance(error, FormulaError)
    assert "Lovelace" not in str(error)


def test_an_error_survives_a_trip_to_another_process() -> None:
    error = FormulaError(3, "division by zero", ErrorKind.VALUE)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  (what is tested)

    assert (copy.position, copy.reason, copy.kind) == (3, "division by zero", ErrorKind.VALUE)


def test_names_ignore_case_everywhere() -> None:
    assert evaluated("nAmE & 'x'", {"NAME": "string"}, name="a") == "ax"


def test_a_formula_serves_more_than_one_schema() -> None:
    formula = parse("Value__c & 'x'")
    as_text = formula.evaluate({"Value__c": "1"}, schema={"Value__c": "string"}, context=CONTEXT)
    as_number = formula.evaluate({"Value__c": Decimal(1)}, schema={"Value__c": "double"}, context=CONTEXT)

    assert as_text == "1x"
    assert isinstance(as_number, FormulaError)


def test_blanks_count_as_zero_unless_told_otherwise() -> None:
    assert parse("N").evaluate({"N": None}, schema={"N": "double"}, context=CONTEXT) == 0


@pytest.mark.parametrize("name", ["string", "textarea", "phone", "email", "url", "id", "reference"])
def test_all_sorts_of_text_are_text(name: str) -> None:
    assert evaluated("F & 'x'", {"F": name}, F="a") == "ax"


@pytest.mark.parametrize("name", ["int", "double", "currency"])
def test_all_sorts_of_numbers_are_numbers(name: str) -> None:
    assert evaluated("F + 1", {"F": name}, F=Decimal("1.5")) == Decimal("2.5")


@pytest.mark.parametrize("name", ["address", "location", "base64", "anyType", "complexvalue"])
def test_a_type_that_no_formula_reads_is_unknown(name: str) -> None:
    error = evaluated("F & 'x'", {"F": name}, F="a")

    assert isinstance(error, FormulaError)
    assert error.kind is ErrorKind.UNKNOWN


def test_an_integer_as_json_gives_it_is_taken_for_a_number() -> None:
    record = json.loads('{"F": 5}')

    assert parse("F / 4").evaluate(record, schema={"F": "int"}, context=CONTEXT) == Decimal("1.25")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), "5", True])
def test_a_number_that_is_none_is_unknown(value: Value) -> None:
    error = evaluated("F + 1", {"F": "double"}, F=value)

    assert isinstance(error, FormulaError)
    assert error.kind is ErrorKind.UNKNOWN


def test_a_datetime_of_another_zone_is_the_same_instant() -> None:
    moment = datetime(2024, 1, 1, 23, 30, tzinfo=timezone(-timedelta(hours=5)))

    assert evaluated("TEXT(F)", {"F": "datetime"}, F=moment) == "2024-01-02 04:30:00Z"


def test_a_datetime_without_a_zone_is_gmt() -> None:
    moment = datetime(2024, 1, 1, 23, 30)  # noqa: DTZ001  (what is tested)

    assert evaluated("F", {"F": "datetime"}, F=moment) == datetime(2024, 1, 1, 23, 30, tzinfo=UTC)


def test_the_time_is_unknown_without_a_clock() -> None:
    error = evaluated("TODAY()")

    assert isinstance(error, FormulaError)
    assert error.kind is ErrorKind.UNKNOWN


def test_today_follows_the_users_zone() -> None:
    west = Context(now=datetime(2024, 1, 1, 3, tzinfo=UTC), time_zone=timezone(-timedelta(hours=8)))

    assert parse("TODAY()").evaluate({}, schema={}, context=west) == date(2023, 12, 31)
    assert parse("TODAY()").evaluate({}, schema={}, context=replace(west, time_zone=UTC)) == date(2024, 1, 1)


def test_permissions_that_were_not_read_are_unknown() -> None:
    error = evaluated("$Permission.Anything")

    assert isinstance(error, FormulaError)
    assert error.kind is ErrorKind.UNKNOWN


def test_a_custom_field_of_the_user_is_read_by_its_type() -> None:
    context = Context(user={"Share__c": Decimal(50), "Limit__c": None})
    schema = {"$User.Share__c": "percent", "$User.Limit__c": "double"}

    assert parse("$User.Share__c * 4").evaluate({}, schema=schema, context=context) == 2
    assert parse("$User.Limit__c").evaluate({}, schema=schema, context=context) == 0


def test_a_text_result_is_cut_to_what_salesforce_shows() -> None:
    result = evaluated('LPAD("a", 5000, "x")')

    assert result == "x" * 3_900


def test_parentheses_may_be_nested_but_not_without_end() -> None:
    assert evaluated("(" * 90 + "1" + ")" * 90) == 1
    with pytest.raises(FormulaError, match="nested too deeply"):
        parse("(" * 5_000)


def test_a_long_chain_of_conditions_is_no_deep_one() -> None:
    assert evaluated(" || ".join(["FALSE"] * 3_000)) is False
    assert evaluated(" && ".join(["TRUE"] * 3_000)) is True


def test_a_chain_of_additions_beyond_our_depth_is_unknown() -> None:
    error = evaluated(" + ".join(["1"] * 5_000))

    assert isinstance(error, FormulaError)
    assert error.kind is ErrorKind.UNKNOWN


def test_a_long_chain_of_texts_fits() -> None:
    assert evaluated(" & ".join(['"a"'] * 300)) == "a" * 300
