"""HubSpot's webhooks over HTTP: what is taken, what is refused and how, and that nothing taken is lost."""

import json
from collections.abc import AsyncIterator
from typing import Any

import fakeredis
import httpx
import pytest
import redis

from tests.workers.lanes import PORTAL, SECRET, Client, configured, connect, runtime
from workers.bootstrap import Runtime
from workers.signatures import TOLERANCE_MS, Signed, sign_v1, sign_v3
from workers.webhooks import LARGEST_BODY, create_app

URL = "https://sync.example.com/webhooks/hubspot/acme"
CREATION: dict[str, Any] = {
    "eventId": 1,
    "portalId": int(PORTAL),
    "occurredAt": 1_762_502_400_123,
    "subscriptionType": "contact.creation",
    "objectId": 51234,
}
BODY = json.dumps([CREATION]).encode()


class Web:
    """A web process with the connection ``acme``, and HubSpot on the other end."""

    def __init__(self, made: Runtime | None = None) -> None:
        self.runtime = made or runtime()
        self.runtime.register("acme")
        self.lane = configured(self.runtime.link("acme").lane)
        self.sent: list[str] = []
        self.app = create_app(self.runtime, lambda task, _: self.sent.append(task))
        self.client = Client(self.app)

    def headers(self, body: bytes, *, late_ms: int = 0, uri: str = URL) -> dict[str, str]:
        timestamp = str(self.runtime.clock.now_ms() - late_ms)
        signature = sign_v3(SECRET, Signed("POST", uri, body, timestamp))
        return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp}

    def post(
        self,
        body: bytes = BODY,
        *,
        path: str = "/webhooks/hubspot/acme",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        headers = self.headers(body) if headers is None else headers
        return self.client.post(path, content=body, headers=headers)

    @property
    def taken(self) -> int:
        return self.lane.backlog()


def test_a_request_costs_few_calls_to_the_server_however_many_events_it_brings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each call is one more time that a request may have to wait for a busy core, here and at the server."""
    web, calls = Web(), list[str]()
    web.post()
    send: Any = redis.Redis.execute_command

    def counted(self: redis.Redis, *command: Any, **options: Any) -> Any:
        calls.append(str(command[0]))
        return send(self, *command, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", counted)
    changes = [CREATION | {"objectId": number} for number in range(100)]
    web.post(json.dumps(changes).encode())
    assert len(calls) <= 5, calls


def test_a_signed_request_is_in_the_log_when_it_is_answered() -> None:
    web = Web()
    answer = web.post()
    assert (answer.status_code, answer.json(), web.taken) == (200, {"taken": 1}, 1)


def test_the_projector_is_rung_for_once_however_many_requests_come() -> None:
    web = Web()
    for number in range(5):
        web.post(json.dumps([{**CREATION, "objectId": number}]).encode())
    assert (web.sent, web.taken) == (["project"], 5)


def test_a_repeat_is_answered_well_and_appended_once() -> None:
    web = Web()
    web.post()
    again = web.post(json.dumps([{**CREATION, "eventId": 9, "attemptNumber": 2}]).encode())
    assert (again.status_code, again.json(), web.taken) == (200, {"repeated": 1}, 1)


def test_a_query_in_the_target_url_is_signed_too() -> None:
    web = Web()
    signed = web.headers(BODY, uri=f"{URL}?tenant=a%20b")
    assert web.post(path="/webhooks/hubspot/acme?tenant=a%20b", headers=signed).status_code == 200


def test_the_configured_address_counts_whatever_the_socket_says() -> None:
    web = Web()
    signed = {**web.headers(BODY), "Host": "10.0.0.7:8000", "X-Forwarded-Proto": "http"}
    assert web.post(headers=signed).status_code == 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"X-HubSpot-Signature-v3": None}, "missing", id="unsigned"),
        pytest.param({"X-HubSpot-Signature-v3": ""}, "does not fit", id="empty signature"),
        pytest.param({"X-HubSpot-Signature-v3": "bm90IGl0"}, "does not fit", id="another's signature"),
        pytest.param({"X-HubSpot-Request-Timestamp": None}, "timestamp", id="no timestamp"),
        pytest.param({"X-HubSpot-Request-Timestamp": "soon"}, "timestamp", id="a timestamp of words"),
    ],
)
def test_a_request_that_hubspot_did_not_sign_is_refused(change: dict[str, str | None], why: str) -> None:
    web = Web()
    headers = {name: value for name, value in {**web.headers(BODY), **change}.items() if value is not None}
    answer = web.post(headers=headers)
    assert (answer.status_code, web.taken) == (401, 0)
    assert why in answer.json()["detail"]


@pytest.mark.parametrize("late_ms", [TOLERANCE_MS + 1, -TOLERANCE_MS - 1], ids=["stale", "from the future"])
def test_a_well_signed_request_of_another_time_is_refused(late_ms: int) -> None:
    web = Web()
    answer = web.post(headers=web.headers(BODY, late_ms=late_ms))
    assert (answer.status_code, web.taken) == (401, 0)


def test_a_signature_over_another_body_is_refused() -> None:
    web = Web()
    assert web.post(b"[]", headers=web.headers(BODY)).status_code == 401


def test_a_signature_over_another_connections_address_is_refused() -> None:
    web = Web()
    assert web.post(headers=web.headers(BODY, uri=URL.replace("acme", "other"))).status_code == 401


@pytest.mark.parametrize(("accepted", "status"), [("true", 200), ("false", 401)])
def test_the_older_signature_is_taken_only_where_configured(accepted: str, status: int) -> None:
    web = Web(runtime(CRMSYNC_ACME_HUBSPOT_ACCEPT_V1_SIGNATURES=accepted))
    headers = {"X-HubSpot-Signature-Version": "v1", "X-HubSpot-Signature": sign_v1(SECRET, BODY)}
    assert web.post(headers=headers).status_code == status


def test_a_wrong_older_signature_is_refused() -> None:
    web = Web(runtime(CRMSYNC_ACME_HUBSPOT_ACCEPT_V1_SIGNATURES="true"))
    headers = {"X-HubSpot-Signature-Version": "v1", "X-HubSpot-Signature": sign_v1("guess", BODY)}
    assert (web.post(headers=headers).status_code, web.taken) == (401, 0)


def test_an_unknown_connection_is_not_found() -> None:
    answer = Web().post(path="/webhooks/hubspot/nobody")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no connection 'nobody'.")


@pytest.mark.parametrize("missing", ["CRMSYNC_ACME_HUBSPOT_CLIENT_SECRET", "CRMSYNC_PUBLIC_URL"])
def test_what_is_not_configured_is_said_by_its_name_and_tried_again(missing: str) -> None:
    web = Web(runtime(**{missing: ""}))
    answer = web.post()
    assert (answer.status_code, web.taken) == (503, 0)
    assert missing in answer.json()["detail"]


def test_an_oversized_body_is_refused_by_its_announcement() -> None:
    web = Web()
    answer = web.post(b"[" + b" " * LARGEST_BODY + b"]")
    assert (answer.status_code, web.taken) == (413, 0)


def test_an_oversized_body_without_announcement_is_not_read_to_its_end() -> None:
    web, pieces = Web(), []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            pieces.append(1)
            yield b" " * 1_000_000

    answer = web.client.post("/webhooks/hubspot/acme", content=endless(), headers=web.headers(BODY))
    assert (answer.status_code, len(pieces)) == (413, LARGEST_BODY // 1_000_000 + 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"a": 1}', b'[{"a": 1}]', b"\xff\xfe\x00"],
    ids=["empty", "no JSON", "no array", "no item", "no text"],
)
def test_a_malformed_body_is_refused_with_a_word(body: bytes) -> None:
    web = Web()
    answer = web.post(body)
    assert (answer.status_code, web.taken) == (400, 0)
    assert answer.json()["detail"].startswith("The body cannot be used: ")


def test_one_bad_item_does_not_cost_the_others() -> None:
    web = Web()
    answer = web.post(json.dumps([{"a": 1}, CREATION, 7]).encode())
    assert (answer.status_code, answer.json(), web.taken) == (200, {"taken": 1, "unreadable": 2}, 1)


def test_items_of_another_portal_are_no_error() -> None:
    web = Web()
    answer = web.post(json.dumps([{**CREATION, "portalId": 7}]).encode())
    assert (answer.status_code, answer.json(), web.taken, web.sent) == (200, {"other_portal": 1}, 0, [])


def test_while_the_logs_server_is_away_hubspot_is_told_to_try_again() -> None:
    web = Web()
    connect(web.runtime, connected=False)
    refused = web.post()
    connect(web.runtime, connected=True)
    again = web.post()
    assert (refused.status_code, again.status_code, web.taken) == (503, 200, 1)


def test_a_bell_that_fails_costs_nothing() -> None:
    web = Web()

    def broken(task: str, arguments: tuple[str, ...]) -> None:
        raise OSError(task, arguments)

    web.client = Client(create_app(web.runtime, broken))
    assert (web.post().status_code, web.taken) == (200, 1)


# -- health


def test_the_process_is_alive_without_its_server() -> None:
    web = Web()
    connect(web.runtime, connected=False)
    assert web.client.get("/healthz").status_code == 200


def test_it_is_not_ready_without_its_server() -> None:
    web = Web()
    connect(web.runtime, connected=False)
    answer = web.client.get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


class Unfit(fakeredis.FakeRedis):
    """A server that evicts."""

    def info(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {
            "redis_version": "7.2.4",
            "maxmemory_policy": "allkeys-lru",
            "aof_enabled": 1,
            "role": "master",
        }

    def config_get(self, pattern: Any = "*", *_: Any, **__: Any) -> dict[str | None, str | None]:
        return {pattern: "everysec"}


class Fit(Unfit):
    """A server that keeps what it is given."""

    def info(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {**super().info(), "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize(
    ("server", "status", "word"),
    [(Unfit, 503, "set it to noeviction"), (Fit, 200, "ready")],
    ids=["evicting", "fit"],
)
def test_it_is_ready_where_the_server_keeps_the_log(
    server: type[fakeredis.FakeRedis], status: int, word: str
) -> None:
    web = Web()
    web.runtime.redis = server(version=(8,), server_type="valkey")
    answer = web.client.get("/readyz")
    assert answer.status_code == status
    assert word in answer.text
