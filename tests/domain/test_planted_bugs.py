"""A test of the tests: the laws must turn red when the domain is broken on purpose.

This is the one place that patches the project's own code: each bug replaces one function, and the named law
is run on the same seeded lives on which the sound domain keeps it.
"""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest

from domain import (
    answer,
    apart,
    cases,
    decide,
    delivering,
    forgetting,
    links,
    mapping,
    observing,
    outbox,
    pairs,
    plan,
    records,
    sent,
)
from domain.identity import Crm
from domain.outcomes import OutcomeClass
from tests.domain import test_laws as laws
from tests.domain.lives import DELETIONS, OPT_OUTS, QUIET_ACTS, TURNS, WORK_ACTS, Act

replace = msgspec.structs.replace
SEEDS = 60
SOUND_LOCATE = links.locate
SOUND_LET_STRAY = sent.let_stray

Law = Callable[[Random], None]


def _acts(random: Random, *names: str, number: int = 0) -> list[Act]:
    number = number or random.choice((40, 90))
    return [(random.choice(names), random.randrange(8), random.randrange(61)) for _ in range(number)]


def _inner(law: Callable[..., None]) -> Callable[..., None]:
    inner: Callable[..., None] = law.hypothesis.inner_test  # type: ignore[attr-defined]  # set by @given
    return inner


def edits_arrive(random: Random) -> None:
    law = _inner(laws.test_every_edit_arrives_by_its_rule_and_then_there_is_rest)
    law(_acts(random, *QUIET_ACTS, *WORK_ACTS))


def edits_of_one_field_arrive(random: Random) -> None:
    law = _inner(laws.test_every_edit_arrives_by_its_rule_and_then_there_is_rest)
    names = ("edit_hubspot", "hear", "project", "claim", "land")
    law([(name, 0, 6 * what) for name, _, what in _acts(random, *names)])


def whatever_happens(random: Random) -> None:
    law = _inner(laws.test_whatever_becomes_of_records_nothing_is_doubled_left_open_or_apart)
    law(_acts(random, *QUIET_ACTS, *WORK_ACTS, *TURNS), random.choice(laws.SECTIONS))


def automations_rest(random: Random) -> None:
    law = _inner(laws.test_automations_that_rewrite_what_was_written_come_to_rest_even_if_they_fight)
    law(_acts(random, *QUIET_ACTS, *WORK_ACTS), random.choice(laws.AUTOMATIONS))


def replay_is_live(random: Random) -> None:
    law = _inner(laws.test_the_log_alone_makes_the_state_in_any_portions_and_from_the_tables)
    law(_acts(random, *QUIET_ACTS, *WORK_ACTS), [random.randrange(1, 9)])


def links_stay(random: Random) -> None:
    law = _inner(laws.test_a_link_stays_while_both_its_records_are_there)
    law(_acts(random, *QUIET_ACTS, "clone", "clone", "swap", "hear", "project"))


def first_sync_clears_nothing(random: Random) -> None:
    law = _inner(laws.test_the_first_sync_of_two_records_clears_nothing)
    law(_acts(random, "blank_hubspot", "blank_salesforce", "differ", number=10), _acts(random, *WORK_ACTS))


def deletions_follow(random: Random) -> None:
    law = _inner(laws.test_a_contact_is_deleted_once_with_its_salesforce_record_and_never_otherwise)
    law(_acts(random, *QUIET_ACTS, *WORK_ACTS, *DELETIONS))


def opt_outs_stand(random: Random) -> None:
    law = _inner(laws.test_whoever_opts_out_has_opted_out_on_both_sides_whatever_address_he_gets)
    law(_acts(random, *WORK_ACTS, *OPT_OUTS))


def crossings_clear_nothing(random: Random) -> None:
    law = _inner(laws.test_what_is_sent_while_records_go_on_as_others_clears_nothing_and_opts_nobody_in)
    happening = _acts(random, *WORK_ACTS, *OPT_OUTS, *laws.CROSSED, number=30)
    law(happening, random.choice(laws.CROSSED_SECTIONS))


# -- the bugs


