"""Control: what time and people set going comes in small portions, and once each."""

import msgspec
import pytest

from domain import events as e
from domain.book import CONNECTION_KEY, OPEN, RETRIES, TIMERS, Changes, Table, decode, held_queue
from domain.learning import counter
from domain.policy import Document
from domain.retry import AGAIN_MS
from domain.rules import RuleText
from domain.state import Bucket
from tests.domain.inclusion.builders import a_list, all_of, prop
from tests.workers.lanes import (
    ADA,
    append,
    configured,
    memory_lane,
    project,
    refused,
    shown,
    told,
    with_ada,
)
from tests.world import HS, SECTION
from workers.clock import ManualClock
from workers.connection import PROJECTED, Lane
from workers.control import Control
from workers.jobs import PORTION
from workers.replay import Replay
from workers.storage.memory import MemoryStores


def queued(lane: Lane, queue: str, **members: int) -> Lane:
    """A queue as folding would leave it."""
    at, tables = lane.tables().checkpoint(), lane.tables()
    assert tables.commit(at, at, Changes({}, {}, {queue: members}, {}, {}, {}))
    return lane


# -- timers and holds


def test_moments_that_have_passed_become_events_and_others_wait() -> None:
    clock = ManualClock()
    lane = configured(memory_lane(clock))
    queued(lane, TIMERS, **{"a|look": clock.now_ms(), "b|claim:hubspot": clock.now_ms() + 1})

    assert Control(lane).run()
    assert [(each.entity, each.cause) for each in told(lane, e.TimerDue)] == [("a", "look")]
    clock.advance(1)
    Control(lane).run()
    assert told(lane, e.TimerDue)[-1].cause == "claim:hubspot"


def test_a_moment_that_waits_to_be_projected_is_not_recorded_again() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    control = Control(lane)

    assert control.run()
    assert not control.run()
    assert len(told(lane, e.TimerDue)) == 1
    project(lane)
    assert lane.tables().size(TIMERS) == 0


def test_what_goes_by_age_goes_by_the_clock_and_a_replay_forgets_it_alike() -> None:
    clock = ManualClock()
    stores = MemoryStores(clock)
    lane = Lane("acme", stores.log, stores.tables, stores.coordination, clock, "test")
    document = Document("acme", (SECTION,), decision_days=30, letter_days=7)
    name = e.digest(msgspec.to_builtins(document))
    lane = configured(lane)
    lane.append([e.ConfigurationApplied(digest=name, by="test")], [document])
    append(with_ada(project(lane)), *refused(ADA))
    assert lane.tables().decisions(ADA, 9)
    assert lane.tables().count(Table.LETTERS) == 1

    for days in (7, 30):
        clock.advance(days * 86_400)
        Control(lane).timers()
        project(lane)
        assert lane.tables().count(Table.LETTERS) == 0

    assert lane.tables().decisions(ADA, 9) == []
    assert Replay(lane, stores.generations).verify().differing == []


def test_the_next_moment_of_the_same_contact_is_an_event_of_its_own() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    Control(lane).run()
    queued(project(lane), TIMERS, **{"a|look": 2})

    assert Control(lane).run()
    assert [each.due for each in told(lane, e.TimerDue)] == [1, 2]


def test_timers_come_in_portions() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{f"c{each}|look": 1 for each in range(PORTION + 1)})
    Control(lane).run()

    assert len(told(lane, e.TimerDue)) == PORTION
    Control(project(lane)).run()
    assert len(told(lane, e.TimerDue)) == PORTION + 1


def test_who_waits_for_the_baseline_is_let_go_once_it_is_complete() -> None:
    lane = queued(memory_lane(), held_queue("baseline"), a=1, b=1)
    assert not Control(lane).run()

    configured(lane)
    assert Control(lane).run()
    assert [each.cause for each in told(lane, e.TimerDue)] == ["baseline", "baseline"]
    project(lane)
    assert lane.tables().size(held_queue("baseline")) == 0


def test_a_guard_holds_until_it_is_released() -> None:
    lane = queued(configured(memory_lane()), held_queue("creates"), a=1)
    state = msgspec.structs.replace(lane.state(), guards={"creates": Bucket(1, 9, tripped=True)})
    at, tables = lane.tables().checkpoint(), lane.tables()
    packed = msgspec.msgpack.encode(state, order="deterministic")
    tables.commit(at, at, Changes({Table.META: {CONNECTION_KEY: packed}}, {}, {}, {}, {}, {}))
    assert not Control(lane).run()

    append(lane, e.SuspensionCleared(name="creates", by="me"))
    assert Control(lane).run()
    assert told(lane, e.TimerDue)[0].cause == "creates"


def test_while_lost_tables_are_made_anew_no_moment_is_recorded() -> None:
    lane = queued(configured(memory_lane()), TIMERS, **{"a|look": 1})
    lane.coordination.set_cursor(PROJECTED, "9999999999999-0")

    assert not Control(lane).run()
    assert not told(lane, e.TimerDue)


