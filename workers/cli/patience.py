"""A connection as a command uses it: it waits for its turn to call, where a worker would come back later."""

from collections.abc import Mapping
from functools import cached_property

from domain.identity import Crm
from domain.state import Priority
from workers.accounts import Accounts
from workers.bootstrap import Link
from workers.clock import Clock
from workers.limits import RedisLimiter, Usage
from workers.ports import Grant

LONGEST_WAIT_MS = 60_000


class PatientLink(Link):
    """One connection, for a command's own calls."""

    @cached_property
    def accounts(self) -> Accounts:
        return PatientAccounts(self.lane, self.runtime.redis, self.options, self.secrets)


class PatientAccounts(Accounts):
    """The accounts of such a connection."""

    def limiter(self, crm: Crm) -> RedisLimiter:
        return PatientLimiter(super().limiter(crm), self.lane.clock)


class PatientLimiter(RedisLimiter):
    """Waits for the allowance of the account it is about; a day's used-up budget is not waited for."""

    def __init__(self, shared: RedisLimiter, clock: Clock) -> None:
        self._shared = shared
        self._clock = clock

    def acquire(self, calls: int, *, priority: Priority, search: bool = False) -> Grant:
        waited_ms = 0
        while True:
            grant = self._shared.acquire(calls, priority=priority, search=search)
            waited_ms += grant.wait_ms
            if not grant.wait_ms or grant.daily or waited_ms > LONGEST_WAIT_MS:
                return grant
            self._clock.sleep(grant.wait_ms / 1000)

    def wait_ms(self, *, priority: Priority) -> int:
        return self._shared.wait_ms(priority=priority)

    def observe(
        self, grant: Grant, *, headers: Mapping[str, str], wait_ms: int | None, search: bool = False
    ) -> None:
        self._shared.observe(grant, headers=headers, wait_ms=wait_ms, search=search)

    def usage(self) -> Usage:
        return self._shared.usage()

    def history(self) -> dict[int, int]:
        return self._shared.history()
