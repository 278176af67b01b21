"""Masking loses what a value says and keeps what mappings, comparisons and a field's own rules ask of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.convert import Unconvertible, converter, same
from domain.identity import Crm, FieldValue, email_key
from domain.masks import Mask
from domain.schema import FieldKind, FieldSchema
from domain.translating import Transform, Translation, translator
from domain.validation import objection
from domain.wire import plain_number
from tests.world import text as field

KEY = b"0123456789abcdef"
MASK = Mask(KEY)
HERE = ZoneInfo("Europe/Vienna")

ascii_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)
texts = st.text(st.sampled_from("aAbBzZ 0123456789-+.,'@;\r\n\tßäÄéЖ李"), min_size=1, max_size=40)
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)
days = st.dates().map(str)
moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1)).map(  # noqa: DTZ001 - UTC is put to it
    lambda moment: moment.isoformat(timespec="milliseconds") + "Z"
)


@given(ascii_texts, ascii_texts)
def test_equal_texts_stay_equal_and_different_ones_different(one: str, other: str) -> None:
    assert (MASK.text(one) == MASK.text(other)) is (one == other)


@given(st.one_of(ascii_texts, texts))
def test_length_and_everything_but_letters_and_digits_stay(text: str) -> None:
    masked = MASK.text(text)
    assert len(masked) == len(text)
    for before, after in zip(text, masked, strict=True):
        assert before.isalnum() == after.isalnum()
        assert before.isascii() == after.isascii()
        assert before.isalnum() or before == after
        assert before.isupper() == after.isupper() or not before.isascii()


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "ada@example.com", "+43 664 1234567", "李小龙爱好者", "Жанна"]
)
def test_nothing_that_was_said_is_left(text: str) -> None:
    kept = [
        char for char, masked in zip(text, MASK.text(text), strict=True) if char.isalnum() and char == masked
    ]
    assert len(kept) <= len(text) / 4
    assert MASK.text(text) != Mask(KEY[::-1]).text(text)


@pytest.mark.parametrize(
    "kind", [FieldKind.TEXT, FieldKind.EMAIL, FieldKind.MULTIPICKLIST, FieldKind.MULTILINE]
)
@given(one=texts, other=texts)
def test_what_means_the_same_means_the_same_masked(kind: FieldKind, one: str, other: str) -> None:
    for spelled in (one.strip(), f" {one}", one.replace("\n", "\r\n"), other):
        if same(kind, one, spelled):
            assert same(kind, MASK.text(one), MASK.text(spelled))


@pytest.mark.parametrize("text", ["a" * 60, "7" * 60])
def test_a_letter_becomes_another_one_at_each_place(text: str) -> None:
    assert len({*MASK.text(text)}) > 5


@given(st.lists(texts.filter(lambda text: ";" not in text), max_size=4))
def test_a_set_stays_the_same_set_in_any_order(members: list[str]) -> None:
    there, back = (MASK.text(";".join(each)) for each in (members, members[::-1]))
    assert same(FieldKind.MULTIPICKLIST, there, back)


@given(numbers)
def test_a_number_stays_one_of_the_same_size_in_its_plain_form(number: Decimal) -> None:
    plain = plain_number(str(number))
    masked = MASK.text(plain)
    assert plain_number(masked) == masked
    assert (Decimal(masked) < 0, Decimal(masked) == 0) == (number < 0, number == 0)
    assert Decimal(masked).adjusted() == Decimal(plain).adjusted()


@given(numbers, st.sampled_from(["{0}", "{0}.0", "{0}00"]))
def test_another_spelling_of_a_number_stays_one_of_the_same_number(number: Decimal, spelling: str) -> None:
    plain = plain_number(str(number))
    if "." in plain or spelling != "{0}00":
        spelled = spelling.format(plain) if "." not in plain else f"{plain}00"
        assert plain_number(MASK.text(spelled)) == MASK.text(plain)


@given(days, days)
def test_days_keep_their_order_and_distance(one: str, other: str) -> None:
    if max(one, other) < "9900":
        there = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (one, other)]
        then = [datetime.fromisoformat(MASK.text(each)).replace(tzinfo=UTC) for each in (one, other)]
        assert then[1] - then[0] == there[1] - there[0]
        assert then[0] > there[0]


@given(moments)
def test_a_moment_stays_on_its_day(moment: str) -> None:
    assert MASK.text(moment).startswith(MASK.text(moment[:10]))
    datetime.fromisoformat(MASK.text(moment))


@pytest.mark.parametrize("text", ["true", "False", "9999-12-31", "0"])
def test_what_tells_nothing_stays(text: str) -> None:
    assert MASK.text(text) == text


def test_a_day_that_is_none_is_masked_like_any_text() -> None:
    assert MASK.text("2026-13-45") != "2026-13-45"


@given(st.emails())
def test_an_address_stays_one_and_is_found_by_the_same_key(address: str) -> None:
    schema = field("email", FieldKind.EMAIL)
    plain, masked = (
        objection(schema, address, create=True),
        objection(schema, MASK.text(address), create=True),
    )
    assert plain == masked
    assert email_key(MASK.text(f" {address.upper()}")) == email_key(MASK.text(address))


def test_addresses_of_a_list_are_masked_as_each_alone() -> None:
    assert MASK.text("a@x.org;b@y.org") == f"{MASK.text('a@x.org')};{MASK.text('b@y.org')}"


KINDS = (
    FieldKind.TEXT,
    FieldKind.NUMBER,
    FieldKind.INTEGER,
    FieldKind.DATE,
    FieldKind.EMAIL,
    FieldKind.BOOLEAN,
)
values = st.one_of(ascii_texts, numbers.map(str), days, moments, st.sampled_from(["true", "no", "1.5"]))


def carried(carry: Callable[[FieldValue], FieldValue], value: FieldValue) -> tuple[FieldValue, str]:
    try:
        return carry(value), ""
    except Unconvertible as error:
        return None, str(error)


@given(st.sampled_from(KINDS), st.sampled_from(KINDS), values)
@settings(max_examples=400, deadline=None)
def test_what_a_value_becomes_in_another_type_is_masked_as_it_would_be(
    source: FieldKind, target: FieldKind, value: str
) -> None:
    if value[:4] >= "9900" or "e" in value.lower():  # the end of time, and powers of ten, which no CRM writes
        return
    carry = converter(field("one", source), field("other", target), HERE)
    plain, why = carried(carry, value)
    assert carried(carry, MASK.text(value)) == (MASK.text(plain) if plain else plain, why)


@pytest.mark.parametrize("transform", Transform)
@given(value=ascii_texts)
def test_what_a_mapping_does_with_a_text_does_the_same_with_its_mask(
    transform: Transform, value: str
) -> None:
    translation = Translation(transform={Crm.SALESFORCE: (transform,)}, cut=True)
    theirs = FieldSchema(name="b", label="b", kind=FieldKind.TEXT, native="string", length=7)
    carry = translator(field("a"), theirs, Crm.SALESFORCE, HERE, translation)
    plain = carry(value)
    parts_stay_whole = ";" not in value
    assert not parts_stay_whole or carry(MASK.text(value)) == (MASK.text(plain) if plain else plain)
