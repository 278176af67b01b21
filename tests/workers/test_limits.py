"""The shared call allowance: what is granted, to whom, and what is left to other programs."""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import fakeredis
import pytest
from redis import Redis

from domain.state import Priority
from workers.clock import ManualClock
from workers.embedded import ensure, stop
from workers.limits import Policy, RedisLimiter, hubspot, salesforce
from workers.ports import Grant

NOON = 1_767_268_800_000  # 2026-01-01T12:00Z
HOUR = 3_600_000
PORTAL = hubspot(day_share=0.5)

Limited = Callable[[Policy], RedisLimiter]


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data_dir = tmp_path_factory.mktemp("limits")
    yield data_dir
    stop(data_dir)


@pytest.fixture(params=["fakeredis", "valkey"])
def redis(request: pytest.FixtureRequest) -> Iterator[Redis]:
    if request.param == "fakeredis":
        yield fakeredis.FakeRedis()
        return
    with Redis.from_url(ensure(request.getfixturevalue("valkey"))) as server:
        server.flushdb()
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def limiter(redis: Redis, clock: ManualClock) -> Limited:
    return lambda policy: RedisLimiter(redis, "crmsync:{acme}:limit:crm", policy, now_ms=clock.now_ms)


def grants(limiter: RedisLimiter, times: int, priority: Priority = Priority.LIVE) -> int:
    asked = (limiter.acquire(1, priority=priority) for _ in range(times))
    return sum(grant.wait_ms == 0 for grant in asked)


def grants_in_a_row(limiter: RedisLimiter, most: int, priority: Priority) -> int:
    """What one who stops at the first refusal is granted."""
    asked = (limiter.acquire(1, priority=priority).wait_ms for _ in range(most))
    return sum(1 for _ in takewhile(lambda wait_ms: wait_ms == 0, asked))


def all_grants(
    limiter: RedisLimiter, clock: ManualClock, *, until: int, priority: Priority = Priority.LIVE
) -> int:
    """What one who never tires of asking is granted, with a call taking 5 ms."""
    granted = 0
    while clock.now_ms() < until:
        wait_ms = limiter.acquire(1, priority=priority).wait_ms
        granted += wait_ms == 0
        clock.advance(max(wait_ms, 5) / 1000)
    return granted


def say(limiter: RedisLimiter, *, wait_ms: int | None = None, search: bool = False, **headers: int) -> None:
    """An answer with rate-limit headers, as they would follow a first call."""
    named = {f"x-hubspot-ratelimit-{name.replace('_', '-')}": str(value) for name, value in headers.items()}
    limiter.observe(Grant(0, own=1), headers=named, wait_ms=wait_ms, search=search)


def test_a_window_grants_less_than_the_crm_allows_and_then_says_when_to_come_back(
    limiter: Limited, clock: ManualClock
) -> None:
    allowance = limiter(PORTAL)

    assert all_grants(allowance, clock, until=NOON + 10_000) == 98
    assert all_grants(allowance, clock, until=NOON + 60_000) >= 98 * 5 * 0.97


def test_asking_how_long_to_wait_takes_nothing(limiter: Limited) -> None:
    allowance = limiter(PORTAL)

    assert [allowance.wait_ms(priority=Priority.LIVE) for _ in range(200)] == [0] * 200
    assert grants(allowance, 120) == 30
    assert allowance.wait_ms(priority=Priority.LIVE) > 0


def test_the_windows_true_size_is_learned_from_the_headers(limiter: Limited) -> None:
    allowance = limiter(PORTAL)

    say(allowance, max=190, remaining=189)

    assert allowance.usage().per_window == 188


def test_what_other_programs_used_is_left_to_them_and_comes_back_when_they_stop(
    limiter: Limited, clock: ManualClock
) -> None:
    allowance = limiter(PORTAL)

    say(allowance, max=100, remaining=59)
    assert allowance.usage().per_window == 55
    clock.advance(2.5)
    say(allowance, max=100, remaining=99)
    assert allowance.usage().per_window == 55
    clock.advance(2.5)
    say(allowance, max=100, remaining=99)
    assert allowance.usage().per_window == 98


def test_a_full_window_leaves_others_more_room_in_the_next(limiter: Limited) -> None:
    allowance = limiter(PORTAL)

    say(allowance, max=100, remaining=59)
    say(allowance, max=100, remaining=2)

    usage = allowance.usage()
    assert (usage.others_in_window, usage.per_window) == (97, 1)


def test_live_calls_come_in_bursts_and_the_rest_evenly(limiter: Limited) -> None:
    assert grants(limiter(PORTAL), 120, Priority.BACKFILL) == 10
    assert grants(limiter(PORTAL), 120, Priority.LIVE) == 30


