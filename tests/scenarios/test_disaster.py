"""The log's server is lost with its disk, and people go on editing: archive and CRMs bring all of it back."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from tests.scenarios.conftest import installed
from tests.scenarios.crowd import Crowd
from workers import embedded
from workers.bootstrap import Runtime
from workers.cli.main import main
from workers.cli.playground import CONFIGURATION, Playground
from workers.connection import RESTORED

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

TWO_WAY = CONFIGURATION.replace("prefer_salesforce_unless_blank", "two_way")
PROCESSES = ("web", "worker", "io")
PEOPLE, EDITS = 20, 30


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """People in HubSpot whom the sync has brought to Salesforce."""
    with installed(tmp_path_factory.mktemp("disaster"), TWO_WAY) as playground:
        crowd = Crowd(playground)
        playground.set_up()
        playground.start_fleet(*PROCESSES)
        playground.wait_until_ready(90)
        crowd.enter(PEOPLE)
        settle(crowd, PEOPLE)
        yield crowd


def test_a_lost_server_is_made_anew_from_the_archive_and_the_crms(crowd: Crowd) -> None:
    playground = crowd.playground
    live(crowd, EDITS)
    settle(crowd, PEOPLE)
    command(playground, "log", "archive")

    # Delivered, and lost with the server: new people, and edits of people who are archived.
    crowd.enter(5)
    live(crowd, EDITS)
    settle(crowd, PEOPLE + 5)
    lose_the_server(playground)

    # Nobody syncs, and people go on.
    live(crowd, EDITS)
    crowd.enter(3)
    before = written(playground)

    assert CliRunner().invoke(main, ["log", "verify"], obj=playground.runtime).exit_code == 1
    restored = json.loads(command(playground, "log", "restore", "--json"))
    assert restored["paused"] == RESTORED
    playground.start_fleet(*PROCESSES)
    playground.wait_for(lambda: playground.link.lane.state().paused == RESTORED, 60)
    assert written(playground) == before
    playground.wait_for(lambda: not playground.link.lane.state().paused, 90)
    settle(crowd, PEOPLE + 8)

    # At most: each edit of the time without a server once, and for each new person a lead and the ids.
    assert sum(written(playground).values()) - sum(before.values()) <= EDITS + 3 * 3
    assert put_back(playground) == 0
    assert json.loads(command(playground, "replay", "verify", "--whole", "--json"))["differing"] == []
    assert json.loads(command(playground, "log", "verify", "--json"))["faults"] == []


def live(crowd: Crowd, edits: int) -> None:
    for _ in range(edits):
        crowd.edit()


def settle(crowd: Crowd, people: int) -> None:
    """Wait until both CRMs agree, and see that everybody is there once."""
    playground = crowd.playground
    try:
        playground.wait_for(
            lambda: len(leads(playground)) >= people and playground.quiet() and not crowd.differences(), 120
        )
    except TimeoutError:
        raise AssertionError("\n".join(crowd.differences()) or "not quiet") from None
    addresses = Counter(each["properties"]["Email"] for each in leads(playground))
    assert addresses == Counter([*crowd.people])


def leads(playground: Playground) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = playground.salesforce.panel("records", object="Lead", limit=10_000)[
        "records"
    ]
    return found


def written(playground: Playground) -> dict[str, int]:
    """Records that were written, by us and by people, in each CRM by its own count."""
    panels = {"hubspot": playground.hubspot, "salesforce": playground.salesforce}
    return {name: int(panel.panel("counters")["writes"]) for name, panel in panels.items()}


def put_back(playground: Playground) -> int:
    """Writes by which a record got back a value that it had had before."""
    crms = (playground.hubspot, playground.salesforce)
    return sum(int(crm.panel("counters")["order_violations"]) for crm in crms)


def lose_the_server(playground: Playground) -> None:
    """The server and its disk are gone, and every process with it; the archive lies elsewhere."""
    for name in PROCESSES:
        playground.fleet.kill(name)
    embedded.stop(playground.settings.data_dir)
    shutil.rmtree(playground.settings.data_dir / "valkey")
    playground.runtime = Runtime(playground.settings, playground.clock)


def command(playground: Playground, *arguments: str, code: int = 0) -> str:
    """Type a command, as an operator would."""
    result = CliRunner().invoke(main, arguments, obj=playground.runtime)
    assert result.exit_code == code, result.output
    return result.stdout
