"""The simulators' time: the machine's clock plus an offset which a test may move."""

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970 as the simulated CRM sees them."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset  # noqa: TID251 - the simulators' only reader of the time

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    def advance(self, seconds: float) -> None:
        self.offset += seconds


def iso_ms(ms: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC, with milliseconds and a Z."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
