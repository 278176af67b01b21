"""Webhook events per second over HTTP, beside an endpoint that only reads the body.

One web process on a real server, ten connections as HubSpot holds them, a hundred signed events a request,
packed as in service. Somebody answers the projector's bell every 20 ms, so that ringing costs what it costs
there. The load comes from the same machine: how late it was itself is told beside the times.
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bench.figures import percentiles
from domain.events import AccountObserved, AnyEvent, ConfigurationApplied, SchemaObserved, digest
from domain.identity import Crm
from domain.kinds import CONTACTS
from domain.mapping import SyncRule
from domain.policy import Document, FieldMapping, Section
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from workers import embedded
from workers.bootstrap import Runtime
from workers.clock import SystemClock
from workers.connection import Lane
from workers.settings import Settings, child_environment
from workers.signatures import Signed, sign_v3

EVENTS = 100
REQUESTS = 1_000  # as fast as it goes
STEADY = 2_000  # at the goal's rate: ten seconds, so that one pause alone does not make the 99th percentile
GOAL = 20_000  # events a second
CONNECTIONS = 10
PORTAL = 44512002
SECRET = "bench-client-secret"  # noqa: S105 - signs the requests of this run alone
PUBLIC_URL = "https://sync.example.com"
PATH = "/webhooks/hubspot/acme"
PROPERTIES = tuple(f"property_{number}" for number in range(26))


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """The ceiling: an application that reads the body and does nothing with it."""
    if scope["type"] == "http":
        await Request(scope, receive).body()
        await Response()(scope, receive, send)


def environment(data_dir: Path, log_server: str) -> dict[str, str]:
    return {
        "CRMSYNC_REDIS_URL": log_server,
        "CRMSYNC_DATA_DIR": str(data_dir),
        "CRMSYNC_PUBLIC_URL": PUBLIC_URL,
        "CRMSYNC_ACME_HUBSPOT_CLIENT_SECRET": SECRET,
        "CRMSYNC_LOG_LEVEL": "warning",
    }


def configure(runtime: Runtime) -> Lane:
    """A connection with 26 mapped properties."""
    runtime.register("acme")
    link = runtime.renewed("acme")
    lane = link.lane
    fields = {each: FieldSchema(each, each, FieldKind.TEXT, "string/text") for each in PROPERTIES}
    schema = ObjectSchema(Crm.HUBSPOT, CONTACTS.hubspot, fields)
    mappings = tuple(FieldMapping(each, {"Lead": each}, SyncRule.TWO_WAY) for each in PROPERTIES)
    documents = [schema, Document("acme", (Section(CONTACTS, mappings),))]
    names = [digest(msgspec.to_builtins(each)) for each in documents]
    events: list[AnyEvent] = [
        AccountObserved(crm=Crm.HUBSPOT, account_id=str(PORTAL)),
        SchemaObserved(crm=Crm.HUBSPOT, object=CONTACTS.hubspot, digest=names[0]),
        ConfigurationApplied(digest=names[1], by="bench"),
    ]
    lane.append(events, documents)
    link.projector.run()  # packs by what it finds in force, so the next one does
    return runtime.renewed("acme").projector.lane


def body(number: int) -> bytes:
    """A request of its own: no event of it is in another."""
    return json.dumps(
        [
            {
                "eventId": number * EVENTS + each,
                "subscriptionId": 2250111,
                "portalId": PORTAL,
                "appId": 1160452,
                "occurredAt": 1_762_502_400_000 + number,
                "subscriptionType": "contact.propertyChange",
                "attemptNumber": 0,
                "objectId": number * EVENTS + each,
                "propertyName": PROPERTIES[each % len(PROPERTIES)],
                "propertyValue": f"value {each} of {number}",
                "changeSource": "CRM_UI",
                "sourceId": "userId:7012345",
            }
            for each in range(EVENTS)
        ],
        separators=(",", ":"),
    ).encode()


def message(number: int, now_ms: int) -> bytes:
    content = body(number)
    signature = sign_v3(SECRET, Signed("POST", PUBLIC_URL + PATH, content, str(now_ms)))
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nX-HubSpot-Signature-v3: {signature}\r\n"
        f"X-HubSpot-Request-Timestamp: {now_ms}\r\n\r\n"
    )
    return head.encode() + content


@contextmanager
def serving(application: str, *options: str, variables: dict[str, str]) -> Iterator[int]:
    """A uvicorn process on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [*command, "--log-level", "warning", *options], env=child_environment(variables)
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            SystemClock().sleep(0.05)
        else:
            return


