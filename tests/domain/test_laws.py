"""The laws of the sync, on two simulated CRMs that people edit while answers are late, lost or repeated."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.identity import Crm
from domain.mapping import SyncRule
from domain.policy import Section
from tests.domain.crms import HS, OPTING, SECTION, SF, Life
from tests.domain.lives import (
    CROSSINGS,
    DELETIONS,
    OPT_OUTS,
    QUIET_ACTS,
    TURNS,
    WORK_ACTS,
    Act,
    Story,
    cases_are_listed,
    deletions_followed,
    edits_arrived,
    every_trigger_is_closed_once,
    in_agreement,
    no_more_writes_than_edits,
    one_record_each,
    opt_outs_stand,
    pairs,
    remember,
    replay,
    strangers,
    the_erased_are_forgotten,
    values_held,
)

FOLLOWING = msgspec.structs.replace(
    SECTION, merge_in_hubspot=True, delete_in_hubspot=("Lead",), create_in_hubspot=("Lead",)
)
REACHING = msgspec.structs.replace(SECTION, delete_in_hubspot=("Lead", "Contact"), delete_outside_list=True)
LATEST = msgspec.structs.replace(SECTION, follow_latest=True)
SECTIONS = (SECTION, FOLLOWING, REACHING, LATEST, OPTING)
PREFERRING = msgspec.structs.replace(
    OPTING,
    mappings=tuple(
        msgspec.structs.replace(each, rule=SyncRule.PREFER_SALESFORCE)
        if each.hubspot in {"firstname", "city"}
        else each
        for each in OPTING.mappings
    ),
)
CROSSED_SECTIONS = (
    PREFERRING,
    msgspec.structs.replace(PREFERRING, merge_in_hubspot=True, create_in_hubspot=("Lead",)),
    msgspec.structs.replace(PREFERRING, follow_latest=True),
)
CROSSED = ("edit_hubspot", "edit_salesforce", *(4 * CROSSINGS))

Automations = dict[tuple[Crm, str], Callable[[str], str]]
"""(CRM, property) -> what an automation there makes of a value that it finds written."""


def marked(value: str) -> str:
    return value if value.endswith("~") else f"{value}~"


def bare(value: str) -> str:
    return value.rstrip("~")


AUTOMATIONS: tuple[Automations, ...] = (
    {(SF, "city"): marked},
    {(HS, "city"): marked},
    {(SF, "city"): marked, (HS, "city"): bare},
    {(SF, "firstname"): marked, (HS, "firstname"): bare, (HS, "city"): marked},
)

SETTINGS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def acts(*names: str, longest: int = 40) -> st.SearchStrategy[list[Act]]:
    """What happens, in any order; each with two numbers that say to whom and how."""
    act = st.tuples(st.sampled_from(names), st.integers(0, 7), st.integers(0, 60))
    return st.lists(act, min_size=10, max_size=longest)


def live(story: Story, happening: list[Act]) -> Life:
    """Let it happen, and let it come to rest."""
    for each in happening:
        story.act(each)
    story.rest()
    return story.life


@given(acts(*QUIET_ACTS, *WORK_ACTS))
@settings(max_examples=150, **SETTINGS)
def test_every_edit_arrives_by_its_rule_and_then_there_is_rest(happening: list[Act]) -> None:
    story = pairs(2)
    before, writes = remember(story.life), len(story.life.writes)
    life = live(story, happening)
    edits_arrived(story, before)
    no_more_writes_than_edits(story, writes)
    every_trigger_is_closed_once(life)
    in_agreement(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, longest=60), st.sampled_from(SECTIONS))
@settings(max_examples=200, **SETTINGS)
def test_whatever_becomes_of_records_nothing_is_doubled_left_open_or_apart(
    happening: list[Act], section: Section
) -> None:
    story = pairs(3, section=section)
    life = live(story, happening)
    every_trigger_is_closed_once(life)
    one_record_each(life)
    in_agreement(life)
    cases_are_listed(life)
    the_erased_are_forgotten(story)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *DELETIONS, longest=60))
@settings(max_examples=100, **SETTINGS)
def test_a_contact_is_deleted_once_with_its_salesforce_record_and_never_otherwise(
    happening: list[Act],
) -> None:
    story = pairs(3, section=msgspec.structs.replace(SECTION, delete_in_hubspot=("Lead", "Contact")))
    before = remember(story.life)
    life = live(story, happening)
    deletions_followed(life, before)
    every_trigger_is_closed_once(life)
    in_agreement(life)


@pytest.mark.rule(68)
@given(acts(*QUIET_ACTS, *WORK_ACTS, *OPT_OUTS))
@settings(max_examples=100, **SETTINGS)
def test_whoever_opts_out_has_opted_out_on_both_sides_whatever_address_he_gets(happening: list[Act]) -> None:
    story = pairs(2, section=OPTING)
    life = live(story, happening)
    opt_outs_stand(story)
    every_trigger_is_closed_once(life)
    in_agreement(life)


@pytest.mark.rule(68)
@given(acts(*WORK_ACTS, *OPT_OUTS, *CROSSED, longest=30), st.sampled_from(CROSSED_SECTIONS))
@settings(max_examples=60, **SETTINGS)
def test_what_is_sent_while_records_go_on_as_others_clears_nothing_and_opts_nobody_in(
    happening: list[Act], section: Section
) -> None:
    story = pairs(3, section=section)
    life = live(story, happening)
    opt_outs_stand(story)
    every_trigger_is_closed_once(life)
    in_agreement(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS), st.sampled_from(AUTOMATIONS))
@settings(max_examples=60, **SETTINGS)
def test_automations_that_rewrite_what_was_written_come_to_rest_even_if_they_fight(
    happening: list[Act], automations: Automations
) -> None:
    story = pairs(2)
    story.life.automations.update(automations)
    life = live(story, happening)
    every_trigger_is_closed_once(life)
    in_agreement(life)
    before = len(life.writes)
    story.rest()
    assert len(life.writes) == before


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, *OPT_OUTS), st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=60, **SETTINGS)
def test_the_log_alone_makes_the_state_in_any_portions_and_from_the_tables(
    happening: list[Act], sizes: list[int]
) -> None:
    story = pairs(3, reload=True, section=OPTING)
    for each in happening:
        story.act(each)
    story.life.project()
    image = story.life.store.image()
    assert replay(story.life, [len(story.life.log)], reload=False).image() == image
    assert replay(story.life, sizes, reload=True).image() == image
    assert replay(story.life, sizes, reload=False).image() == image


@given(acts(*QUIET_ACTS, *WORK_ACTS, "clone", "join", "leave", "swap"))
@settings(max_examples=60, **SETTINGS)
def test_a_link_stays_while_both_its_records_are_there(happening: list[Act]) -> None:
    story = pairs(3)
    before = remember(story.life)
    life = live(story, happening)
    linked = {tuple(contact.pair.values()) for contact in life.contacts()}
    assert {(pair.ours.key, pair.theirs.key) for pair in before} <= linked


@given(acts("blank_hubspot", "blank_salesforce", "differ", longest=20), acts(*WORK_ACTS, longest=20))
@settings(max_examples=60, **SETTINGS)
def test_the_first_sync_of_two_records_clears_nothing(preparing: list[Act], working: list[Act]) -> None:
    story = strangers(2, preparing)
    held = values_held(story.life)
    for contact in story.life.contacts():
        story.ask(contact.id)
    life = live(story, working)
    assert not held - values_held(life)
    in_agreement(life)


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS))
@settings(max_examples=40, **SETTINGS)
def test_asking_again_for_everybody_at_rest_writes_nothing(happening: list[Act]) -> None:
    story = pairs(3)
    life = live(story, happening)
    writes = len(life.writes)
    for contact in life.contacts():
        story.ask(contact.id)
    story.rest()
    assert not [written for written in life.writes[writes:] if written.effective and not written.created]