def older_overwrites_newer(record: Any, event: Any) -> Any:
    return records.observe(replace(record, version=records.NEVER, newer={}), event)


def older_fields_are_forgotten(record: Any, event: Any) -> Any:
    folded = records.observe(record, event)
    return replace(folded, record=replace(folded.record, values=dict(event.fields)))


def a_blank_clears_on_first_sync(field: Any, now: Any, changed_at: Any) -> Crm:  # noqa: ARG001 - the shape of what it replaces
    return Crm.HUBSPOT if now.hubspot is None else Crm.SALESFORCE


def an_echo_is_news(*_args: Any) -> bool:
    return True


def the_link_follows_the_last_look(contact: Any, ref: Any, record: Any) -> Any:
    joined = replace(contact, records={**contact.records, ref.key: record})
    return joined if record.gone or joined.pair.get(ref.crm) == ref.key else links.relink(joined, ref)


def a_write_on_its_way_has_arrived(contact: Any, mapped: Any) -> bool:  # noqa: ARG001 - as above
    return False


def expected_values_stay(contact: Any, kind: Any, crm: Any, closed: Any, ours: Any) -> Any:  # noqa: ARG001 - as above
    return contact


def a_decision_is_closed_twice(step: Any, contact: Any) -> Any:
    decide.land(step, contact)
    return decide.land(step, contact)


def carried_decisions_are_forgotten(step: Any, contact: Any) -> Any:  # noqa: ARG001 - as above
    return replace(contact, flying=())


def membership_is_ignored(*_args: Any) -> Any:
    return answer.Plan(member=True)


def the_look_up_is_skipped(contact: Any, policy: Any, now: int) -> Any:
    kind = policy.kinds[contact.kind]
    address = answer.match_value(contact, kind) or ""
    return plan.plan(replace(contact, looked_up=dict.fromkeys(Crm, address)), policy, now)


def a_retry_sends_the_old_payload(step: Any, contact: Any, drafts: Any) -> Any:
    standing = {
        crm: answer.Draft(
            each.object, each.record_id, each.fields, each.sources, each.key_field, each.key_value
        )
        for crm, each in contact.intents.items()
    }
    return outbox.intend(step, contact, {**drafts, **standing})


def agreed_pairs_are_not_kept(contact: Any, kind: Any, crm: Any, changing: Any) -> Any:  # noqa: ARG001 - as above
    return contact.agreed


def an_address_moves_a_record(book: Any, kind: Any, ref: Any, event: Any) -> Any:
    sharing = next(iter(links._sharing(book, kind, event)), None)
    return sharing or SOUND_LOCATE(book, kind, ref, event)


def an_unknown_outcome_is_sent_again_blind(*args: Any) -> Any:
    return delivering._failed(*args)


def a_deletion_is_forgotten(contact: Any, *_more: Any) -> Any:
    return contact


def a_restored_record_counts_as_deleted(contact: Any, kind: Any) -> bool:  # noqa: ARG001 - as above
    ours, lost = answer.linked(contact, Crm.HUBSPOT), contact.records[contact.pair[Crm.SALESFORCE]].seen
    return bool(
        ours and not ours[1].gone and lost[0] > 0 and contact.opened.trigger in {"deleted", "restored"}
    )


def nothing_is_a_case(contact: Any) -> frozenset[str]:  # noqa: ARG001 - as above
    return frozenset()


def an_erased_person_is_deleted_only(contact: Any) -> Any:
    return replace(contact, erased=True)


def another_address_is_no_news(_step: Any, contact: Any, *_more: Any) -> Any:
    return contact


def what_was_written_for_another_address_counts(contact: Any, *_more: Any) -> Any:
    return contact


def what_came_from_another_record_counts(contact: Any, crm: Any) -> Any:  # noqa: ARG001 - as above
    return contact


def what_had_left_from_another_record_counts(contact: Any, event: Any) -> bool:  # noqa: ARG001 - as above
    return False


