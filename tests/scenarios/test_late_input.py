"""What no webhook said and the polls passed over is found by the fifteen-minute check."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.identity import Crm
from tests.scenarios.conftest import installed
from workers.cli.playground import CONFIGURATION, Playground

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

EVERYBODY = CONFIGURATION.replace('  limit_sync: {inclusion_list: "Sync to Salesforce"}\n', "")
DAY_MS = 86_400_000
CHECK_S = 15 * 60
LAG_S = 60.0
"""So long HubSpot's search does not show an edit; a check that comes sooner cannot find it."""

Pair = tuple[str, str, str]
"""A contact's id, and the object and id of the same person in Salesforce."""


@pytest.mark.rule(1)
def test_the_check_finds_what_webhooks_and_polls_have_missed_and_the_next_one_what_was_not_shown_yet(
    tmp_path: Path,
) -> None:
    find_all(tmp_path, pairs=2_000, differences=50)


@pytest.mark.soak
def test_the_check_finds_500_differences_among_20000_pairs(tmp_path: Path) -> None:
    find_all(tmp_path, pairs=20_000, differences=500)


def find_all(directory: Path, *, pairs: int, differences: int) -> None:
    with installed(directory, EVERYBODY) as playground:
        for crm in (playground.hubspot, playground.salesforce):
            crm.people("seed", people=pairs, seed=7, overlap=1.0)
        playground.hubspot.settings(webhook_loss_rate=1.0, search_index_lag=[LAG_S, LAG_S])
        playground.set_up()
        reconciled_just_now(playground)
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready(120)
        playground.wait_for(playground.quiet, 60)
        playground.fleet.kill("io")
        seeded = list(differ(playground, differences))
        jump_over(playground)
        calls = Counter(calls_of(playground))
        playground.start_fleet("io")
        check(playground)
        shown = [each for each in seeded if each[1] is Crm.HUBSPOT]
        playground.wait_for(lambda: playground.quiet() and all(arrived(playground, shown)), 120)
        assert not any(arrived(playground, [each for each in seeded if each not in shown]))
        for crm in (playground.hubspot, playground.salesforce):
            crm.people("clock", advance=CHECK_S)
        check(playground)
        playground.wait_for(lambda: playground.quiet() and all(arrived(playground, seeded)), 120)
        calls = Counter(calls_of(playground)) - calls
        for call, times in sorted(calls.items()):
            print(f"{times:5} {call}")  # noqa: T201 - what finding them cost
        print(f"{calls.total():5} calls for {differences} differences among {pairs} pairs")  # noqa: T201 - as above
        assert calls.total() < 40 + differences


def test_a_cursor_that_is_set_back_costs_reads_but_no_write(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYBODY) as playground:
        for crm in (playground.hubspot, playground.salesforce):
            crm.people("seed", people=300, seed=7, overlap=1.0)
        playground.set_up()
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready(120)
        seeded = list(differ(playground, 20))
        playground.wait_for(lambda: all(arrived(playground, seeded)) and playground.quiet(), 60)
        before = writes_of(playground)
        move_cursors(playground, -30 * DAY_MS)
        reread = cursors(playground, "poll")
        playground.wait_for(lambda: moved(playground, "poll", reread), 60)
        playground.wait_for(playground.quiet, 60)
        assert writes_of(playground) == before


# -- differences


def differ(playground: Playground, count: int) -> Iterator[tuple[Pair, Crm, str]]:
    """Give that many people a new phone number, in one CRM or the other."""
    chosen = random.Random(1).sample(sorted(known_once(playground)), count)
    for number, pair in enumerate(chosen):
        contact, name, record = pair
        phone = f"+1 555 {number:04}"
        if number % 2:
            playground.hubspot.people("edit", object="contacts", id=contact, properties={"phone": phone})
            yield pair, Crm.SALESFORCE, phone
        else:
            playground.salesforce.people("edit", object=name, id=record, properties={"Phone": phone})
            yield pair, Crm.HUBSPOT, phone


def known_once(playground: Playground) -> Iterator[Pair]:
    """Everybody who is in both CRMs, and in Salesforce only once."""
    records = [(name, row) for name in ("Lead", "Contact") for row in rows(playground.salesforce, name)]
    times = Counter(str(row["properties"].get("Email")).lower() for _, row in records)
    contacts = {row["properties"].get("email"): row["id"] for row in rows(playground.hubspot, "contacts")}
    for name, row in records:
        email = str(row["properties"].get("Email")).lower()
        if times[email] == 1 and contacts.get(email):
            yield contacts[email], name, row["id"]


def arrived(playground: Playground, seeded: list[tuple[Pair, Crm, str]]) -> Iterator[bool]:
    phones = {
        (crm, row["id"]): row["properties"].get("phone") or row["properties"].get("Phone")
        for crm, panel, names in (
            (Crm.HUBSPOT, playground.hubspot, ("contacts",)),
            (Crm.SALESFORCE, playground.salesforce, ("Lead", "Contact")),
        )
        for name in names
        for row in rows(panel, name)
    }
    for (contact, _, record), crm, phone in seeded:
        yield phones[crm, contact if crm is Crm.HUBSPOT else record] == phone


def rows(crm: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = crm.panel("records", object=name, limit=1_000_000)["records"]
    return found


# -- cursors and slots


def names(playground: Playground, stream: str) -> list[str]:
    return [
        f"{stream}/{crm}/{name}" for crm, objects in playground.link.objects().items() for name in objects
    ]


def cursors(playground: Playground, stream: str) -> list[str | None]:
    return [playground.link.lane.coordination.cursor(each) for each in names(playground, stream)]


def moved(playground: Playground, stream: str, before: list[str | None]) -> bool:
    """Whether every object was looked at since, to the end."""
    now = cursors(playground, stream)
    ended = all(json.loads(each or "{}").get("started") == 0 for each in now)
    return ended and all(a != b for a, b in zip(before, now, strict=True))


def jump_over(playground: Playground) -> None:
    """The polls' cursors stand a day ahead, as after a clock that was wrong."""
    move_cursors(playground, DAY_MS)


def move_cursors(playground: Playground, by_ms: int) -> None:
    coordination = playground.link.lane.coordination
    for name in names(playground, "poll"):
        cursor = json.loads(coordination.cursor(name) or "{}")
        moved = {**cursor, "since": cursor["since"] + by_ms, "started": 0, "after": None}
        coordination.set_cursor(name, json.dumps(moved))


def reconciled_just_now(playground: Playground) -> None:
    """The nightly reconcile, which would find everything too, is a day away."""
    for crm in Crm:
        now = str(playground.clock.now_ms())
        playground.link.lane.coordination.set_cursor(f"reconciled/{crm}", now)


def check(playground: Playground) -> None:
    """Fifteen minutes have passed since the last check: the next one is made."""
    before = cursors(playground, "check")
    for crm in Crm:
        playground.link.lane.coordination.unring(f"slot/poll/{crm}/check")
    playground.wait_for(lambda: moved(playground, "check", before), 60)


# -- what it cost


def calls_of(playground: Playground) -> dict[str, int]:
    return {
        f"{crm} {call}": times
        for crm, panel in ((Crm.HUBSPOT, playground.hubspot), (Crm.SALESFORCE, playground.salesforce))
        for call, times in panel.panel("counters")["calls"].items()
    }


def writes_of(playground: Playground) -> tuple[int, int]:
    """Records that were written, in each CRM."""
    panels = (playground.hubspot, playground.salesforce)
    first, second = (panel.panel("counters")["writes"] for panel in panels)
    return first, second
