"""The delivery of webhook events: signatures, batches, retries.

Delivery is at least once, in no order, in batches of at most 100, at most ten requests at a time; a request
that fails or takes over five seconds is tried again, ten times within a day.
"""

import asyncio
import base64
import hashlib
import hmac
import random
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import httpx
import orjson

from simulators.clock import Clock
from simulators.hubspot.settings import HubSpotSettings

_DECODED = (
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
)
_FIRST_RETRY_S = 60.0
_IDLE_S = 0.5
_SUCCESS = range(200, 300)
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs no time to make
Event = dict[str, Any]


def signature_v1(secret: str, body: bytes) -> str:
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, uri: str, body: bytes, timestamp: str) -> str:
    for encoded, plain in _DECODED:
        uri = uri.replace(encoded, plain).replace(encoded.lower(), plain)
    message = b"POST" + uri.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


@dataclass(order=True, slots=True)
class _Pending:
    due_ms: int
    number: int
    event: Event = field(compare=False)


class Delivery:
    """Events not delivered yet, and their sender."""

    def __init__(self, settings: HubSpotSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._tally: Counter[str] = Counter()
        self._queue: list[_Pending] = []
        self._numbers = 0
        self._in_flight = 0
        self._news: asyncio.Event | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A snapshot holds what waits; a request under way is answered to nobody."""
        return {**self.__dict__, "_news": None, "_in_flight": 0}

    def add(self, events: list[Event], now_ms: int) -> None:
        """Queue the events of one change, some of them lost or repeated."""
        settings, rng = self._settings, self._rng
        due_ms = now_ms + int(1000 * rng.uniform(*settings.webhook_delay))
        for event in events:
            if rng.uniform(0, 1) < settings.webhook_loss_rate:
                self._tally["lost"] += 1
                continue
            self._enqueue(event, due_ms)
            if rng.uniform(0, 1) < settings.webhook_duplicate_rate:
                self._tally["duplicated"] += 1
                self._enqueue(dict(event), due_ms + rng.randrange(1, 500))

    def _enqueue(self, event: Event, due_ms: int) -> None:
        self._numbers += 1
        heappush(self._queue, _Pending(due_ms, self._numbers, event))
        self.wake()

    def wake(self) -> None:
        """Let the sender look at the queue and at the settings now."""
        if self._news is not None:
            self._news.set()

    def state(self) -> dict[str, Any]:
        """Counts for the control API."""
        counts = {
            name: self._tally[name] for name in ("delivered", "failed", "retried", "lost", "duplicated")
        }
        waiting = {"pending": len(self._queue), "in_flight": self._in_flight}
        return {**waiting, **counts, "requests": self._tally["requests"]}

    async def run(self, active: Callable[[], bool]) -> None:
        """Deliver events as they fall due, while `active` says so."""
        self._news = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()
        while active():
            target = self._target()
            async with self._client() as client:
                while active() and target == self._target():
                    self._news.clear()
                    while self._in_flight < self._settings.webhook_in_flight and (batch := self._due()):
                        task = asyncio.create_task(self._deliver(client, batch))
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                    await self._rest()
                await asyncio.gather(*tasks)

    def _target(self) -> tuple[str, str, float]:
        """What a client is made for."""
        settings = self._settings
        return settings.webhook_target_url, settings.webhook_ca_file, settings.webhook_timeout

    async def _rest(self) -> None:
        assert self._news is not None
        wait_s = _IDLE_S
        if self._queue and self._in_flight < self._settings.webhook_in_flight:
            wait_s = min(wait_s, max(0.005, (self._queue[0].due_ms - self._clock.now_ms()) / 1000))
        try:
            await asyncio.wait_for(self._news.wait(), wait_s)
        except TimeoutError:
            return

    def _due(self, *, everything: bool = False) -> list[Event]:
        now_ms = self._clock.now_ms()
        batch: list[Event] = []
        while self._queue and len(batch) < self._settings.webhook_batch_size:
            if not everything and self._queue[0].due_ms > now_ms:
                break
            batch.append(heappop(self._queue).event)
        if self._settings.webhook_shuffle:
            self._rng.shuffle(batch)
        if batch:
            self._in_flight += 1
        return batch

    async def flush(self) -> dict[str, Any]:
        """One attempt at everything that waits, retries included; then the counts."""
        batches = []
        while batch := self._due(everything=True):
            batches.append(batch)
        async with self._client() as client:
            for batch in batches:
                await self._deliver(client, batch)
        return self.state()

    def _client(self) -> httpx.AsyncClient:
        context = _NO_TLS
        if self._settings.webhook_target_url.startswith("https:"):
            context = ssl.create_default_context(cafile=self._settings.webhook_ca_file or None)
        return httpx.AsyncClient(timeout=self._settings.webhook_timeout, trust_env=False, verify=context)

    async def _deliver(self, client: httpx.AsyncClient, batch: list[Event]) -> None:
        body = orjson.dumps(batch)
        self._tally["requests"] += 1
        try:
            answer = await client.post(
                self._settings.webhook_target_url, content=body, headers=self._headers(body)
            )
            delivered = answer.status_code in _SUCCESS
        except (httpx.HTTPError, httpx.InvalidURL):
            delivered = False
        self._in_flight -= 1
        if delivered:
            self._tally["delivered"] += len(batch)
        else:
            self._retry(batch)
        self.wake()

    def _retry(self, batch: list[Event]) -> None:
        settings, together = self._settings, self._rng.uniform(0.5, 1.5)
        now_ms = self._clock.now_ms()
        for event in batch:
            attempt = event["attemptNumber"] + 1
            if attempt > settings.webhook_retries:
                self._tally["failed"] += 1
                continue
            again = {**event, "attemptNumber": attempt}
            if not settings.webhook_retry_keeps_event_id:
                again["eventId"] = self._rng.getrandbits(32)
            spread = self._rng.uniform(0.5, 1.5) if settings.webhook_retry_regroups else together
            pause_s = _FIRST_RETRY_S * 2 ** (attempt - 1) * spread
            self._tally["retried"] += 1
            self._enqueue(again, now_ms + int(1000 * pause_s * settings.webhook_retry_compression))

    def _headers(self, body: bytes) -> dict[str, str]:
        settings = self._settings
        headers = {"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"}
        if "v1" in settings.webhook_signatures:
            headers["X-HubSpot-Signature"] = signature_v1(settings.webhook_secret, body)
            headers["X-HubSpot-Signature-Version"] = "v1"
        if "v3" in settings.webhook_signatures:
            timestamp = str(self._clock.now_ms())
            headers["X-HubSpot-Request-Timestamp"] = timestamp
            signed = signature_v3(settings.webhook_secret, settings.webhook_target_url, body, timestamp)
            headers["X-HubSpot-Signature-v3"] = signed
        return headers
