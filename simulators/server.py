"""The server under both simulated CRMs: HTTP in, faults, latency, counters, and the `/_sim/` control API.

A CRM is a subclass of `simulators.base.Simulator`; its `handle` is synchronous, so a call takes effect whole.
"""

import asyncio
import contextlib
import gzip
import json
import os
import socket
import struct
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from simulators.base import Answer, Request, Simulator
from simulators.control import Control
from simulators.faults import Fault

_SMALL = 1000


@dataclass(slots=True)
class _Exchange:
    """The server's end of one call, down to its connection."""

    scope: dict[str, Any]
    receive: Any
    send: Any

    async def body(self) -> bytes:
        chunks = []
        while True:
            message = await self.receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(chunks)

    async def drop(self, *, reset: bool = False) -> None:
        """Close the connection unanswered."""
        transport = self.send.__self__.transport  # uvicorn's request cycle owns the connection
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def answer(self, answer: Answer, *, compress: bool, pause_s: float = 0.0) -> None:
        content = answer.content()
        headers = {"content-type": answer.media_type, **answer.headers}
        if compress and len(content) > _SMALL:
            content = gzip.compress(content, 1)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(content))
        if answer.body is None:
            del headers["content-type"]
        if answer.status == 204:  # noqa: PLR2004 - No Content has no length either
            del headers["content-length"]
        raw = [(_spelt(name).encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": raw})
        half = len(content) // 2 if pause_s else 0
        if half:
            await self.send({"type": "http.response.body", "body": content[:half], "more_body": True})
            await asyncio.sleep(pause_s)
        await self.send({"type": "http.response.body", "body": content[half:]})


@cache
def _spelt(name: str) -> str:
    """A header's name as both CRMs spell it over HTTP/1.1: `Content-Type`, and own capitals as they are."""
    return name if name != name.lower() else "-".join(part.capitalize() for part in name.split("-"))


class Application:
    """The ASGI application of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._control = Control(simulator)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        exchange = _Exchange(scope, receive, send)
        request = Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=await exchange.body(),
        )
        if request.path.startswith("/_sim"):
            await exchange.answer(await self._control.handle(request), compress=False)
        else:
            await self._serve(exchange, request)

    async def _serve(self, exchange: _Exchange, request: Request) -> None:
        simulator = self.simulator
        rules = {rule.kind: rule for rule in simulator.faults.firing(request.method, request.path)}
        simulator.counters.faults.update(rules.keys())
        await _pause(self._latency() + (rules["slow"].ms / 1000 if "slow" in rules else 0))
        for kind in ("reset", "refuse_before_commit"):
            if kind in rules:
                self._note(request, kind)
                await exchange.drop(reset=kind == "reset")
                return
        answer = self._answer(request, rules)
        if "answer_lost_after_commit" in rules:
            self._note(request, "answer_lost_after_commit")
            await exchange.drop()
            return
        self._note(request, str(answer.status))
        answer.headers.setdefault("date", formatdate(simulator.clock.now(), usegmt=True))
        compress = simulator.settings.gzip and "gzip" in request.headers.get("accept-encoding", "")
        pause = rules["slow_body"].ms / 1000 if "slow_body" in rules else 0.0
        await exchange.answer(answer, compress=compress, pause_s=pause)

    def _answer(self, request: Request, rules: dict[str, Fault]) -> Answer:
        rule = rules.get("status")
        if rule is not None and not rule.after_commit:
            return self.simulator.fault_answer(rule, request)
        if "row_error" in rules:
            request.row_error_share = rules["row_error"].share
        answer = self.simulator.handle(request)
        return answer if rule is None else self.simulator.fault_answer(rule, request)

    def _note(self, request: Request, outcome: str) -> None:
        counters = self.simulator.counters
        counters.calls[f"{request.method} {request.label or request.path} {outcome}"] += 1
        counters.rows += request.rows
        entry = {"method": request.method, "path": request.path, "outcome": outcome, "rows": request.rows}
        counters.log.append({"at": self.simulator.clock.now_ms(), **entry})

    def _latency(self) -> float:
        settings, rng = self.simulator.settings, self.simulator.rng
        if not settings.latency_ms:
            return 0.0
        factor = 1.0
        if settings.latency_distribution == "uniform":
            factor = rng.uniform(1 - settings.latency_spread, 1 + settings.latency_spread)
        elif settings.latency_distribution == "lognormal":
            factor = rng.lognormvariate(0, settings.latency_spread)
        return settings.latency_ms * factor / 1000


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


class _Server(uvicorn.Server):
    """A server that leaves signals to its caller, since several share a process."""

    ready: threading.Event

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; its protocol is named, without which asyncio leaves Nagle's delay on."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(2048)
    return made


@dataclass
class Listener:
    """A simulator on its port; `url` is valid from the start, calls are answered once `run` is under way."""

    simulator: Simulator
    host: str = "127.0.0.1"
    port: int = 0
    tls: tuple[str, str] | None = None  # paths of the certificate and of its key

    def __post_init__(self) -> None:
        self._socket = _listening(self.host, self.port)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            Application(self.simulator),
            lifespan="off",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            http="h11",
            ws="none",
            timeout_keep_alive=75,
            ssl_certfile=self.tls[0] if self.tls else None,
            ssl_keyfile=self.tls[1] if self.tls else None,
        )
        self._server = _Server(config)
        self._server.ready = threading.Event()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def announcement(self) -> str:
        """The line of JSON that tells a parent process where the simulator listens."""
        return json.dumps({"name": self.simulator.name, "url": self.url, "pid": os.getpid()})

    async def run(self, *, announce: bool = False) -> None:
        """Serve until `stop`."""
        async with _beside(self.simulator.background()):
            serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
            if announce:
                await asyncio.to_thread(self._server.ready.wait)
                sys.stdout.write(self.announcement() + "\n")
                sys.stdout.flush()
            await serving

    def wait_until_ready(self, seconds: float = 10.0) -> None:
        if not self._server.ready.wait(seconds):
            raise TimeoutError(f"{self.simulator.name} did not start")

    def stop(self) -> None:
        self._server.should_exit = True


@contextlib.asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def running(simulator: Simulator, port: int = 0, tls: tuple[str, str] | None = None) -> Iterator[Listener]:
    """Serve in a thread of this process for the length of the block."""
    listener = Listener(simulator, port=port, tls=tls)
    thread = threading.Thread(target=lambda: asyncio.run(listener.run()), daemon=True)
    thread.start()
    try:
        listener.wait_until_ready()
        yield listener
    finally:
        listener.stop()
        thread.join(10)
