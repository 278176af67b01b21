"""``crmsync adopt``: the pairs that were there before are taken over, and nothing is written."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.identity import Crm
from tests.workers.installed import Installation
from tests.workers.lanes import append, configured, shown
from tests.world import HS, SCHEMAS, SF, schema, text
from workers.control import Control

LEAD = "00Q000000000001EAA"
SAME = {"email": "ada@example.com", "lastname": "Byron"}
PORTAL = schema(HS, "contacts", *SCHEMAS[0].fields.values(), text("salesforceleadid"))
DIGEST = e.digest(msgspec.to_builtins(PORTAL))


@pytest.fixture
def acme(tmp_path: Path) -> Installation:
    """A pair by id that differs in its city, one by address that agrees, and two who are alone."""
    made = Installation(tmp_path)
    made.runtime.register("acme")
    lane = configured(made.lane)
    lane.append([e.SchemaObserved(crm=HS, object="contacts", digest=DIGEST, request="1")], [PORTAL])
    made.project()
    append(
        lane,
        look(HS, "1", **SAME, city="Wien", salesforceleadid=LEAD),
        look(SF, LEAD, Email="work@example.com", LastName="Byron", City="Graz"),
        look(HS, "2", email="grace@example.com", lastname="Hopper", salesforceleadid=None),
        look(SF, "00Q000000000002EAA", Email="grace@example.com", LastName="Hopper"),
        look(HS, "3", email="alone@example.com", salesforceleadid=None),
        look(SF, "00Q000000000004EAA", Email="single@example.com", LastName="Single"),
    )

    def work() -> None:
        Control(made.lane).run()
        made.project()

    made.clock.work = work
    return made


def look(crm: Crm, record_id: str, **fields: Any) -> e.AnyEvent:
    return shown(crm, "contacts" if crm is HS else "Lead", record_id, source="baseline", **fields)


def writes(acme: Installation) -> int:
    tables = acme.lane.tables()
    return sum(tables.size(f"outbox/{crm}/{priority}") for crm in Crm for priority in ("live", "backfill"))


def test_the_pairs_are_told_by_how_they_were_found(acme: Installation) -> None:
    [found] = acme.json("adopt", "--preview")

    counts = ("by_id", "by_address", "by_our_key", "hubspot_only", "salesforce_only", "unread")
    assert [found[name] for name in counts] == [1, 1, 0, 1, 1, 0]


def test_what_differs_is_listed_with_what_its_rule_would_do(acme: Installation) -> None:
    [found] = acme.json("adopt", "--preview")

    assert found["differing"] == {"two_way: to hubspot": 2}
    told = {
        each["hubspot"]: (each["hubspot_value"], each["salesforce_value"]) for each in found["differences"]
    }
    assert told == {"email": ("ada@example.com", "work@example.com"), "city": ("Wien", "Graz")}
    assert "Salesforce's value goes to HubSpot" in acme.says("adopt", "--preview")


def test_equal_values_are_in_sync_so_that_clearing_one_is_a_change(acme: Installation) -> None:
    acme.says("adopt")
    assert writes(acme) == 0

    fields: dict[str, Any] = {"email": "grace@example.com", "lastname": None, "salesforceleadid": None}
    append(acme.lane, shown(HS, "contacts", "2", ticket=5, **fields))
    told = {each["hubspot"]: each["agreed"] for each in acme.json("contact", "show", "2")["fields"]}
    assert told["lastname"] == ["Hopper", "Hopper"]


def test_a_preview_notes_nothing(acme: Installation) -> None:
    before = acme.lane.log.tail()
    assert "in sync from now on" not in acme.says("adopt", "--preview")
    assert acme.lane.log.tail() == before
