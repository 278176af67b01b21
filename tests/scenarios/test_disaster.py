"""The log's server is lost with its disk, and people go on editing: archive and CRMs bring all of it back."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.scenarios.conftest import installed
from tests.scenarios.crowd import Crowd
from workers import embedded
from workers.bootstrap import Runtime
from workers.cli.main import main
from workers.cli.playground import CONFIGURATION, NAME, Playground
from workers.connection import RESTORED

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

TWO_WAY = CONFIGURATION.replace("prefer_salesforce_unless_blank", "two_way")
PROCESSES = ("web", "worker", "io")
PEOPLE = 20
CALLS_PER_PERSON = 3
"""A new person is a lead, and the lead's id is written to the contact; one edit more may come of both."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """People in HubSpot whom the sync has brought to Salesforce."""
    with installed(tmp_path_factory.mktemp("disaster"), TWO_WAY) as playground:
        crowd = Crowd(playground)
        playground.set_up()
        playground.start_fleet(*PROCESSES)
        playground.wait_until_ready(90)
        crowd.enter(PEOPLE)
        settle(crowd)
        yield crowd


def test_a_lost_server_is_made_anew_from_the_archive_and_the_crms(crowd: Crowd) -> None:
    playground = crowd.playground
    archive(playground)
    then = playground.link.log.tail()

    # Delivered, and lost with the server: new people, and edits of people who are archived.
    crowd.enter(5)
    for number, email in enumerate(known(crowd)):
        crowd.edit_contact(email, website=f"https://{number}.example.com")
    settle(crowd)
    lose_the_server(playground)

    # Nobody syncs, and people go on.
    for number, email in enumerate(known(crowd)):
        crowd.edit_contact(email, phone=f"+44 20 7946 {number:04}")
        crowd.edit_lead(email, City=f"Linz {number}")
    crowd.enter(3)
    before = written(playground)

    assert CliRunner().invoke(main, ["log", "verify"], obj=playground.runtime).exit_code == 1
    restored = json.loads(command(playground, "log", "restore", "--json"))
    assert (restored["until"], restored["paused"]) == (then, RESTORED)
    playground.start_fleet(*PROCESSES)
    playground.wait_for(lambda: playground.link.lane.state().paused == RESTORED, 60)
    assert written(playground) == before
    playground.wait_for(lambda: not playground.link.lane.state().paused, 90)
    settle(crowd)

    # What was entered without a server, once each; what was written before it was lost, not again.
    entered = 2 * PEOPLE + 3 * CALLS_PER_PERSON
    assert sum(written(playground).values()) - sum(before.values()) <= entered
    assert put_back(playground) == 0
    assert json.loads(command(playground, "replay", "verify", "--whole", "--json"))["differing"] == []
    assert playground.link.epoch() is not None
    epoch = json.loads(command(playground, "replay", "verify", "--processes", "2", "--json"))
    assert (epoch["differing"], epoch["processes"], epoch["met"]) == ([], 2, False)


def test_a_past_state_is_looked_at_beside_the_running_one(crowd: Crowd) -> None:
    playground = crowd.playground
    archive(playground)
    assert json.loads(command(playground, "log", "verify", "--json"))["faults"] == []
    tail = playground.link.log.tail()
    command(playground, "replay", "rebuild", "--at", tail, "--into", "then")

    email = known(crowd)[0]
    then, now = (
        json.loads(command(playground, "contact", "show", email, "-c", name, "--json"))["fields"]
        for name in ("then", NAME)
    )
    assert then == now
    assert "then" not in playground.runtime.connections()


def test_a_log_moves_to_another_server(crowd: Crowd, tmp_path: Path) -> None:
    playground = crowd.playground
    playground.wait_for(playground.quiet, 60)
    for name in PROCESSES:
        playground.fleet.kill(name)
    events = playground.link.lane.log.appended()
    command(playground, "log", "export", str(tmp_path / "moved"))
    lose_the_server(playground)
    shutil.rmtree(playground.settings.data_dir / "archive")

    command(playground, "log", "import", str(tmp_path / "moved"))
    command(playground, "log", "restore")
    playground.start_fleet(*PROCESSES)
    playground.wait_for(lambda: playground.link.lane.state().paused == RESTORED, 60)
    playground.wait_for(lambda: not playground.link.lane.state().paused, 90)
    assert playground.link.lane.log.appended() > events
    settle(crowd)


def known(crowd: Crowd) -> list[str]:
    """The people who are in the archive."""
    return [*crowd.people][:PEOPLE]


def archive(playground: Playground) -> None:
    """Wait until all that has happened is settled, and archived."""

    def archived() -> bool:
        command(playground, "log", "archive")
        return playground.quiet() and playground.link.archive.newest().last == playground.link.log.tail()

    playground.wait_for(archived, 60)


def settle(crowd: Crowd) -> None:
    """Wait until both CRMs agree, and see that everybody is there once."""
    playground = crowd.playground

    def settled() -> bool:
        everybody = len(leads(playground)) >= len(crowd.people)
        return everybody and playground.quiet() and not crowd.differences()

    try:
        playground.wait_for(settled, 120)
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
    for name in {*PROCESSES} & playground.fleet.running.keys():
        playground.fleet.kill(name)
    embedded.stop(playground.settings.data_dir)
    shutil.rmtree(playground.settings.data_dir / "valkey")
    playground.runtime = Runtime(playground.settings, playground.clock)


def command(playground: Playground, *arguments: str, code: int = 0) -> str:
    """Type a command, as an operator would."""
    result = CliRunner().invoke(main, arguments, obj=playground.runtime)
    assert result.exit_code == code, result.output
    return result.stdout
