"""Notices: each new cause is told of once, without a person's name or value."""

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from domain import events as e
from domain.errors import SyncError, Transient
from tests.workers.lanes import ADA, append, configured, memory_lane, refused, with_ada
from tests.world import SF
from workers.connection import Lane
from workers.gateways.notice import post
from workers.notices import Notices

pytestmark = pytest.mark.rule(124)


class Ear:
    """Hears notices, or cannot."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []
        self.error: SyncError | None = None

    def __call__(self, message: Mapping[str, Any]) -> None:
        if self.error:
            raise self.error
        self.heard.append(message)


def mourning() -> Lane:
    return append(with_ada(configured(memory_lane())), *refused(ADA))


@pytest.mark.rule(124)
def test_a_new_cause_of_sync_errors_is_told_of_once() -> None:
    ear = Ear()
    notices = Notices(mourning(), ear)

    assert notices.run() == 1
    assert notices.run() == 0
    [message] = ear.heard
    [news] = message["news"]
    assert (news["kind"], news["code"], news["contacts"]) == ("sync_error", "REQUIRED_FIELD_MISSING", 1)
    assert message["text"].startswith("acme: 1 sync errors with salesforce: ")


def test_a_notice_names_nobody_and_no_value() -> None:
    ear = Ear()
    Notices(mourning(), ear).run()

    said = json.dumps(ear.heard)
    assert ADA not in said
    assert "Graz" not in said
    assert "no [LastName]" not in said


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    ear = Ear()
    notices = Notices(mourning(), ear)
    ear.error = Transient("http_503")
    assert notices.run() == 0

    ear.error = None
    assert notices.run() == 1


def test_what_is_over_may_come_back_and_is_told_of_again() -> None:
    ear = Ear()
    lane = mourning()
    notices = Notices(lane, ear)
    notices.run()
    append(lane, e.LetterDiscarded(letter=f"salesforce|{ADA}", by="test", why="done"))
    assert notices.run() == 0

    append(lane, e.TargetRefused(crm=SF, code="INVALID_SESSION_ID", message="expired"))
    assert notices.run() == 1
    assert ear.heard[-1]["news"][0]["kind"] == "suspension"
    append(lane, e.SuspensionCleared(name="salesforce", by="test"))
    notices.run()
    append(lane, e.TargetRefused(crm=SF, code="INVALID_SESSION_ID", message="", request="2"))
    assert notices.run() == 1


# -- by HTTP


class Chat(BaseHTTPRequestHandler):
    """A chat's incoming webhook that takes what holds a text."""

    taken: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "text" in body:
            self.taken.append(body)
        self.send_response(200 if "text" in body else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def chat() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []
    handler = type("Taking", (Chat,), {"taken": taken})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
        server.shutdown()
        thread.join()


def test_a_notice_is_posted_as_json(chat: tuple[str, list[dict[str, Any]]]) -> None:
    url, taken = chat

    post(url, {"text": "acme: trouble"})

    assert taken == [{"text": "acme: trouble"}]


def test_a_refusal_or_silence_raises_without_the_address(chat: tuple[str, list[dict[str, Any]]]) -> None:
    with pytest.raises(Transient, match=r"^http_400$"):
        post(chat[0], {})
    with pytest.raises(Transient, match=r"^ConnectionError$"):
        post("http://127.0.0.1:9/secret", {"text": "x"})
