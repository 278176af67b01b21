"""The call allowance of a CRM account, counted in Redis by all workers together.

Three bounds, in this order: pauses that the CRM asked for; the day's budget; HubSpot's window of ten
seconds (and of one second for searches). What other programs use of the account is learned from the
answers' headers and left to them. Sources: HubSpot's "API usage guidelines", Salesforce's "API Request
Limits and Allocations" and "Limit Info Header" pages.
"""

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
from redis import Redis, RedisError

from domain.state import Priority
from workers.ports import Grant

SCRIPT = files("workers.storage").joinpath("limit.lua").read_text()

DAY_MS = 86_400_000
HALF_HOUR_MS = 1_800_000
"""The span in which ``limit.lua`` counts a day's calls."""

_ORDER = {Priority.LIVE: 1, Priority.RETRY: 2, Priority.BACKFILL: 3}
_SALESFORCE_USAGE = re.compile(r"(?<![-\w])api-usage=(\d+)/(\d+)")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What one account may do."""

    per_window: int  #: calls in a window until the answers' headers tell; 0: no window
    window_ms: int = 10_000
    search_per_second: int = 5
    day_share: float = 1.0  #: our part of the account's limit for the day, 0 to 1
    per_day: int = -1  #: a fixed budget for the day; -1: only the share bounds
    midnight_offset_ms: int = (
        -1
    )  #: the account's offset from UTC, where days start at midnight; -1: 24 h rolling


def hubspot(*, day_share: float = 1.0, per_day: int = -1, utc_offset_ms: int = 0) -> Policy:
    """Starts with the smallest window of all plans; the day starts at midnight of the account's zone."""
    offset = utc_offset_ms % DAY_MS
    return Policy(per_window=100, day_share=day_share, per_day=per_day, midnight_offset_ms=offset)


def salesforce(*, day_share: float = 1.0, per_day: int = -1) -> Policy:
    """No window; the limit counts the last 24 hours."""
    return Policy(per_window=0, day_share=day_share, per_day=per_day)


class Usage(NamedTuple):
    """The state of an allowance, for people. None: unknown, or no such bound."""

    used_today: int  #: our own calls
    budget_today: int | None  #: how many we may make; retries and backfills stop at three quarters of it
    limit_today: int | None  #: the account's, by the CRM's word
    left_today: int | None  #: of it, all programs counted
    per_window: int | None  #: what we may use of a window now
    others_in_window: int  #: what other programs were seen to use of one
    paused_ms: int  #: how long the CRM wants no calls
    calls: int = 0  #: all of ours since the account was last left alone for two days
    throttled: int = 0  #: those among them that the CRM answered with a rate limit


RETRIED_UNTIL = 0.75
"""The part of the day's budget beyond which nothing is tried again; ``limit.lua`` holds writes to it."""

RETRIED_WITHOUT_BUDGET = 5_000
"""Calls of ours a day up to which it is, where no budget is known."""


def leaves_room_for_retries(usage: Usage) -> bool:
    """Whether calls may be spent on what failed before."""
    if usage.budget_today is None:
        return usage.used_today < RETRIED_WITHOUT_BUDGET
    return usage.used_today < usage.budget_today * RETRIED_UNTIL


class RedisLimiter:
    """Plays ``Limiter``. ``prefix`` names the account and holds the hash tag of its connection.

    ``now_ms`` None reads the Redis server's clock, the one that all workers share.
    """

    def __init__(
        self, redis: Redis, prefix: str, policy: Policy, *, now_ms: Callable[[], int] | None = None
    ) -> None:
        names = ("state", "day", "live", "retry", "backfill", "search")
        self._keys = [f"{prefix}:{name}" for name in names]
        self._redis = redis
        self._script = redis.register_script(SCRIPT)
        self._policy = msgspec.json.encode(policy)
        self._now_ms = now_ms or (lambda: -1)

    def acquire(self, calls: int, *, priority: Priority, search: bool = False) -> Grant:
        wanted = {"calls": calls, "priority": _ORDER[priority], "search": search}
        wait_ms, own, daily = self._run("acquire", wanted)
        return Grant(wait_ms, own, bool(daily))

    def wait_ms(self, *, priority: Priority) -> int:
        grant = self._run("acquire", {"calls": 1, "priority": _ORDER[priority], "search": False, "dry": True})
        return grant[0]

    def observe(
        self,
        grant: Grant,
        *,
        headers: Mapping[str, str],
        wait_ms: int | None,
        search: bool = False,
    ) -> None:
        """Best effort: an answer has come, and must not be lost because Redis is away."""
        learned = _learned(headers) | {"own": grant.own, "wait_ms": wait_ms or 0, "search": search}
        try:
            self._run("observe", learned)
        except RedisError:
            return

    def history(self) -> dict[int, int]:
        """Our calls of the last two days, by half hour, numbered from the epoch."""
        kept = self._redis.hgetall(self._keys[1])
        return {int(slot): int(count) for slot, count in kept.items()}

    def usage(self) -> Usage:
        used, budget, limit, left, room, *rest = self._run("status", {})
        return Usage(used, _known(budget), _known(limit), _known(left), _known(room), *rest)

    def _run(self, operation: str, arguments: Mapping[str, Any]) -> list[int]:
        answer: list[int] = self._script(
            self._keys, [operation, self._now_ms(), self._policy, msgspec.json.encode(arguments)]
        )
        return answer


def _known(bound: int) -> int | None:
    return None if bound < 0 else bound


def _learned(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the headers say; -1 for what they do not."""
    usage = _SALESFORCE_USAGE.search(headers.get("sforce-limit-info", ""))
    day_limit = int(usage.group(2)) if usage else _number(headers, "x-hubspot-ratelimit-daily")
    day_left = (
        max(0, day_limit - int(usage.group(1)))
        if usage
        else _number(headers, "x-hubspot-ratelimit-daily-remaining")
    )
    return {
        "window_max": _number(headers, "x-hubspot-ratelimit-max"),
        "window_left": _number(headers, "x-hubspot-ratelimit-remaining"),
        "day_limit": day_limit if day_left >= 0 else -1,
        "day_left": day_left,
    }


def _number(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else -1
