"""Notices: whoever is to know is told of new causes of sync errors, suspensions, tripped guards and faults.

Each is told of once, when it appears; what is over may be told of again. What could not be sent is tried
again the next time. A notice names causes and counts, never a person or a value.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.errors import SyncError
from workers import views
from workers.connection import Lane
from workers.telemetry import get_logger

TOLD = "notices"
"""Cursor: what was told of and is not over."""

log = get_logger(__name__)


@dataclass(frozen=True)
class Notices:
    """Tells what is new of one lane. ``send`` takes a message of plain values and raises ``SyncError``."""

    lane: Lane
    send: Callable[[Mapping[str, Any]], None]

    def run(self) -> int:
        """Tell what nobody was told yet; returns how many things that are."""
        told: list[str] = msgspec.json.decode(self.lane.coordination.cursor(TOLD) or "[]")
        present = dict(_present(self.lane))
        new = [key for key in present if key not in told]
        if new and not self._sent([present[key] for key in new]):
            return 0
        if sorted(present) != told:
            self.lane.coordination.set_cursor(TOLD, msgspec.json.encode(sorted(present)).decode())
        return len(new)

    def _sent(self, news: list[dict[str, Any]]) -> bool:
        text = "\n".join(f"{self.lane.name}: {each['text']}" for each in news)
        try:
            self.send({"connection": self.lane.name, "text": text, "news": news})
        except SyncError as error:
            log.warning("notice_unsent", connection=self.lane.name, code=error.code, news=len(news))
            return False
        return True


def _present(lane: Lane) -> Iterator[tuple[str, dict[str, Any]]]:
    """All that is worth a notice now, by a name that stays while it lasts."""
    status = views.status(lane)
    for group in views.errors(lane):
        text = f"{group.errors} sync errors with {group.crm}: {group.cause} {group.remedy}"
        named = {"crm": group.crm, "code": group.code or group.reason, "contacts": group.count, "text": text}
        yield f"error/{group.crm}/{group.reason}/{group.code}/{group.cause}", {"kind": "sync_error", **named}
    for each in status.suspended:
        text = f"{each.crm} is suspended: {each.cause} {each.remedy}"
        yield f"suspended/{each.crm}/{each.since}", {"kind": "suspension", "crm": each.crm, "text": text}
    for guard in status.guards:
        if guard.tripped:
            text = f"The guard on {guard.name} has tripped; {guard.held} contacts wait."
            yield f"guard/{guard.name}", {"kind": "guard", "guard": guard.name, "text": text}
    for name, count in status.faults.items():
        text = f"{count} events could not be handled ({name})."
        yield f"fault/{name}", {"kind": "fault", "error": name, "text": text}
