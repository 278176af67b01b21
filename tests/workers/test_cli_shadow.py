"""``crmsync shadow``: what was kept from being written is listed, and starts when somebody says so."""

from pathlib import Path

import msgspec
import pytest

from domain.identity import Crm
from domain.state import intent_key
from tests.workers.installed import ADA, Installation
from tests.workers.lanes import configured, with_ada
from tests.world import SECTION
from workers.control import Control

SHADOWED = msgspec.structs.replace(SECTION, shadow=True)


@pytest.fixture
def acme(tmp_path: Path) -> Installation:
    """Ada's new city was decided in shadow mode."""
    made = Installation(tmp_path)
    made.runtime.register("acme")
    with_ada(configured(made.lane, SHADOWED))

    def work() -> None:
        Control(made.lane).run()
        made.project()

    made.clock.work = work
    return made


def live(acme: Installation) -> None:
    configured(acme.lane, SECTION)


def waiting(acme: Installation) -> list[str]:
    """The writes that wait to be sent."""
    queues = [f"outbox/{crm}/{priority}" for crm in Crm for priority in ("live", "retry", "backfill")]
    return [key for queue in queues for key, _ in acme.lane.tables().due(queue, 2**62, 10)]


def test_the_report_tells_what_would_be_written_with_the_values(acme: Installation) -> None:
    found = acme.json("shadow", "report")

    assert (found["shadow"], found["waiting"], found["counts"]) == (True, 1, {"salesforce update": 1})
    [write] = found["writes"]
    assert (write["entity"], write["fields"]) == (ADA, {"City": ["Wien", "Graz"]})
    assert '"Wien"' in acme.says("shadow", "report")


def test_status_and_explain_say_that_shadow_mode_is_on(acme: Installation) -> None:
    assert "off, shadow mode. 1 contacts would be written to" in acme.says("status")
    assert "crmsync shadow report lists all that waits." in acme.says("contact", "explain", ADA)


def test_nothing_is_released_while_shadow_mode_is_on(acme: Installation) -> None:
    assert "set mode: live" in acme.fails("shadow", "release")


def test_going_live_writes_nothing_and_a_release_does(acme: Installation) -> None:
    live(acme)
    assert waiting(acme) == []
    assert "on; from shadow mode 1 contacts would be written to" in acme.says("status")

    assert "1 contacts were asked for." in acme.says("shadow", "release")
    assert waiting(acme) == [intent_key(ADA, Crm.SALESFORCE)]
    assert "Nothing waits." in acme.fails("shadow", "release", code=2)
    assert "nothing waits" in acme.fails("shadow", "report", code=2)
