"""Reading: what is asked of a CRM, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from domain.events import RecordTouched
from domain.state import Priority
from tests.workers.lanes import append, configured, memory_lane, project
from tests.world import HS
from workers.ports import CrmGateway, ReadAnswer, ReadRecord
from workers.read import Reader


@dataclass
class Portal:
    """A CRM that knows every record, and remembers what it was asked."""

    asked: list[list[str]] = field(default_factory=list)

    def at(self, priority: Priority) -> Self:  # noqa: ARG002 - the port's signature
        return self

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        self.asked.append([*ids])
        records = [ReadRecord(object_name, each, dict.fromkeys(fields), 1_000) for each in ids]
        return ReadAnswer(records, [], 1_000)


def touched(record_id: str, at: int = 1_000) -> RecordTouched:
    return RecordTouched(crm=HS, object="contacts", id=record_id, occurred_at=at, cause="changed")


def reader(lane: Any, portal: Portal) -> Reader:
    return Reader(lane, HS, cast("CrmGateway", portal))


def test_what_was_answered_is_not_asked_again_while_the_answer_waits_to_be_projected() -> None:
    lane, portal = append(configured(memory_lane()), touched("1"), touched("2")), Portal()
    reading = reader(lane, portal)

    assert (reading.run(), reading.run()) == ((2, False), (0, False))
    assert portal.asked == [["1", "2"]]


def test_a_record_that_changed_again_is_read_again() -> None:
    lane, portal = append(configured(memory_lane()), touched("1")), Portal()
    reading = reader(lane, portal)
    reading.run()

    append(project(lane), touched("1", at=2_000))

    assert reading.run().answered == 1
    assert portal.asked == [["1"], ["1"]]