class Sent(NamedTuple):
    """Seconds that a run of requests took."""

    whole: float
    each: list[float]
    late: list[float]  #: by which the load itself sent each one after it could have


async def load(port: int, messages: list[bytes], pause: float = 0.0) -> Sent:
    """Send all messages over a few connections.

    ``pause``: seconds from one message to the next; its time then counts from when it was due.
    """
    waiting, each, late = iter(enumerate(messages)), list[float](), list[float]()
    began = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, content in waiting:
            free = time.perf_counter()
            due = began + number * pause if pause else free
            await asyncio.sleep(max(0.0, due - free))
            late.append(time.perf_counter() - max(due, free))
            writer.write(content)
            await _answer(reader)
            each.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return Sent(time.perf_counter() - began, each, late)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        raise RuntimeError(head.decode())
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))


async def _in_service(port: int, messages: list[bytes], lane: Lane, pause: float = 0.0) -> Sent:
    """The same, while somebody answers the projector's bell."""

    async def answer_bells() -> None:
        while True:
            await asyncio.sleep(0.02)
            await asyncio.to_thread(lane.coordination.unring, "project")

    answering = asyncio.create_task(answer_bells())
    try:
        return await load(port, messages, pause)
    finally:
        answering.cancel()


class Load(NamedTuple):
    """How one run of requests went."""

    name: str
    rate: float  #: events a second
    p50: float  #: milliseconds, as all that follow
    p99: float
    most: float
    late: float  #: the 99th percentile of how late the load itself was


def _load(name: str, sent: Sent) -> Load:
    p50, _, p99 = percentiles([one * 1000 for one in sent.each])
    rate, most = len(sent.each) * EVENTS / sent.whole, max(sent.each) * 1000
    return Load(name, rate, p50, p99, most, percentiles(sent.late)[2] * 1000)


def measure() -> list[Load]:
    """The three runs, on a server and a web process of their own."""
    with tempfile.TemporaryDirectory() as directory:
        data_dir = Path(directory)
        variables = environment(data_dir, embedded.ensure(data_dir))
        try:
            return list(_runs(Runtime(Settings.load(variables)), variables))
        finally:
            embedded.stop(data_dir)


def _runs(runtime: Runtime, variables: dict[str, str]) -> Iterator[Load]:
    lane, now_ms = configure(runtime), runtime.clock.now_ms()
    messages = [message(number, now_ms) for number in range(REQUESTS + STEADY)]
    first, second = messages[:REQUESTS], messages[REQUESTS:]
    with serving("bench.webhooks:bare", variables=variables) as port:
        yield _load("only reads the body", asyncio.run(load(port, first)))
    with serving("workers.webhooks:create_app", "--factory", variables=variables) as port:
        yield _load("appends, as fast as it goes", asyncio.run(_in_service(port, first, lane)))
        yield _load(
            "appends, at the goal's rate", asyncio.run(_in_service(port, second, lane, EVENTS / GOAL))
        )
    if lane.backlog() != len(messages) * EVENTS:
        raise RuntimeError(f"{lane.backlog()} events are in the log, not {len(messages) * EVENTS}")


def main() -> None:
    for name, rate, *milliseconds in measure():
        p50, p99, most, late = (f"{each:5.1f} ms" for each in milliseconds)
        print(f"{name:30} {rate:>9,.0f} events/s   p50 {p50}   p99 {p99}   most {most}   load late {late}")


if __name__ == "__main__":
    main()
