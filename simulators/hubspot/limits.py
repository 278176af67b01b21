"""Rate limits: ten seconds per app, a day per account, searches per second ("Usage guidelines")."""

from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from simulators.hubspot.settings import HubSpotSettings

_TEN_SECONDS_MS = 10_000
_SECOND_MS = 1000


def day_end_ms(now_ms: int, zone: str) -> int:
    """The next midnight of a time zone."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return int(midnight.timestamp() * 1000)


class _Window:
    """A rolling window of call times."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._times: deque[int] = deque()

    def used(self, now_ms: int) -> int:
        while self._times and self._times[0] <= now_ms - self._length_ms:
            self._times.popleft()
        return len(self._times)

    def add(self, now_ms: int) -> None:
        self._times.append(now_ms)


class Limits:
    """What has been used of each limit."""

    def __init__(self, settings: HubSpotSettings) -> None:
        self._settings = settings
        self._apps: dict[int, _Window] = defaultdict(lambda: _Window(_TEN_SECONDS_MS))
        self._associations = _Window(_TEN_SECONDS_MS)
        self._searches = _Window(_SECOND_MS)
        self._today = 0
        self._day_ends_ms = 0

    def used_today(self, now_ms: int) -> int:
        if now_ms >= self._day_ends_ms:
            self._today = 0
            self._day_ends_ms = day_end_ms(now_ms, self._settings.time_zone)
        return self._today

    def take(self, kind: str, app_id: int, now_ms: int, *, oauth: bool) -> str | None:
        """Count a call; returns the policy it exceeds, or None."""
        settings = self._settings
        if not oauth and self._over(self.used_today(now_ms), settings.rate_limit_daily):
            return "DAILY"
        window, most = self._window(kind, app_id, oauth=oauth)
        if self._over(window.used(now_ms), most):
            return "SECONDLY" if kind == "search" else "TEN_SECONDLY_ROLLING"
        window.add(now_ms)
        self._today += not oauth
        return None

    def _window(self, kind: str, app_id: int, *, oauth: bool) -> tuple[_Window, int]:
        settings = self._settings
        if kind == "search":
            return self._searches, settings.rate_limit_search_per_second
        if kind == "associations":
            return self._associations, settings.rate_limit_associations
        most = settings.rate_limit_ten_secondly_oauth if oauth else settings.rate_limit_ten_secondly
        return self._apps[app_id], most

    @staticmethod
    def _over(used: int, most: int) -> bool:
        return bool(most) and used >= most

    def headers(self, kind: str, app_id: int, now_ms: int, *, oauth: bool) -> dict[str, str]:
        """The rate limit headers of an answer; search has none."""
        if kind == "search":
            return {}
        window, most = self._window(kind, app_id, oauth=oauth)
        headers = {
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - window.used(now_ms))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(_TEN_SECONDS_MS),
            "X-HubSpot-RateLimit-Secondly": str(most // 10),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, most - window.used(now_ms)) // 10),
        }
        if not oauth:
            daily = self._settings.rate_limit_daily
            headers["X-HubSpot-RateLimit-Daily"] = str(daily)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, daily - self.used_today(now_ms)))
        return headers
