"""Time that can be stopped, and time that cannot."""

import pytest

from workers.clock import Clock, ManualClock, SystemClock, new_id


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()], ids=["manual", "system"])
def test_sleeping_takes_as_long_as_it_says(clock: Clock) -> None:
    began, began_ms = clock.monotonic(), clock.now_ms()
    clock.sleep(0.01)
    assert clock.monotonic() - began == pytest.approx(0.01, abs=0.5)
    assert clock.monotonic() > began
    assert clock.now_ms() > began_ms


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()], ids=["manual", "system"])
def test_a_wait_that_is_over_returns_at_once(clock: Clock) -> None:
    began = clock.monotonic()
    clock.sleep(-3600)
    assert 0 <= clock.monotonic() - began < 1


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock(now_ms=1_000)
    assert (clock.now_ms(), clock.now_ms()) == (1_000, 1_000)
    clock.advance(1.5)
    assert clock.now_ms() == 2_500


def test_ids_are_never_the_same() -> None:
    assert len({new_id() for _ in range(100)}) == 100
