"""Being added to an active campaign of Salesforce starts a sync; nothing else about campaigns does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from domain import events as e
from domain.identity import Crm
from domain.kinds import CAMPAIGN_ADDED
from domain.upcasting import decode
from tests.workers.accounts import Accounts, accounts
from tests.workers.lanes import append, configured, memory_lane, shown
from tests.world import SF
from workers.connection import Lane
from workers.poll import Poller


@pytest.fixture(scope="module")
def both() -> Iterator[Accounts]:
    with accounts() as made:
        yield made


def create(both: Accounts, name: str, **fields: Any) -> str:
    """Somebody in Salesforce makes a record; gives its id."""
    body = {"object": name, "properties": fields}
    answer = httpx.post(f"{both.urls[SF]}/_sim/create", json=body, timeout=30)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def act(both: Accounts, action: str, **body: Any) -> None:
    httpx.post(f"{both.urls[SF]}/_sim/{action}", json=body, timeout=30).raise_for_status()


def lane_with(lead: str) -> Lane:
    lane = configured(memory_lane())
    return append(lane, shown(SF, "Lead", lead, source="baseline", Email="ada@example.com", LastName="Byron"))


def polled(lane: Lane, both: Accounts) -> list[tuple[str, str]]:
    """Who was asked for by a poll, and what for."""
    Poller(lane, Crm.SALESFORCE, both.gateways[SF]).campaigns()
    events = (decode(each.raw) for each in lane.log.read("0-0", 1_000))
    return [(each.entity, each.cause) for each in events if isinstance(each, e.SyncRequested)]


@pytest.mark.rule(13)
def test_who_is_added_to_an_active_campaign_is_asked_for_once(both: Accounts) -> None:
    lead = create(both, "Lead", LastName="Byron", Company="Analytical")
    campaign = create(both, "Campaign", Name="Spring", IsActive=True)
    member = create(both, "CampaignMember", CampaignId=campaign, LeadId=lead)
    lane = lane_with(lead)

    assert polled(lane, both) == [(f"salesforce/Lead/{lead}", CAMPAIGN_ADDED)]
    act(both, "edit", object="CampaignMember", id=member, properties={"Status": "Responded"})
    assert len(polled(lane, both)) == 1


@pytest.mark.rule(14)
def test_who_is_removed_or_in_a_campaign_that_is_not_active_is_not(both: Accounts) -> None:
    lead = create(both, "Lead", LastName="Hopper", Company="Navy")
    idle = create(both, "Campaign", Name="Autumn", IsActive=False)
    create(both, "CampaignMember", CampaignId=idle, LeadId=lead)
    active = create(both, "Campaign", Name="Winter", IsActive=True)
    act(
        both,
        "delete",
        object="CampaignMember",
        id=create(both, "CampaignMember", CampaignId=active, LeadId=lead),
    )

    assert f"salesforce/Lead/{lead}" not in dict(polled(lane_with(lead), both))
