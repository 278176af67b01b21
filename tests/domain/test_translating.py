"""What a mapping does with a value on its way: every option, one example a line."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.convert import Unconvertible, converter
from domain.identity import Crm, FieldValue
from domain.schema import FieldKind, FieldSchema, Option
from domain.translating import Transform, Translation, translator
from tests.world import HS, SF, text

UTC = ZoneInfo("UTC")
STATUS = (("NEW", "Open"), ("WORKING", "Working"), ("WORKING", "Nurturing"))


def picklist(name: str, *options: tuple[str, str]) -> FieldSchema:
    return text(name, FieldKind.PICKLIST, options=tuple(Option(*each) for each in options))


def carried(
    translation: Translation,
    target: Crm,
    value: FieldValue,
    ours: FieldSchema | None = None,
    theirs: FieldSchema | None = None,
) -> FieldValue:
    sides = ours or text("status"), theirs or text("Status")
    return translator(*sides, target, UTC, translation)(value)


@pytest.mark.rule(79)
@pytest.mark.parametrize(
    ("target", "value", "becomes"),
    [
        (SF, "NEW", "Open"),
        (SF, "WORKING", "Working"),
        (SF, "OTHER", "OTHER"),
        (SF, None, None),
        (HS, "Open", "NEW"),
        (HS, "Nurturing", "WORKING"),
        (HS, "Closed", "Closed"),
    ],
)
def test_a_value_map_goes_both_ways(target: Crm, value: FieldValue, becomes: FieldValue) -> None:
    assert carried(Translation(values=STATUS), target, value) == becomes


def test_each_value_of_several_is_mapped() -> None:
    topics = text("topics", FieldKind.MULTIPICKLIST)
    translation = Translation(values=(("a", "Alpha"), ("b", "Beta")))
    assert carried(translation, SF, "b;c;a", topics, topics) == "Alpha;Beta;c"


def test_a_map_brings_a_checkbox_and_a_dropdown_together() -> None:
    translation = Translation(values=(("true", "Yes"), ("false", "No")))
    box, choice = text("vip", FieldKind.BOOLEAN), picklist("VIP__c", ("Yes", "Yes"), ("No", "No"))
    assert carried(translation, SF, "true", box, choice) == "Yes"
    assert carried(translation, HS, "No", box, choice) == "false"
    with pytest.raises(Unconvertible):
        carried(translation, HS, "Perhaps", box, choice)


COUNTRIES = picklist("CountryCode", ("AT", "Austria"), ("DE", "Germany"))


@pytest.mark.rule(87, 88)
@pytest.mark.parametrize(
    ("target", "value", "becomes"),
    [
        (SF, "Austria", "AT"),
        (SF, "GERMANY ", "DE"),
        (SF, "AT", "AT"),
        (SF, "Narnia", "Narnia"),
        (HS, "DE", "Germany"),
    ],
)
def test_a_name_in_hubspot_is_a_code_in_salesforce(target: Crm, value: str, becomes: str) -> None:
    assert carried(Translation(by_label=True), target, value, text("country"), COUNTRIES) == becomes


def test_options_with_the_same_label_stand_for_each_other() -> None:
    ours = picklist("country", ("aut", "austria"), ("ger", "Germany"), ("nar", "Narnia"))
    assert carried(Translation(by_label=True), SF, "aut", ours, COUNTRIES) == "AT"
    assert carried(Translation(by_label=True), HS, "DE", ours, COUNTRIES) == "ger"
    assert carried(Translation(by_label=True), SF, "nar", ours, COUNTRIES) == "nar"


@pytest.mark.parametrize(
    ("transforms", "value", "becomes"),
    [
        ([Transform.TRIM], "  Ada   Byron ", "Ada Byron"),
        ([Transform.UPPER], "aé", "AÉ"),
        ([Transform.LOWER], "ADA", "ada"),
        ([Transform.TITLE], "anne-marie o'NEIL", "Anne-Marie O'neil"),
        ([Transform.DIGITS], " +43 (1) 234-5 ", "+4312345"),
        ([Transform.DIGITS], "0043/1", "00431"),
        ([Transform.DIGITS], "none", None),
        ([Transform.TRIM, Transform.UPPER], " ada ", "ADA"),
        ([Transform.TRIM], "   ", None),
    ],
)
def test_transforms(transforms: list[Transform], value: str, becomes: FieldValue) -> None:
    translation = Translation(transform={SF: tuple(transforms)})
    assert carried(translation, SF, value) == becomes
    assert carried(translation, HS, value) == value


def test_a_default_takes_the_place_of_a_blank_on_its_side() -> None:
    translation = Translation(default={SF: "Unknown"}, transform={SF: (Transform.TRIM,)})
    assert carried(translation, SF, None) == "Unknown"
    assert carried(translation, SF, "  ") == "Unknown"
    assert carried(translation, HS, None) is None


@pytest.mark.rule(86)
@given(st.text(max_size=12))
def test_a_text_that_may_be_cut_always_fits(value: str) -> None:
    short = text("Title", length=5)
    cut = carried(Translation(cut=True), SF, value or None, text("title"), short)
    assert cut is None or len(cut) <= 5
    assert (value.replace("\r\n", "\n").replace("\r", "\n")).startswith(cut or "")


@given(st.text(max_size=12).map(lambda value: value or None))
def test_a_mapping_without_options_carries_what_its_types_carry(value: FieldValue) -> None:
    ours, theirs = text("title"), text("Title", length=5)
    for target, ends in ((SF, (ours, theirs)), (HS, (theirs, ours))):
        assert translator(ours, theirs, target, UTC, Translation())(value) == converter(*ends, UTC)(value)


@pytest.mark.parametrize(
    ("translation", "words"),
    [
        (Translation(), []),
        (Translation(values=STATUS), ["values mapped"]),
        (Translation(by_label=True), ["values by label"]),
        (Translation(default={HS: "a", SF: "b"}), ["default for hubspot and salesforce"]),
        (Translation(transform={SF: (Transform.TRIM, Transform.UPPER)}), ["trim, upper to salesforce"]),
        (Translation(cut=True), ["cut to fit"]),
    ],
)
def test_a_mapping_says_what_it_does_with_values(translation: Translation, words: list[str]) -> None:
    assert list(translation.words()) == words
