"""The only reader of the clock and of randomness.

Everything else takes a `Clock` (or a moment, or an id) as an argument, so that a
test can stop time and a replay cannot see it pass.
"""

import secrets
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """Where the shell learns the time and waits."""

    def now_ms(self) -> int:
        """The wall clock in milliseconds since 1970; may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment, never going back; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Wait; zero or less returns at once."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until it is moved; sleeping moves it."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = float(now_ms)

    def now_ms(self) -> int:
        return int(self._now_ms)

    def monotonic(self) -> float:
        return self._now_ms / 1000

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; it never goes back."""
        self._now_ms += max(0.0, seconds) * 1000


def new_id() -> str:
    """A fresh random id of 32 hexadecimal digits, for leases and owners."""
    return uuid.uuid4().hex


def new_key() -> bytes:
    """A fresh random key of 32 bytes."""
    return secrets.token_bytes(32)
