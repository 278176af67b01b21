"""The demo's story on a whole installation, and what Flower shows of it."""

from typing import Any

import pytest
import requests

from workers.cli.demo import GRACE, WHOLE
from workers.cli.playground import Playground, pages
from workers.cli.story import Story

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


@pytest.mark.rule(17)
@pytest.mark.rule(18)
@pytest.mark.rule(25)
@pytest.mark.rule(26)
@pytest.mark.rule(112)
@pytest.mark.rule(113)
def test_every_step_of_the_story_holds_and_flower_shows_the_batches(playground: Playground) -> None:
    for crm, name in ((playground.hubspot, "contacts"), (playground.salesforce, "Lead")):
        crm.people("create", object=name, properties=GRACE[name])
    playground.set_up()
    playground.start_fleet()
    playground.wait_until_ready(90)
    story = Story(playground, many=300)
    for number, step in enumerate(WHOLE, 1):
        began = playground.clock.monotonic()
        seen = step.play(story)
        print(f"{number:2} {step.title}: {seen} ({playground.clock.monotonic() - began:.1f} s)")  # noqa: T201 - the report
    batches = story.expect(lambda: _batches(playground), "batches in Flower", 60)
    assert {shown["crm"] for shown in batches} == {"'hubspot'", "'salesforce'"}
    assert all(shown["connection"] == "'acme'" for shown in batches)
    for page in pages(playground).values():
        if page != playground.token:
            assert requests.get(page, auth=("ada", playground.token), timeout=10).ok, page


def _batches(playground: Playground) -> list[dict[str, str]]:
    """What Flower shows of the drains that sent something."""
    answer = requests.get(f"{playground.urls['flower']}/api/tasks", timeout=10)
    tasks: list[dict[str, Any]] = list(answer.json().values())
    results = [task["result"] for task in tasks if task["name"] == "deliver" and task["result"]]
    shown = [dict(_entries(result)) for result in results]
    return [each for each in shown if int(each["sent"]) > 0 and {"claimed", "rejected"} <= each.keys()]


def _entries(result: str) -> list[tuple[str, str]]:
    """The entries of a result, as Flower writes it."""
    parts = (part.partition(": ") for part in result.strip("{}").split(", "))
    return [(name.strip("'"), value) for name, _, value in parts]
