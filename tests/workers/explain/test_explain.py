"""What people are told about a contact, word for word."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from domain.reasons import Reason, Wait
from tests.workers.explain.cases import BY_CODE, OTHERS, Told, explained, superseded
from tests.world import World
from workers.cli.explanation import render
from workers.explain import Explanation

PAGES = Path(__file__).parent
WIDTH = 110


def page(found: Explanation) -> str:
    """The explanation as a terminal of fixed width without colours shows it."""
    out = io.StringIO()
    render(Console(file=out, width=WIDTH, no_color=True, markup=False, emoji=False, highlight=False), found)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def of(code: str, told: Told) -> Explanation:
    """A change that was taken along is never the newest one."""
    first = told[0].closed[told[1]][-1].id if code == Reason.SUPERSEDED else ""
    return explained(told, first)


@pytest.mark.parametrize("name", [*map(str, BY_CODE), *OTHERS])
def test_the_explanation_is_the_expected_page(name: str, request: pytest.FixtureRequest) -> None:
    told = {**BY_CODE, **OTHERS}[name]()
    expected = PAGES / f"{name}.txt"

    shown = page(of(name, told))

    if request.config.getoption("--rewrite-explanations", default=False):
        expected.write_text(shown)
    assert shown == expected.read_text()


@pytest.mark.parametrize("code", [*map(str, BY_CODE)])
def test_each_case_ends_with_the_code_it_stands_for(code: str) -> None:
    assert of(code, BY_CODE[code]()).code == code


@pytest.mark.parametrize("name", [*map(str, BY_CODE), *OTHERS])
def test_every_moment_of_a_contacts_life_can_be_explained(name: str) -> None:
    world, entity = {**BY_CODE, **OTHERS}[name]()
    again, explanations = World(documents=world.documents), []
    for position, event in world.log:
        again.append(event, after=int(position.partition("-")[0]) - again.now)
        if again.projection.book.contact(entity) is not None:
            explanations.append(explained((again, entity)))

    assert explanations[-1] == explained((world, entity))
    assert all(each.text for each in explanations)


def test_every_reason_and_every_wait_has_a_page() -> None:
    assert {*map(str, Reason), *map(str, Wait)} == {*map(str, BY_CODE)}


def test_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES.glob("*.txt")} == {*map(str, BY_CODE), *OTHERS}


def test_a_decision_that_is_not_remembered_is_no_answer() -> None:
    with pytest.raises(KeyError):
        explained(superseded(), "1-0")
