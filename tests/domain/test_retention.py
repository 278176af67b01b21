"""How many closed decisions a contact keeps: a function of the log, whatever portions it is folded in."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as e
from domain.policy import KEPT, Document
from tests.domain.crms import SECTION, Life, Store
from tests.domain.lives import QUIET_ACTS, TURNS, WORK_ACTS, Act, pairs, replay
from tests.domain.test_laws import SETTINGS, acts


def keeping(life: Life, kept: int | None) -> None:
    """Somebody applies a configuration with this number."""
    digest = life.document(Document("acme", (SECTION,), kept))
    life.append(e.ConfigurationApplied(digest=digest, by="test", request=str(len(life.log))))


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
