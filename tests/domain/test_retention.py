"""What is kept, and how long: a function of the log, whatever portions it is folded in."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.book import TIMERS
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import KEPT, Document
from tests.domain.crms import SECTION, Life, Store
from tests.domain.lives import QUIET_ACTS, TURNS, WORK_ACTS, Act, pairs, replay
from tests.domain.test_laws import SETTINGS, acts
from tests.world import SECTION as PLAIN
from tests.world import SF, World, ready

ADA = "hubspot/contacts/1"
DAY_MS = 86_400_000


def keeping(life: Life, kept: int | None) -> None:
    """Somebody applies a configuration with this number, of decisions and of days; days pass."""
    digest = life.document(Document("acme", (SECTION,), kept, kept, kept))
    life.append(e.ConfigurationApplied(digest=digest, by="test", request=str(len(life.log))))
    life.now += 2 * DAY_MS
    life.fire()


@given(
    acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, longest=60),
    st.lists(st.none() | st.integers(1, 4), min_size=1, max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=3),
)
@settings(max_examples=60, **SETTINGS)
def test_what_is_kept_does_not_depend_on_portions(
    happening: list[Act], numbers: list[int | None], sizes: list[int]
) -> None:
    story = pairs(2)
    for at, act in enumerate(happening):
        if at % 12 == 0:
            keeping(story.life, numbers[at // 12 % len(numbers)])
        story.act(act)
    story.life.project()
    image = replay(story.life, [1], reload=False).image()
    assert replay(story.life, [len(story.life.log)], reload=False).image() == image
    assert replay(story.life, sizes, reload=True).image() == image


@given(acts(*QUIET_ACTS, *WORK_ACTS, *TURNS, longest=60), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=40, **SETTINGS)
def test_the_newest_decisions_are_kept_and_nothing_else_differs(
    happening: list[Act], kept: int, size: int
) -> None:
    story = pairs(2)
    for act in happening:
        story.act(act)
    few, everything = (folded(story.life, number, size) for number in (kept, None))

    newest = {entity: closed[-kept:] for entity, closed in everything.decisions.items()}
    assert few.image() == {**everything.image(), "decisions": newest}


def folded(life: Life, kept: int | None, size: int) -> Store:
    """The log, as if every configuration had said this number."""
    given = dict(life.documents)
    for digest, plain in given.items():
        if isinstance(plain, dict) and "sections" in plain:
            life.documents[digest] = {**plain, "kept": kept}
    try:
        return replay(life, [size], reload=False)
    finally:
        life.documents.update(given)


def test_without_a_word_of_it_two_hundred_are_kept() -> None:
    story = pairs(1)
    (contact,) = story.life.contacts()
    for _ in range(KEPT + 5):
        story.ask(contact.id)
        story.rest()

    closed = story.life.closed()[contact.id]
    assert len(closed) == KEPT
    assert closed[-1].opened_at == max(each.opened_at for each in closed)
    assert story.life.store.counts["decisions/already_in_sync"] >= KEPT + 5


def test_a_document_of_before_keeps_two_hundred() -> None:
    plain = msgspec.to_builtins(Document("acme", (SECTION,)))
    del plain["kept"]
    assert msgspec.convert(plain, Document).kept == KEPT


# -- by age


def linked(**kept: int) -> World:
    """Ada in both CRMs, and a decision about her."""
    made = ready().apply(PLAIN, **kept)
    made.hubspot("1", source="baseline", email="a@x.org", lastname="Byron", city="Wien", company="A")
    made.lead("00Q1", source="baseline", Email="a@x.org", LastName="Byron", City="Wien", Company="A")
    made.append(e.SyncRequested(entity=ADA, cause="all", by="test"))
    return made


def due(made: World, cause: str) -> int | None:
    return made.queues.get(TIMERS, {}).get(f"{ADA}|{cause}")


def come(made: World, cause: str) -> None:
    """The moment of a timer comes."""
    moment = due(made, cause)
    assert moment is not None
    made.append(e.TimerDue(entity=ADA, cause=cause, due=moment), after=moment - made.now)


def test_decisions_go_when_none_was_closed_for_so_many_days() -> None:
    made = linked(decision_days=30)
    assert due(made, "decisions") == made.now + 30 * DAY_MS
    made.append(e.SyncRequested(entity=ADA, cause="all", by="test", request="2"), after=29 * DAY_MS)
    assert due(made, "decisions") == made.now + 30 * DAY_MS
    assert len(made.closed[ADA]) == 2

    come(made, "decisions")

    assert not made.closed.get(ADA)
    assert due(made, "decisions") is None


def test_decisions_stay_if_that_is_set_before_the_moment_comes() -> None:
    made = linked(decision_days=30)
    made.apply(PLAIN)
    come(made, "decisions")
    assert len(made.closed[ADA]) == 1


def test_without_a_word_of_it_nothing_goes_by_age() -> None:
    made = linked()
    refuse(made)
    assert made.letters
    assert due(made, "decisions") is due(made, "letters") is None


def refuse(made: World, *fields: str) -> None:
    """Salesforce refuses Ada's next change: all of it, or these fields."""
    made.hubspot("1", city=f"City {made.now}", firstname=f"Ada {made.now}")
    made.claim(ADA, SF)
    made.answer(ADA, SF, Outcome(OutcomeClass.REJECTED, code="STRING_TOO_LONG", message="No.", fields=fields))