def strays_are_forgotten(*places: str) -> Callable[..., Any]:
    """Let what is in some places not be marked."""

    def bug(contact: Any, crm: Any) -> Any:
        strays = SOUND_LET_STRAY(contact, crm)
        return replace(strays, **{place: getattr(contact, place) for place in places})

    bug.__name__ = f"strays_are_forgotten_in_{'_and_'.join(places)}"
    return bug


def delays_are_drawn() -> Callable[..., int]:
    drawn = count(1_000)
    return lambda *_args, **_options: next(drawn)


BUGS: list[tuple[Any, str, Any, Law]] = [
    (observing, "observe", older_overwrites_newer, edits_arrive),
    (observing, "observe", older_fields_are_forgotten, edits_arrive),
    (mapping, "_first", a_blank_clears_on_first_sync, first_sync_clears_nothing),
    (observing, "_is_news", an_echo_is_news, edits_arrive),
    (links, "join", the_link_follows_the_last_look, links_stay),
    (pairs, "_flies", a_write_on_its_way_has_arrived, edits_of_one_field_arrive),
    (pairs, "_flies", a_write_on_its_way_has_arrived, crossings_clear_nothing),
    (observing, "close_expected", expected_values_stay, edits_arrive),
    (delivering, "land", a_decision_is_closed_twice, edits_arrive),
    (delivering, "land", carried_decisions_are_forgotten, edits_arrive),
    (plan, "_inclusion", membership_is_ignored, whatever_happens),
    (decide, "plan", the_look_up_is_skipped, whatever_happens),
    (decide, "intend", a_retry_sends_the_old_payload, edits_arrive),
    (observing, "keep_agreed", agreed_pairs_are_not_kept, edits_arrive),
    (links, "locate", an_address_moves_a_record, links_stay),
    (delivering, "_deleted", a_deletion_is_forgotten, deletions_follow),
    (plan, "_orphaned", a_restored_record_counts_as_deleted, deletions_follow),
    (cases, "_cases", nothing_is_a_case, whatever_happens),
    (forgetting, "forgotten", an_erased_person_is_deleted_only, whatever_happens),
    (observing, "renamed", another_address_is_no_news, opt_outs_stand),
    (delivering, "renamed", another_address_is_no_news, opt_outs_stand),
    (apart, "disown", what_was_written_for_another_address_counts, opt_outs_stand),
    (links, "let_stray", what_came_from_another_record_counts, crossings_clear_nothing),
    (links, "let_stray", strays_are_forgotten("flights"), crossings_clear_nothing),
    (links, "let_stray", strays_are_forgotten("doubted"), crossings_clear_nothing),
    (links, "let_stray", strays_are_forgotten("expected"), crossings_clear_nothing),
    (delivering, "_is_stray", what_had_left_from_another_record_counts, crossings_clear_nothing),
    (delivering, "delay_ms", delays_are_drawn(), replay_is_live),
]


@pytest.mark.parametrize(
    "law",
    [
        edits_arrive,
        edits_of_one_field_arrive,
        whatever_happens,
        automations_rest,
        replay_is_live,
        links_stay,
        first_sync_clears_nothing,
        deletions_follow,
        opt_outs_stand,
        crossings_clear_nothing,
    ],
    ids=lambda law: law.__name__,
)
def test_the_sound_domain_keeps_the_law_on_these_lives(law: Law) -> None:
    for seed in range(SEEDS):
        law(Random(seed))


@pytest.mark.parametrize(
    ("module", "name", "bug", "law"), BUGS, ids=[getattr(bug[2], "__name__", bug[1]) for bug in BUGS]
)
def test_a_planted_bug_turns_the_law_red(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, bug: Any, law: Law
) -> None:
    monkeypatch.setattr(module, name, bug)
    assert _is_red(law)


def test_a_blind_repeat_turns_the_law_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(delivering._OUTCOMES, OutcomeClass.UNKNOWN, an_unknown_outcome_is_sent_again_blind)
    assert _is_red(edits_arrive)


def _is_red(law: Law) -> bool:
    for seed in range(SEEDS):
        try:
            law(Random(seed))
        except (AssertionError, KeyError, IndexError):
            return True
    return False
