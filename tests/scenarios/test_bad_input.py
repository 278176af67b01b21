"""What goes wrong around a running installation is said clearly, and nothing is lost."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from hmac import new as hmac
from pathlib import Path

import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.scenarios.conftest import installed
from tests.scenarios.points import NEW
from workers import embedded
from workers.cli.playground import CONFIGURATION, LIST, NAME, WEBHOOK_SECRET, Playground
from workers.cli.story import ON_LIST, Story
from workers.settings import child_environment

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

OTHER = "other"
"""A second connection, to the same accounts; nobody is on its list."""

AWAY_SECONDS = 30


class Server:
    """A server of one's own, which nobody but its operator starts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "own.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(embedded.server_binary()), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--dir", str(self.directory)]
        self._process = subprocess.Popen(
            [*command, "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def set(self, name: str, value: str) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.config_set(name, value)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def playground(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    """An installation on a server of its own, with two connections, running."""
    variables = {"CRMSYNC_REDIS_URL": server.url}
    directory = tmp_path_factory.mktemp("playground")
    with installed(directory, variables=variables, connections=(NAME, OTHER)) as playground:
        playground.wait_for(server.answers, 20)
        playground.set_up()
        add_another(playground)
        playground.start_fleet("web", "worker", "io")
        playground.wait_until_ready(90)
        yield playground


def add_another(playground: Playground) -> None:
    playground.hubspot.make_list({**LIST, "name": "Nobody", "filterBranch": nobody()})
    text = CONFIGURATION.replace("connection: acme", f"connection: {OTHER}")
    playground.runtime.file(OTHER).write_text(text.replace('"Sync to Salesforce"', "Nobody"))
    playground.runtime.link(OTHER).apply("test")


def nobody() -> dict[str, object]:
    """Filters that nobody passes."""
    text = json.dumps(LIST["filterBranch"]).replace("marketingqualifiedlead", "evangelist")
    return dict(json.loads(re.sub(r', "salesqualifiedlead", "customer"', "", text)))


@pytest.fixture
def story(playground: Playground) -> Story:
    return Story(playground)


def restart_the_dead(playground: Playground) -> None:
    """What systemd or ``crmsync up`` does."""
    for name in playground.fleet.dead():
        playground.fleet.kill(name)
        playground.start_fleet(name)


# -- the server


def test_a_server_that_is_away_loses_nothing(playground: Playground, story: Story, server: Server) -> None:
    story.person("away@example.com", lastname="Away", **ON_LIST)
    story.expect(lambda: story.salesforce.lead("away@example.com"), "the lead")
    story.calm()
    server.kill()
    assert webhook(playground).status_code == 503
    story.edit("away@example.com", city="Bonn")
    story.edit_lead("away@example.com", Phone="123")
    playground.clock.sleep(AWAY_SECONDS)
    server.start()
    story.expect(server.answers, "the server", 60)

    def arrived() -> bool:
        restart_the_dead(playground)
        return (
            story.lead_has("away@example.com", City="Bonn", Phone="123")()
            and story.contact_has("away@example.com", city="Bonn", phone="123")()
        )

    story.expect(arrived, "both edits on both sides", 120)
    assert webhook(playground).status_code == 200
    story.calm()


@pytest.mark.parametrize(
    ("setting", "bad", "good", "words"),
    [
        ("maxmemory-policy", "allkeys-lru", "noeviction", "maxmemory-policy is allkeys-lru"),
        ("appendonly", "no", "yes", "appendonly is no"),
    ],
    ids=["evicting", "non-persistent"],
)
def test_a_server_unfit_for_the_log_is_refused(
    playground: Playground, server: Server, setting: str, bad: str, good: str, words: str
) -> None:
    server.set(setting, bad)
    try:
        ready = requests.get(f"{playground.urls['web']}/readyz", timeout=10)
        doctor = crmsync(playground, "doctor", "-c", NAME)
    finally:
        server.set(setting, good)
    assert (ready.status_code, doctor.returncode) == (503, 1)
    assert words in ready.text
    assert words in doctor.stdout
    assert requests.get(f"{playground.urls['web']}/readyz", timeout=10).status_code == 200


# -- the CRMs


def test_salesforce_answering_html_delays_and_breaks_nothing(playground: Playground, story: Story) -> None:
    told = len(playground.log_of("io"))
    with story.fault(story.salesforce, kind="status", status=502, policy="html", path="/services/*"):
        story.person("html@example.com", lastname="Html", **ON_LIST)
        story.expect(
            lambda: story.salesforce.panel("counters")["faults"].get("status", 0) > 3, "refused calls", 60
        )
    story.expect(lambda: story.salesforce.lead("html@example.com"), "the lead", 120)
    story.calm()
    assert not playground.link.lane.state().suspended
    assert "Traceback" not in playground.log_of("io")[told:]


# -- the log


def test_an_event_of_a_newer_release_waits_for_a_worker_that_knows_it(
    playground: Playground, story: Story
) -> None:
    lane, other = playground.link.lane, playground.runtime.link(OTHER).lane
    story.person("newer@example.com", lastname="Newer", **ON_LIST)
    story.expect(lambda: story.salesforce.lead("newer@example.com"), "the lead")
    contact = story.hubspot.contact("newer@example.com")
    assert contact is not None
    story.calm()
    before = lane.tables().checkpoint()
    newer = {"kind": NEW, "crm": "hubspot", "object": "contacts", "id": contact["id"], "occurred_at": 1}
    lane.log.append([(os.urandom(16), json.dumps({**newer, "cause": "changed"}).encode())])
    stands_at = lane.log.tail()
    story.edit("newer@example.com", city="Oslo")

    story.expect(lambda: other.tables().checkpoint() == other.log.tail(), "the other connection's log")
    story.expect(lambda: "event_newer" in playground.log_of("worker"), "the words in the log")
    assert f"event '{NEW}' was written by a newer release; upgrade this worker" in playground.log_of("worker")
    story.expect(lambda: lane.log.tail() != stands_at, "the edit in the log")
    assert lane.tables().checkpoint() < stands_at
    assert before <= lane.tables().checkpoint()

    command = [
        part.replace("workers.celery_app", "tests.scenarios.newer").replace("worker@", "newer@")
        for part in playground.commands["worker"]
    ]
    playground.fleet.start("newer", command)
    story.expect(story.lead_has("newer@example.com", City="Oslo"), "the edit in Salesforce", 120)
    story.calm()
    playground.fleet.kill("newer")
    story.edit("newer@example.com", city="Bergen")
    story.expect(story.lead_has("newer@example.com", City="Bergen"), "an edit by the old worker alone")


# -- configuration


@pytest.mark.rule(133)
def test_a_broken_file_rests_its_connection_until_it_is_mended(playground: Playground, story: Story) -> None:
    path = playground.runtime.file(NAME)
    text = path.read_text()
    path.write_text(text.replace("field_mappings:", "field_mappings: ["))
    try:
        for name in ("worker", "io"):
            playground.fleet.kill(name)
        told = len(playground.log_of("worker"))
        playground.start_fleet("worker", "io")
        story.person("broken@example.com", lastname="Broken", **ON_LIST)
        story.expect(
            lambda: "configuration_broken" in playground.log_of("worker")[told:], "the words in the log", 60
        )
        applied = crmsync(playground, "config", "apply", "-c", NAME)
        assert applied.returncode == 1
        assert re.search(rf"{path.name}:\d+", applied.stdout + applied.stderr)
        assert webhook(playground).status_code == 200
    finally:
        path.write_text(text)
    story.expect(lambda: story.salesforce.lead("broken@example.com"), "the lead", 60)


def test_an_unknown_connection_is_refused_in_words(playground: Playground) -> None:
    answer = webhook(playground, "nobody")
    status = crmsync(playground, "status", "-c", "nobody")
    assert answer.status_code == 404
    assert "There is no connection 'nobody'." in answer.text
    assert status.returncode == 1
    assert "nobody" in status.stdout + status.stderr
    assert "Traceback" not in status.stderr


# -- tools


def webhook(playground: Playground, connection: str = NAME) -> requests.Response:
    """A signed webhook that says nothing new."""
    url = f"{playground.urls['web']}/webhooks/hubspot/{connection}"
    body = json.dumps(
        [{"portalId": 1, "occurredAt": 1, "subscriptionType": "contact.creation", "objectId": 1}]
    )
    moment = str(playground.clock.now_ms())
    signed = hmac(WEBHOOK_SECRET.encode(), f"POST{url}{body}{moment}".encode(), sha256).digest()
    headers = {
        "X-HubSpot-Signature-v3": b64encode(signed).decode(),
        "X-HubSpot-Request-Timestamp": moment,
        "Content-Type": "application/json",
    }
    return requests.post(url, data=body, headers=headers, timeout=30)


def crmsync(playground: Playground, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "crmsync"), *arguments],
        env=child_environment(playground.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