# -- the census


def choose(lane: Lane, city: str) -> Lane:
    """The inclusion list is that of all who live in a city."""
    filters = a_list(all_of(prop("city", "STRING", "IS_EQUAL_TO", value=city)), list_id="7")
    lane.append([e.ListObserved(list_id="7", name="Sync", digest=e.digest(filters))], [filters])
    return configured(lane, msgspec.structs.replace(SECTION, inclusion_list="7"))


def in_cities(*cities: str) -> Lane:
    """Somebody in each city, and everybody may sync."""
    lane = configured(memory_lane())
    looks = (
        shown(HS, "contacts", str(number), source="baseline", city=city) for number, city in enumerate(cities)
    )
    return append(lane, *looks)


def counted(lane: Lane) -> Lane:
    """Let the census come to its end."""
    for _ in range(3):
        lane.clock.sleep(1)
        Control(lane).run()
        project(lane)
    return lane


def members(lane: Lane) -> list[bool | None]:
    return [decode(Table.CONTACTS, raw).member for _, raw in sorted(lane.tables().scan(Table.CONTACTS))]


@pytest.mark.rule(17)
def test_choosing_a_list_counts_everybody_and_syncs_nobody() -> None:
    lane = counted(choose(in_cities("Wien", "Graz"), "Wien"))

    assert members(lane) == [True, False]
    assert lane.tables().size(OPEN) == 0


@pytest.mark.rule(17)
def test_other_filters_are_counted_anew_and_the_same_ones_are_not() -> None:
    lane = counted(choose(in_cities("Wien", "Graz"), "Wien"))
    before = len(told(lane, e.TimerDue))
    counted(choose(lane, "Graz"))

    assert members(lane) == [False, True]
    assert len(told(lane, e.TimerDue)) == before + 2
    counted(lane)
    assert len(told(lane, e.TimerDue)) == before + 2


def test_whom_the_baseline_has_counted_already_is_not_looked_at_again() -> None:
    lane = choose(memory_lane(), "Wien")
    append(lane, shown(HS, "contacts", "1", source="baseline", city="Wien"))

    assert told(counted(lane), e.TimerDue) == []


# -- validation rules

RULE = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "No.")


def judged(agreed: int, disagreed: int = 0) -> Lane:
    """A lane under a rule for which so many answers were counted."""
    lane = configured(memory_lane())
    rules = msgspec.to_builtins((RULE,))
    lane.append([e.RulesObserved(object="Lead", digest=e.digest(rules))], [rules])
    return answered(project(lane), agreed=agreed, disagreed=disagreed)


def answered(lane: Lane, **counts: int) -> Lane:
    at, tables = lane.tables().checkpoint(), lane.tables()
    named = {counter(RULE.key, what): number for what, number in counts.items()}
    assert tables.commit(at, at, Changes({}, {}, {}, {}, {}, named))
    return lane


def trusted(lane: Lane) -> list[bool]:
    return [rule.trusted for rule in project(lane).policy().rules["Lead"]]


def test_a_rule_is_trusted_once_enough_answers_agreed() -> None:
    lane = judged(agreed=2)
    control = Control(lane, trust_after=3)
    assert not control.run()
    assert trusted(lane) == [False]

    answered(lane, agreed=1)
    assert control.run()
    assert trusted(lane) == [True]
    assert not control.run()


def test_a_trusted_rule_is_doubted_after_one_answer_that_disagrees() -> None:
    lane = judged(agreed=3)
    control = Control(lane, trust_after=3)
    control.run()
    project(lane)

    answered(lane, disagreed=1)
    assert control.run()
    assert trusted(lane) == [False]
    answered(lane, agreed=3)
    assert control.run()
    assert trusted(lane) == [True]


def test_a_rule_is_never_trusted_where_the_configuration_says_never() -> None:
    lane = judged(agreed=1_000)

    assert not Control(lane, trust_after=None).run()


# -- contacts in error


def in_error() -> Lane:
    lane = configured(memory_lane(ManualClock()))
    return queued(lane, RETRIES, **{"hubspot/contacts/1": lane.clock.now_ms() + AGAIN_MS})


@pytest.mark.rule(126)
def test_contacts_in_error_are_tried_again_when_their_time_has_come() -> None:
    lane = in_error()
    control = Control(lane)
    assert not control.run()

    lane.clock.sleep(AGAIN_MS / 1000)
    assert control.run()
    [event] = told(lane, e.TimerDue)
    assert (event.entity, event.cause) == ("hubspot/contacts/1", "retry")


@pytest.mark.rule(126)
def test_nothing_is_tried_again_while_too_many_calls_are_used() -> None:
    lane = in_error()
    lane.clock.sleep(AGAIN_MS / 1000)

    assert not Control(lane, may_retry=lambda: False).run()
    assert told(lane, e.TimerDue) == []
    assert Control(lane, may_retry=lambda: True).run()
