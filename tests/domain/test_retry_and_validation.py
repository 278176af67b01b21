"""When a failed write goes again, and what the target's own field rules would refuse."""

import pytest

from domain.identity import FieldValue
from domain.retry import ATTEMPTS, FIRST_MS, LONGEST_MS, delay_ms
from domain.schema import FieldKind, FieldSchema, ObjectSchema, Option
from domain.validation import missing_required, objection
from tests.world import SF, text


def test_delays_double_and_are_spread_over_their_upper_half() -> None:
    for attempt in range(1, ATTEMPTS):
        longest = min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1))
        assert longest / 2 <= delay_ms("salesforce|x", attempt) <= longest


def test_the_same_failure_waits_equally_long_in_a_replay_and_another_one_does_not() -> None:
    assert delay_ms("a", 5) == delay_ms("a", 5)
    assert len({delay_ms(f"intent {number}", 5) for number in range(50)}) > 40


def test_what_the_crm_asked_for_is_never_shortened() -> None:
    assert delay_ms("a", 1, wait_ms=90_000) == 90_000


OPTIONS = (Option("a", "A"), Option("b", "B"), Option("z", "Z", active=False))
PICK = text("Pick", FieldKind.PICKLIST, restricted=True, options=OPTIONS)
MANY = text("Many", FieldKind.MULTIPICKLIST, restricted=True, options=OPTIONS)
AMOUNT = text("Amount", FieldKind.NUMBER, precision=5, scale=2)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param(text("T", length=3), "abcd", marks=pytest.mark.rule("R86"), id="too long"),
        pytest.param(PICK, "c", marks=pytest.mark.rule("R78"), id="no such option"),
        pytest.param(PICK, "z", id="retired option"),
        pytest.param(MANY, "a;c", id="one of several is none"),
        pytest.param(AMOUNT, "1000", id="too many digits"),
        pytest.param(AMOUNT, "NaN", id="not a number"),
        pytest.param(text("T", required=True), None, marks=pytest.mark.rule("R97"), id="must not be empty"),
        pytest.param(text("T", calculated=True), "a", marks=pytest.mark.rule("R85"), id="formula"),
        pytest.param(text("T", updateable=False), "a", id="read only"),
    ],
)
def test_a_value_that_would_be_refused(schema: FieldSchema, value: FieldValue) -> None:
    why = objection(schema, value, create=False)
    assert why
    assert value is None or value not in why.split()


@pytest.mark.parametrize(
    ("schema", "value"),
    [(text("T", length=3), "abc"), (PICK, "a"), (MANY, "b;a"), (AMOUNT, "999.99"), (text("T"), None)],
    ids=["just fits", "an option", "options", "just fits, number", "blank"],
)
def test_a_value_that_would_be_taken(schema: FieldSchema, value: FieldValue) -> None:
    assert objection(schema, value, create=False) == ""


@pytest.mark.rule("R44")
def test_a_create_names_the_required_fields_it_lacks() -> None:
    fields = {each.name: each for each in (text("LastName", required=True), text("City"))}
    assert missing_required(ObjectSchema(SF, "Lead", fields), {"City": "Bonn"}) == ("LastName",)
