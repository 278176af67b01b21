"""Pausing, and rebuilding everything derived, while people go on editing."""

from collections.abc import Mapping
from threading import Thread
from typing import Any

import pytest

from domain.book import Table, decode
from tests.scenarios.crowd import HUBSPOTS, SALESFORCES, Crowd
from workers import requests
from workers.cli import playground as installation
from workers.cli.playground import Playground
from workers.cli.story import Story

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

PEOPLE = 60


@pytest.fixture(scope="module")
def crowd(playground: Playground) -> Crowd:
    """People who are in both CRMs, in a running installation."""
    playground.configuration = installation.CONFIGURATION.replace("prefer_salesforce_unless_blank", "two_way")
    crowd = Crowd(playground)
    crowd.enter_in_both(PEOPLE)
    playground.set_up()
    playground.start_fleet("web", "worker", "io")
    playground.wait_until_ready(90)
    return crowd


def test_a_pause_lets_nothing_out_and_loses_nothing(playground: Playground, crowd: Crowd) -> None:
    story = Story(playground)
    story.expect(playground.quiet, "quiet", 60)
    requests.pause(playground.link.lane, "test")
    story.expect(lambda: playground.link.lane.state().paused, "the pause")
    before = story.writes()
    for _ in range(50):
        crowd.edit()
    playground.fleet.kill("io")
    playground.start_fleet("io")
    story.expect(lambda: crowd_is_known(playground, crowd), "all edits in the log and decided", 60)
    assert story.writes() == before

    requests.resume(playground.link.lane, "test")
    arrive(story, crowd)


def test_a_rebuild_while_people_edit_ends_in_the_same_state_and_writes_nothing_twice(
    playground: Playground, crowd: Crowd
) -> None:
    story, link = Story(playground), playground.link
    generation = link.lane.tables().generation
    with_edits = Edits(crowd)
    with_edits.start()
    try:
        comparison = link.replay(2).rebuild()
    finally:
        with_edits.end()
    assert comparison.differing == []
    assert link.lane.tables().generation > generation
    arrive(story, crowd)
    assert crowd.edits > 0
    assert link.replay(2).verify().differing == []


class Edits(Thread):
    """Edits by a crowd, until told to end."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(daemon=True)
        self._crowd = crowd
        self._ended = False

    def run(self) -> None:
        while not self._ended:
            self._crowd.edit()

    def end(self) -> None:
        self._ended = True
        self.join()


def arrive(story: Story, crowd: Crowd) -> None:
    """Wait until both CRMs agree; fail in words."""
    try:
        story.playground.wait_for(lambda: story.playground.quiet() and not crowd.differences(), 120)
    except TimeoutError:
        raise AssertionError("\n".join(crowd.differences()) or "not quiet") from None


def crowd_is_known(playground: Playground, crowd: Crowd) -> bool:
    """Whether the engine has seen every edit that one side owns, and projected all it has seen."""
    tables = playground.link.lane.tables()
    known: dict[tuple[str, str], Any] = {}
    for _, raw in tables.scan(Table.CONTACTS):
        for record in decode(Table.CONTACTS, raw).records.values():
            known.update(_values(record.values))
    return crowd.expected.items() <= known.items()


def _values(values: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """What a record holds in the fields that its side owns, as a crowd expects it."""
    email = str(values.get("email") or values.get("Email")).lower()
    owned = HUBSPOTS if "email" in values else SALESFORCES
    return {(email, name.lower()): values.get(name) for name in owned}
