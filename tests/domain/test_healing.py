"""What may have healed is tried again by itself, and nothing else is."""

import msgspec
import pytest

from domain import events as e
from domain.book import RETRIES
from domain.healing import RETRY
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Section
from domain.reasons import Reason
from domain.retry import AGAIN_MS, ATTEMPTS
from domain.rules import RuleText
from domain.state import Priority, intent_key
from tests.world import SECTION, SF, World, ready

pytestmark = pytest.mark.rule(126)
replace = msgspec.structs.replace
ADA = "hubspot/contacts/1"
LOOKUP = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"


def linked(section: Section = SECTION) -> World:
    """Ada in both CRMs; HubSpot has just changed her city."""
    made = ready(section)
    made.hubspot("1", source="baseline", email="a@x.org", lastname="Byron", city="Wien", company="A")
    made.lead("00Q1", source="baseline", Email="a@x.org", LastName="Byron", City="Wien", Company="A")
    made.append(e.SyncRequested(entity=ADA, cause="all", by="test"))
    made.hubspot("1", city="Graz", firstname="Ada")
    return made


def refuse(made: World, code: str, *fields: str, message: str = "No.") -> None:
    made.claim(ADA, SF)
    made.answer(ADA, SF, Outcome(OutcomeClass.REJECTED, code=code, message=message, fields=fields))


def due(made: World) -> int | None:
    return made.queues.get(RETRIES, {}).get(ADA)


def wait(made: World) -> None:
    """Let the time come at which the contact is tried again."""
    moment = due(made)
    assert moment is not None
    made.append(e.TimerDue(entity=ADA, cause=RETRY, due=moment), after=moment - made.now)


def test_a_contact_in_error_is_tried_again_half_an_hour_later() -> None:
    made = linked()
    refuse(made, "DUPLICATES_DETECTED")
    assert due(made) == made.now + AGAIN_MS

    wait(made)

    intent = made.intent(ADA, SF)
    assert intent is not None
    assert intent.priority is Priority.RETRY
    made.deliver(ADA, SF)
    assert not made.letters
    assert due(made) is None
    assert made.closed[ADA][-1].trigger == "retry"


def test_what_has_not_healed_is_tried_again_and_again() -> None:
    made = linked()
    refuse(made, "DUPLICATES_DETECTED")
    for _ in range(3):
        wait(made)
        refuse(made, "DUPLICATES_DETECTED")

    assert due(made) is not None
    assert list(made.letters) == [intent_key(ADA, SF)]


def test_an_error_that_stays_keeps_the_moment_at_which_it_began() -> None:
    made = linked()
    refuse(made, "DUPLICATES_DETECTED")
    since = made.letters[intent_key(ADA, SF)].at
    wait(made)
    refuse(made, "DUPLICATES_DETECTED")

    letter = made.letters[intent_key(ADA, SF)]
    assert (letter.at, letter.attempts) == (since, 2)
    assert made.counts["letters/salesforce"] == 1


def test_a_write_that_was_given_up_after_many_attempts_is_tried_again() -> None:
    made = linked()
    for _ in range(ATTEMPTS):
        made.claim(ADA, SF)
        made.answer(ADA, SF, Outcome(OutcomeClass.TRANSIENT, code="SERVER_UNAVAILABLE"))
    assert made.reasons(ADA)[-1] == Reason.EXHAUSTED

    wait(made)

    assert made.intent(ADA, SF) is not None


def test_a_field_that_was_refused_by_name_is_tried_again() -> None:
    made = linked()
    refuse(made, LOOKUP, "City")
    made.deliver(ADA, SF)
    assert list(made.contact(ADA).holds[SF]) == ["City"]

    wait(made)

    assert made.deliver(ADA, SF).fields == {"City": "Graz"}
    assert due(made) is None


@pytest.mark.parametrize("fields", [(), ("City",)], ids=["a whole write", "a field"])
def test_what_only_another_value_mends_waits_for_that(fields: tuple[str, ...]) -> None:
    made = linked()
    refuse(made, "STRING_TOO_LONG", *fields)
    if fields:
        made.deliver(ADA, SF)
    decided = len(made.closed[ADA])

    wait(made)

    assert made.intent(ADA, SF) is None
    assert len(made.closed[ADA]) == decided
    assert due(made) is not None


def test_what_our_own_checks_still_stop_is_not_decided_again() -> None:
    made = linked()
    made.deliver(ADA, SF)
    rule = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "No.")
    made.append(e.RulesObserved(object="Lead", digest=made.document((rule,))))
    made.append(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
    made.hubspot("1", city="Atlantis")
    decided = len(made.closed[ADA])

    wait(made)
    assert len(made.closed[ADA]) == decided

    made.append(e.RulesObserved(object="Lead", digest=made.document(())))
    wait(made)
    assert made.deliver(ADA, SF).fields == {"City": "Atlantis"}


def test_a_record_that_cannot_be_created_is_searched_for_again_only_if_it_could_be_now() -> None:
    made = ready()
    made.hubspot("1", email="a@x.org")
    made.look_up(SF)
    assert made.reasons(ADA) == [Reason.VALIDATION]

    wait(made)

    assert not made.reads
    assert due(made) is not None


def test_what_a_guard_holds_is_not_decided_again_before_it_is_released() -> None:
    made = linked(replace(SECTION, guards={"blanked": 0}))
    refuse(made, LOOKUP, "City")
    made.deliver(ADA, SF)
    made.hubspot("1", firstname=None)
    assert made.reasons(ADA)[-1] == Reason.GUARD
    decided = len(made.closed[ADA])

    wait(made)
    wait(made)
    assert len(made.closed[ADA]) == decided

    made.append(e.SuspensionCleared(name="blanked", by="ann"))
    wait(made)
    assert len(made.closed[ADA]) == decided + 1


def test_a_decision_that_is_open_already_is_left_alone() -> None:
    made = linked()
    refuse(made, "DUPLICATES_DETECTED")
    made.hubspot("1", city="Linz")
    opened = made.contact(ADA).opened

    wait(made)

    assert made.contact(ADA).opened == opened


def test_nobody_who_is_not_in_error_is_tried_again() -> None:
    made = linked()
    made.deliver(ADA, SF)
    decided = len(made.closed[ADA])

    made.append(e.TimerDue(entity=ADA, cause=RETRY, due=made.now))

    assert due(made) is None
    assert len(made.closed[ADA]) == decided


def test_nothing_is_an_error_any_more_once_the_record_is_gone() -> None:
    made = linked()
    refuse(made, LOOKUP, "City")
    refuse(made, "DUPLICATES_DETECTED")
    assert len(made.letters) == 2
    gone = e.RecordGone(
        crm=SF, object="Lead", id="00Q1", cause="deleted", at=made.now + 5_000, ticket=made.draw()
    )
    made.append(gone)
    assert (made.letters, due(made)) == ({}, None)
    assert made.reasons(ADA)[-1] == "record_deleted"