def test_a_sync_error_that_nobody_mends_is_closed_after_so_many_days() -> None:
    made = linked(letter_days=7)
    refuse(made)
    came = due(made, "letters")
    assert came == made.now + 7 * DAY_MS

    come(made, "letters")

    assert not made.letters
    assert due(made, "letters") is None
    assert not made.contact(ADA).refused
    made.hubspot("1", city="Graz")
    assert made.intent(ADA, SF) is not None


def test_a_younger_sync_error_of_the_same_contact_waits_for_its_own_moment() -> None:
    made = linked(letter_days=7)
    refuse(made, "City")
    made.now += DAY_MS
    made.claim(ADA, SF)
    made.answer(ADA, SF, Outcome(OutcomeClass.REJECTED, code="NO", message="No."))
    assert len(made.letters) == 2

    come(made, "letters")
    assert len(made.letters) == 1
    come(made, "letters")
    assert not made.letters


def test_a_field_that_is_tried_again_and_refused_again_is_held_since_the_first_time() -> None:
    made = linked(letter_days=7)
    absent = Outcome(
        OutcomeClass.MISCONFIGURED, code="INVALID_FIELD_FOR_INSERT_UPDATE", message="No.", fields=("City",)
    )
    made.hubspot("1", city="Graz")
    made.claim(ADA, SF)
    made.answer(ADA, SF, absent)
    came, [held] = due(made, "letters"), made.letters.values()

    made.append(e.TimerDue(entity=ADA, cause="retry", due=made.now), after=DAY_MS)
    made.read(SF)
    made.claim(ADA, SF)
    made.answer(ADA, SF, absent)

    [letter] = made.letters.values()
    assert (letter.at, due(made, "letters")) == (held.at, came)
    come(made, "letters")
    assert not made.letters


def test_what_was_wrong_before_it_was_set_that_sync_errors_go_by_age_goes_as_well() -> None:
    made = linked()
    refuse(made)
    [letter] = made.letters.values()
    made.apply(PLAIN, letter_days=7)
    made.append(e.TimerDue(entity=ADA, cause="retry", due=made.now))
    assert due(made, "letters") == letter.at + 7 * DAY_MS
    come(made, "letters")
    assert not made.letters


def test_a_decision_that_is_younger_than_the_moment_that_came_keeps_them_all() -> None:
    made = linked(decision_days=30)
    moment = due(made, "decisions")
    assert moment is not None
    made.append(e.SyncRequested(entity=ADA, cause="all", by="test", request="2"), after=30 * DAY_MS)
    made.append(e.TimerDue(entity=ADA, cause="decisions", due=moment))
    assert len(made.closed[ADA]) == 2
    come(made, "decisions")
    assert not made.closed.get(ADA)


def test_a_mended_sync_error_leaves_no_timer() -> None:
    made = linked(letter_days=7)
    refuse(made)
    made.hubspot("1", city="Graz")
    made.deliver(ADA, SF)
    assert not made.letters
    assert due(made, "letters") is None


def test_counters_do_not_grow_with_people() -> None:
    story = pairs(5)
    story.rest()
    for contact in story.life.contacts():
        assert not [name for name in story.life.store.counts if contact.id in name]
