"""A contact as it was: by time or position, from archive and log together."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.workers.installed import FILE, Installation
from tests.workers.lanes import ADA, append, shown
from tests.world import HS
from workers.clock import SystemClock
from workers.embedded import ensure, stop
from workers.storage.redis_log import RedisLog
from workers.storage.redis_store import connect

ASKING = [
    *("sync contact 1", "sync list Customers", "sync all", "import salesforce", "adopt", "shadow release"),
    *("pause", "resume", "suspension clear salesforce", "errors resync --all", "config rollback"),
    *("dead-letters redrive 1", "dead-letters discard 1 --why no", "duplicates link 1 2", "erase 1 --yes"),
]
"""Commands that have workers do something."""


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


@pytest.mark.parametrize("text", ["yesterday", "2026-05-03", "2026-05-03T12:00", "99999999999999999999-0"])
def test_a_moment_without_a_zone_is_refused_with_the_remedy(acme: Installation, text: str) -> None:
    assert "give a time with its zone" in acme.fails("contact", "show", ADA, "--at", text)


@pytest.mark.parametrize("at", ["1-0", "1969-07-20T20:17Z", "0001-01-01T00:00+14:00"])
def test_nobody_was_there_before_the_first_event(acme: Installation, at: str) -> None:
    message = acme.fails("contact", "show", ADA, "--at", at, code=2)

    assert f"No contact of acme was known by {ADA} at {at}: crmsync contact events" in message


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


# -- a past state beside the running one


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Installation]:
    """The connection ``acme`` runs, and ``then`` is what it was."""
    made = Installation(tmp_path, {"acme": FILE, "then": FILE.replace("acme", "then")})
    made.runtime.redis = connect(ensure(tmp_path / "var"))
    made.with_ada()
    made.says("replay", "rebuild", "-c", "acme", "--at", made.lane.log.tail(), "--into", "then")
    yield made
    made.runtime.redis.close()
    stop(tmp_path / "var")


def test_what_nobody_will_do_for_a_past_state_is_refused_at_once(beside: Installation) -> None:
    lane = beside.runtime.link("then").lane
    before = lane.log.appended()

    for words in (*ASKING, "config apply", "tail"):
        said = beside.fails(*words.split(), "-c", "then")
        assert "then is a past state, to be looked at only: nobody works on it." in said
        assert "Name a connection that runs with -c (acme)." in said

    assert lane.log.appended() == before
    assert beside.json("status", "-c", "then")["jobs"] == []
    assert beside.json("contact", "show", ADA, "-c", "then")["entity"] == ADA


@pytest.mark.parametrize(
    "words",
    [
        *(
            "log archive",
            "log verify",
            "log export x",
            f"log bundle {ADA}",
            "replay verify",
            "replay rebuild",
        ),
        *("replay diff", "config history", "config rollback", f"contact events {ADA}"),
        *(f"contact {name} {ADA} --at 5-0" for name in ("show", "explain", "history")),
        f"contact diff {ADA} --from 0-0",
    ],
)
def test_a_past_state_has_no_events_of_its_own(words: str, beside: Installation) -> None:
    assert "then is a past state, to be looked at only" in beside.fails(*words.split(), "-c", "then")


def test_status_tells_a_past_state_and_its_connection_apart(beside: Installation) -> None:
    past, running = beside.says("status", "-c", "then"), beside.says("status", "-c", "acme")

    assert "then, a past state of acme" in past
    assert "archive" not in past
    assert "then: crmsync replay forget NAME removes one" in running
    assert beside.json("status", "-c", "acme")["pasts"] == ["then"]
    assert beside.json("status", "-c", "then")["past_of"] == "acme"


def test_a_past_state_is_removed_with_all_that_was_kept_of_it(beside: Installation) -> None:
    server, log = beside.runtime.redis, beside.lane.log.appended()
    again = ("replay", "rebuild", "-c", "acme", "--at", beside.lane.log.tail(), "--into", "then")
    assert "a past state then already: give another name, or crmsync replay forget then." in beside.fails(
        *again
    )
    assert "then is removed, a past state of acme." in beside.says("replay", "forget", "then")

    assert [*server.scan_iter("*then*")] == []
    assert beside.json("status", "-c", "acme")["pasts"] == []
    assert beside.lane.log.appended() == log
    assert beside.says(*again)


def test_one_that_was_cut_short_is_removed_too(beside: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Exception):  # noqa: N818 - what becomes of a process
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(RedisLog, "resume", die)
    with pytest.raises(Killed):
        beside.run("replay", "rebuild", "-c", "acme", "--at", beside.lane.log.tail(), "--into", "cut")

    assert "cut" in beside.json("status", "-c", "acme")["pasts"]
    assert "cut is removed" in beside.says("replay", "forget", "cut")
    assert [*beside.runtime.redis.scan_iter("*cut*")] == []


@pytest.mark.parametrize("name", ["acme", "nobody", "*", "../x", "\udcff"])
def test_nothing_but_a_past_state_is_removed(name: str, beside: Installation) -> None:
    before = beside.runtime.redis.dbsize()

    assert "There is no past state" in beside.fails("replay", "forget", name, code=2)
    assert beside.runtime.redis.dbsize() == before


@pytest.mark.parametrize("words", ASKING)
def test_nothing_is_asked_for_before_a_configuration_is_in_force(tmp_path: Path, words: str) -> None:
    said = Installation(tmp_path).fails(*words.split())

    assert "Nobody works on acme yet: crmsync config apply puts its file in force." in said
