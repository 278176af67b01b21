"""A list's filters as people read them, line by line."""

from domain.inclusion import compile_list
from domain.inclusion.outline import Line
from tests.domain.inclusion.builders import FORM, a_list, all_of, constant, in_list, prop

RED = prop("colour", "STRING", "IS_EQUAL_TO", value="red")
BLUE = prop("colour", "STRING", "IS_EQUAL_TO", value="blue")


def test_a_list_of_one_filter_is_its_name_and_that_filter() -> None:
    assert compile_list(a_list(all_of(RED)), schema=None).outline == (
        Line(0, "is a member of list Sync"),
        Line(1, "colour is equal to red"),
    )


def test_groups_say_whether_all_or_any_of_their_filters_must_hold() -> None:
    definition = a_list(all_of(RED, constant(accept=True)), all_of(BLUE))
    assert compile_list(definition, schema=None).outline == (
        Line(0, "is a member of list Sync"),
        Line(1, "any of these"),
        Line(2, "all of these"),
        Line(3, "colour is equal to red"),
        Line(3, "all records"),
        Line(2, "colour is equal to blue"),
    )


def test_other_lists_show_their_own_filters_and_what_hubspot_must_be_asked_says_why() -> None:
    lists = {"2": a_list(all_of(RED), list_id="2", name="Reds")}
    definition = a_list(all_of(in_list("2"), in_list("3"), FORM))
    assert compile_list(definition, schema=None, lists=lists).outline == (
        Line(0, "is a member of list Sync"),
        Line(1, "all of these"),
        Line(2, "is a member of list Reds"),
        Line(3, "colour is equal to red"),
        Line(2, "is a member of list 3", "has no definition here"),
        Line(2, "form submission filter", "asks for more than the record"),
    )