@dataclass
class Server:
    """HubSpot's rolling window as its clients see it, with another program's calls in it."""

    clock: ManualClock
    others: random.Random
    most: int = 190
    others_per_second: float = 5.7
    calls: deque[int] = field(default_factory=deque)
    next_other: float = NOON
    accepted: Counter[int] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)

    def call(self) -> tuple[bool, int]:
        """One of ours: accepted or not, and what remains."""
        now = self.clock.now_ms()
        while self.next_other <= now:
            self._take(int(self.next_other))
            self.next_other += self.others.uniform(500, 1500) / self.others_per_second
        accepted = self._take(now)
        return accepted, self.most - len(self.calls)

    def _take(self, now: int) -> bool:
        while self.calls and self.calls[0] <= now - 10_000:
            self.calls.popleft()
        accepted = len(self.calls) < self.most
        (self.accepted if accepted else self.refused)[(now - NOON) // 10_000] += 1
        self.calls.extend([now] * accepted)
        return accepted


@pytest.mark.parametrize("priority", [Priority.LIVE, Priority.BACKFILL])
def test_beside_another_program_that_eats_thirty_percent_nobody_is_refused_and_ninety_percent_used(
    limiter: Limited, clock: ManualClock, priority: Priority
) -> None:
    allowance, server = limiter(hubspot()), Server(clock, random.Random(7))

    while clock.now_ms() < NOON + 80_000:
        grant = allowance.acquire(1, priority=priority)
        clock.advance(max(grant.wait_ms, 2) / 1000)
        if grant.wait_ms == 0:
            accepted, left = server.call()
            headers = {"x-hubspot-ratelimit-max": "190", "x-hubspot-ratelimit-remaining": str(left)}
            allowance.observe(grant, headers=headers, wait_ms=None if accepted else 10_000)

    assert [server.refused[window] for window in range(1, 8)] == [0] * 7
    assert sum(server.accepted[window] for window in range(1, 8)) >= 0.9 * 190 * 7


def test_a_backfill_is_spread_so_that_a_live_call_never_waits_long(
    limiter: Limited, clock: ManualClock
) -> None:
    allowance = limiter(PORTAL)
    for _ in range(300):
        clock.advance(max(allowance.acquire(1, priority=Priority.BACKFILL).wait_ms, 5) / 1000)

    start = clock.now_ms()
    while wait := allowance.acquire(1, priority=Priority.LIVE).wait_ms:
        allowance.acquire(1, priority=Priority.BACKFILL)
        clock.advance(wait / 1000)

    assert clock.now_ms() - start < 1_000


def test_a_backfill_alone_uses_nearly_the_whole_window(limiter: Limited, clock: ManualClock) -> None:
    granted = all_grants(limiter(PORTAL), clock, until=NOON + 40_000, priority=Priority.BACKFILL)

    assert granted >= 0.9 * 400


def test_every_priority_gets_its_share_while_all_want_more(limiter: Limited, clock: ManualClock) -> None:
    allowance, granted = limiter(PORTAL), dict.fromkeys(Priority, 0)
    while clock.now_ms() < NOON + 60_000:
        for priority in Priority:
            granted[priority] += grants_in_a_row(allowance, 10, priority)
        clock.advance(0.1)

    assert granted[Priority.LIVE] > granted[Priority.RETRY] > granted[Priority.BACKFILL]
    assert granted[Priority.LIVE] >= 0.45 * 600
    assert granted[Priority.RETRY] >= 0.15 * 600
    assert granted[Priority.BACKFILL] >= 0.08 * 600


def test_searches_have_five_calls_a_second_of_their_own(limiter: Limited, clock: ManualClock) -> None:
    allowance = limiter(PORTAL)

    asked = [allowance.acquire(1, priority=Priority.BACKFILL, search=True).wait_ms for _ in range(8)]

    assert asked[:5] == [0] * 5
    assert all(asked[5:])
    assert grants(allowance, 1) == 1
    clock.advance(asked[-1] / 1000)
    assert allowance.acquire(1, priority=Priority.BACKFILL, search=True).wait_ms == 0


def test_a_throttled_search_pauses_searches_only(limiter: Limited) -> None:
    allowance = limiter(PORTAL)

    say(allowance, wait_ms=1_000, search=True)

    assert allowance.acquire(1, priority=Priority.LIVE, search=True).wait_ms == 1_000
    assert grants(allowance, 1) == 1


def test_a_throttled_account_pauses_every_worker_and_priority(limiter: Limited, clock: ManualClock) -> None:
    allowance, another = limiter(PORTAL), limiter(PORTAL)

    say(allowance, wait_ms=900_000, search=True)

    assert [another.acquire(1, priority=priority).wait_ms for priority in Priority] == [900_000] * 3
    clock.advance(900)
    assert grants(another, 1) == 1


@pytest.mark.rule(126)
def test_retries_and_backfills_stop_at_three_quarters_of_the_days_budget(limiter: Limited) -> None:
    allowance = limiter(salesforce(per_day=100))

    assert grants(allowance, 60, Priority.RETRY) == 60
    assert grants(allowance, 60, Priority.BACKFILL) == 15
    assert grants(allowance, 60, Priority.LIVE) == 25
    refused = allowance.acquire(1, priority=Priority.LIVE)
    assert (refused.daily, refused.wait_ms) == (True, HOUR // 2)


def test_a_share_of_the_day_is_taken_of_the_limit_that_the_crm_names(limiter: Limited) -> None:
    allowance = limiter(PORTAL)

    say(allowance, max=1000, remaining=999, daily=40, daily_remaining=35)

    assert allowance.usage().budget_today == 20
    assert grants(allowance, 30) == 20


@pytest.mark.rule(127)
@pytest.mark.rule(128)
def test_no_call_is_made_while_the_crm_says_that_the_day_is_used_up_by_others(
    limiter: Limited, clock: ManualClock
) -> None:
    allowance = limiter(hubspot())

    say(allowance, daily=1000, daily_remaining=2)

    assert grants(allowance, 5) == 2
    assert allowance.acquire(1, priority=Priority.LIVE).daily
    clock.advance(15 * 60)
    assert grants(allowance, 1) == 1


def test_hubspots_day_starts_at_midnight_of_the_accounts_zone(limiter: Limited, clock: ManualClock) -> None:
    allowance = limiter(hubspot(per_day=3, utc_offset_ms=-5 * HOUR))

    assert grants(allowance, 5) == 3
    until_midnight = allowance.acquire(1, priority=Priority.LIVE).wait_ms
    assert until_midnight == 17 * HOUR
    clock.advance(until_midnight / 1000)
    assert grants(allowance, 5) == 3


def test_salesforces_day_is_the_last_twenty_four_hours(limiter: Limited, clock: ManualClock) -> None:
    allowance = limiter(salesforce(per_day=4))

    assert grants(allowance, 2) == 2
    clock.advance(12 * 3600)
    assert grants(allowance, 5) == 2
    clock.advance(12 * 3600)
    assert grants(allowance, 5) == 2


def test_salesforces_usage_is_read_from_its_header_without_the_apps_own_part(limiter: Limited) -> None:
    allowance = limiter(salesforce(day_share=0.8))
    header = "api-usage=18/115000; per-app-api-usage=17/250(appName=sample-app)"

    allowance.observe(Grant(0), headers={"sforce-limit-info": header}, wait_ms=None)

    usage = allowance.usage()
    assert (usage.limit_today, usage.left_today, usage.budget_today) == (115_000, 114_982, 92_000)
    assert usage.per_window is None


@pytest.mark.parametrize("nonsense", ["", "-5", "many", "²", "1e3", "api-usage=/"])
def test_headers_that_say_nothing_usable_change_nothing(limiter: Limited, nonsense: str) -> None:
    allowance = limiter(PORTAL)
    before = allowance.usage()
    names = ("max", "remaining", "daily", "daily-remaining")
    headers = {f"x-hubspot-ratelimit-{name}": nonsense for name in names} | {"sforce-limit-info": nonsense}

    allowance.observe(Grant(0), headers=headers, wait_ms=None)

    assert allowance.usage() == before


def test_an_answer_is_not_lost_because_redis_is_away(clock: ManualClock) -> None:
    server = fakeredis.FakeServer()
    allowance = RedisLimiter(fakeredis.FakeRedis(server=server), "limit", PORTAL, now_ms=clock.now_ms)
    server.connected = False

    allowance.observe(Grant(0), headers={}, wait_ms=None)

    server.connected = True
    assert grants(allowance, 1) == 1


def test_without_a_clock_of_its_own_the_servers_is_used(redis: Redis) -> None:
    allowance = RedisLimiter(redis, "crmsync:{acme}:limit:crm", PORTAL)

    assert 30 <= grants(allowance, 120) < 60


def test_calls_and_rate_limits_are_counted_beyond_the_day(limiter: Limited, clock: ManualClock) -> None:
    allowance = limiter(PORTAL)
    for _ in range(2):
        grant = allowance.acquire(1, priority=Priority.LIVE)
        allowance.observe(grant, headers={}, wait_ms=1_000)
        clock.advance(86_400)
    usage = allowance.usage()
    assert (usage.used_today, usage.calls, usage.throttled) == (0, 2, 2)
