"""A contact as it was: by time or position, from archive and log together."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.workers.installed import Installation
from tests.workers.lanes import ADA, append, shown
from tests.world import HS
from workers.clock import SystemClock


@pytest.fixture
def acme(tmp_path: Path) -> Installation:
    """Ada has moved to Linz after what is archived, and to Bern since; her address is another one now."""
    made = Installation(tmp_path).with_ada()
    made.clock.advance((SystemClock().now_ms() - made.clock.now_ms()) / 1000 + 60)
    made.says("log", "archive")
    made.lane.log.trim(made.lane.log.tail())
    for number, city in enumerate(("Linz", "Bern")):
        known = {"email": f"ada{number}@example.com", "lastname": "Lovelace"}
        append(made.lane, shown(HS, "contacts", "1", ticket=90 + number, city=city, **known))
    return made


def entries(acme: Installation) -> list[str]:
    return [line["position"] for line in acme.json("contact", "events", "ada1@example.com")]


def city(found: Any) -> str:
    return str(next(each["hubspot_value"] for each in found["fields"] if each["hubspot"] == "city"))


def test_a_contact_is_shown_as_it_was(acme: Installation) -> None:
    *_, wien, _, graz, linz, bern = entries(acme)

    assert [
        city(acme.json("contact", "show", "ada1@example.com", "--at", place)) for place in (graz, linz, bern)
    ] == ["Graz", "Linz", "Bern"]
    assert city(acme.json("contact", "show", "ada@example.com", "--at", wien)) == "Wien"
    assert "Linz" in acme.says("contact", "show", ADA, "--at", linz)


def test_a_time_will_do_for_a_position(acme: Installation) -> None:
    moment = int(entries(acme)[-1].split("-")[0]) / 1000
    time = datetime.fromtimestamp(moment + 0.001, UTC).isoformat()

    assert city(acme.json("contact", "show", ADA, "--at", time)) == "Bern"
    assert acme.json("contact", "explain", ADA, "--at", time)["entity"] == ADA


@pytest.mark.parametrize("text", ["yesterday", "2026-05-03", "2026-05-03T12:00"])
def test_a_moment_without_a_zone_is_refused_with_the_remedy(acme: Installation, text: str) -> None:
    assert "give a time with its zone" in acme.fails("contact", "show", ADA, "--at", text)


def test_nobody_was_there_before_the_first_event(acme: Installation) -> None:
    assert "No contact of acme is known" in acme.fails("contact", "show", ADA, "--at", "1-0", code=2)


def test_what_became_of_a_contact_is_told(acme: Installation) -> None:
    *_, graz, linz, bern = entries(acme)
    result = acme.run("contact", "diff", ADA, "--from", graz, "--to", bern)
    assert result.exit_code == 2
    assert {"Graz", "Bern"} <= {*result.stdout.split()}
    assert "Linz" not in result.stdout

    assert acme.says("contact", "diff", ADA, "--from", bern) == "Nothing of it is different.\n"
    since_ever = acme.run("contact", "diff", ADA, "--from", "1-0", "--to", linz, "--json")
    assert '"before": null' in since_ever.stdout


def test_events_are_listed_without_what_fields_hold(acme: Installation) -> None:
    *_, linz, bern = entries(acme)
    said = acme.says("contact", "events", ADA)

    assert "city" in said
    assert "Bern" not in said
    assert acme.json("contact", "events", ADA, "--from", linz)[-1]["position"] == bern
    assert acme.json("contact", "events", ADA, "--to", linz)[-1]["position"] == linz
    assert "Nothing about nobody@" in acme.fails("contact", "events", "nobody@example.com", code=2)


def test_history_reaches_back_as_it_was(acme: Installation) -> None:
    *_, linz, _ = entries(acme)
    now, then = (
        acme.json("contact", "history", ADA),
        acme.json("contact", "history", ADA, "--at", linz),
    )
    assert then == now[len(now) - len(then) :]
