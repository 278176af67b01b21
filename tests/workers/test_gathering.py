"""Writes gather into few calls: while others are on their way, and across objects."""

from domain import events as e
from tests.workers.crm import FakeCrm
from tests.workers.lanes import append, shown
from tests.workers.test_deliver import entity, lane_with_edits, lead_id, with_edits
from tests.world import HS, SF
from workers.deliver import Counts, Deliverer
from workers.gateways.http import batches
from workers.ports import WriteRow


def test_updates_of_several_objects_share_a_call_where_the_crm_takes_that() -> None:
    lane, crm = lane_with_edits(), FakeCrm(SF, mixes_objects=True)
    append(
        lane,
        shown(HS, "contacts", "2", source="baseline", email="c@example.com", lastname="L", city="Wien"),
        shown(
            SF, "Contact", "003A", source="baseline", Email="c@example.com", LastName="L", MailingCity="Wien"
        ),
        e.SyncRequested(entity=entity(2), cause="list", by="test"),
        shown(HS, "contacts", "2", ticket=30, email="c@example.com", lastname="L", city="Graz"),
    )

    assert Deliverer(lane, SF, crm).run().delivered == 2
    assert crm.calls == [("write", (lead_id(1), "003A"))]


def test_a_batch_that_is_not_full_gathers_while_others_are_on_their_way() -> None:
    lane = lane_with_edits(1)
    deliverer = Deliverer(lane, SF, FakeCrm(SF, batch_size=2))

    assert deliverer._next(Counts(), full=True) == (None, 0)
    batch, _ = deliverer._next(Counts(), full=False)
    assert batch is not None
    with_edits(lane, 2, first=2)
    batch, _ = deliverer._next(Counts(), full=True)
    assert batch is not None
    assert len(batch.waiting) == 2


def test_mixed_updates_go_object_by_object_and_creates_go_alone() -> None:
    rows = [
        WriteRow("1", "Lead", "00Q1", {}),
        WriteRow("2", "Contact", "0031", {}),
        WriteRow("3", "Lead", "00Q2", {}),
        WriteRow("4", "Lead", None, {}, "Key__c", "7"),
        WriteRow("5", "Contact", None, {}, "Key__c", "7"),
    ]

    assert [[row.row for row in part] for part in batches(rows, mixed=True)] == [
        ["2", "1", "3"],
        ["4"],
        ["5"],
    ]
    assert [[row.row for row in part] for part in batches(rows)] == [["1", "3"], ["2"], ["4"], ["5"]]
