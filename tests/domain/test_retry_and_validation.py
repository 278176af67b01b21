"""When a failed write goes again, and what the target's own field rules would refuse."""

import pytest

from domain.checking import required_of
from domain.identity import Fields, FieldValue
from domain.retry import ATTEMPTS, FIRST_MS, LONGEST_MS, delay_ms
from domain.schema import FieldKind, FieldSchema, ObjectSchema, Option
from domain.validation import mismatched, objection
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
WHOLE = text("Whole", FieldKind.INTEGER, precision=3)


NOT_WRITABLE = "the field cannot be written"
NO_OPTION = "the value is not one of the field's options"
NO_ADDRESS = "not an e-mail address"


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        pytest.param(
            text("T", length=3),
            "abcd",
            "the text has 4 characters, the field takes 3",
            marks=pytest.mark.rule(86),
            id="too long",
        ),
        pytest.param(PICK, "c", NO_OPTION, marks=pytest.mark.rule(78), id="no such option"),
        pytest.param(PICK, "z", NO_OPTION, id="retired option"),
        pytest.param(PICK, "a;b", NO_OPTION, id="several where one is taken"),
        pytest.param(MANY, "a;c", NO_OPTION, id="one of several is none"),
        pytest.param(
            AMOUNT, "1000", "the number has more than 3 digits before the point", id="too many digits"
        ),
        pytest.param(
            WHOLE,
            "1000",
            "the number has more than 3 digits before the point",
            id="too many, without a scale",
        ),
        pytest.param(AMOUNT, "NaN", "not a number", id="not a number"),
        pytest.param(AMOUNT, "many", "not a number", id="a word"),
        pytest.param(
            text("T", required=True),
            None,
            "the field must not be empty",
            marks=pytest.mark.rule(97),
            id="must not be empty",
        ),
        pytest.param(text("T", calculated=True), "a", NOT_WRITABLE, marks=pytest.mark.rule(85), id="formula"),
        pytest.param(text("T", updateable=False), "a", NOT_WRITABLE, id="read only"),
        pytest.param(text("T", FieldKind.EMAIL), "ada.example.com", NO_ADDRESS, id="no @"),
        pytest.param(text("T", FieldKind.EMAIL), "ada@example", NO_ADDRESS, id="no domain"),
        pytest.param(text("T", FieldKind.EMAIL), "a da@example.com", NO_ADDRESS, id="a blank in an address"),
        pytest.param(text("T", FieldKind.EMAIL), "a@example..com", NO_ADDRESS, id="an empty part"),
    ],
)
def test_a_value_that_would_be_refused_and_why(schema: FieldSchema, value: FieldValue, why: str) -> None:
    assert objection(schema, value, create=False) == why
    assert value is None or value not in why.split()


def test_a_field_may_be_writable_in_new_records_only_or_in_old_ones_only() -> None:
    first, later = text("T", updateable=False), text("T", createable=False)
    assert (objection(first, "a", create=True), objection(first, "a", create=False)) == ("", NOT_WRITABLE)
    assert (objection(later, "a", create=True), objection(later, "a", create=False)) == (NOT_WRITABLE, "")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (text("T", length=3), "abc"),
        (PICK, "a"),
        (MANY, "b;a"),
        (AMOUNT, "999.99"),
        (WHOLE, "999"),
        (text("T"), None),
        (text("T", FieldKind.EMAIL), "o'neil+x@mail.example.co.uk"),
    ],
    ids=[
        "just fits",
        "an option",
        "options",
        "just fits, number",
        "just fits, without a scale",
        "blank",
        "an address",
    ],
)
def test_a_value_that_would_be_taken(schema: FieldSchema, value: FieldValue) -> None:
    assert objection(schema, value, create=False) == ""


@pytest.mark.rule(44)
def test_no_record_can_be_made_without_the_fields_that_are_required() -> None:
    made = text("Id", required=True, createable=False)
    fields = {each.name: each for each in (text("LastName", required=True), text("City"), made)}
    assert required_of(ObjectSchema(SF, "Lead", fields)) == ("LastName",)


STATE = text(
    "State",
    FieldKind.PICKLIST,
    controller="Country",
    options=(
        Option("Tirol", "Tirol", valid_for=("Austria",)),
        Option("Texas", "Texas", valid_for=("USA",)),
        Option("Limburg", "Limburg", valid_for=("Belgium", "Netherlands")),
    ),
)


@pytest.mark.rule(87)
@pytest.mark.parametrize(
    ("fields", "known", "blamed"),
    [
        pytest.param({"State": "Texas"}, {"Country": "Austria"}, ["State"], id="of another country"),
        pytest.param({"State": "Texas", "Country": "Austria"}, {}, ["State"], id="both are written"),
        pytest.param({"State": "Tirol;Texas"}, {"Country": "USA"}, ["State"], id="one of several"),
        pytest.param({"State": "Tirol"}, {"Country": None}, ["State"], id="without a country"),
        pytest.param({"Country": "USA"}, {"State": "Tirol", "Country": "Austria"}, ["Country"], id="leaves"),
        pytest.param({"Country": None}, {"State": "Tirol", "Country": "Austria"}, [], id="country cleared"),
        pytest.param({"State": "Texas"}, {}, [], id="nobody knows the country"),
        pytest.param({"State": "Limburg"}, {"Country": "Belgium"}, [], id="one of its countries"),
        pytest.param({"State": None}, {"State": "Texas", "Country": "Austria"}, [], id="cleared"),
        pytest.param({"State": "Elsewhere"}, {"Country": "Austria"}, [], id="an option of nobody's"),
        pytest.param({"City": "Graz"}, {"State": "Texas", "Country": "Austria"}, [], id="not written"),
    ],
)
def test_an_option_must_go_with_the_one_it_depends_on(
    fields: Fields, known: Fields, blamed: list[str]
) -> None:
    found = dict(mismatched((STATE,), fields, known))

    assert list(found) == blamed
    for why in found.values():
        assert "State" in why
        assert "Country" in why


def test_one_option_that_is_not_written_does_not_hide_another_that_does_not_fit() -> None:
    other = text("Branch", FieldKind.PICKLIST, controller="Industry")
    found = mismatched((other, STATE), {"State": "Texas"}, {"Country": "Austria"})
    assert [name for name, _ in found] == ["State"]
