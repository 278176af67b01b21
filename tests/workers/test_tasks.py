"""The tasks: each rings for what it leaves, so that one ring sets everything going and silence follows."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import redis
from redis.exceptions import RedisError

from domain import events as e
from domain.book import Table
from domain.identity import Crm, Fields
from tests.workers.accounts import TOKEN, Accounts, accounts
from tests.workers.installed import FILE, Installation
from tests.workers.lanes import append, configured, connect, project, with_ada
from tests.world import HS
from workers import requests, tasks
from workers.accounts import portal_offset_ms
from workers.celery_app import ASKING, QUEUES, UNHEARD_SECONDS, app
from workers.clock import SystemClock
from workers.connection import Lane
from workers.ports import Search
from workers.tasks import TURN_MS

Bell = tuple[str, ...]

PROMPT = {"rate_limit_ten_secondly": 190, "search_index_lag": [0, 0]}
"""A portal that finds at once what was made."""

SECRETS = {
    "CRMSYNC_REDIS_URL": "redis://nowhere",
    "CRMSYNC_ACME_HUBSPOT_TOKEN": TOKEN,
    "CRMSYNC_ACME_SALESFORCE_CONSUMER_KEY": "sim-consumer-key",
    "CRMSYNC_ACME_SALESFORCE_CONSUMER_SECRET": "sim-consumer-secret",
}


@pytest.fixture(autouse=True)
def broker() -> Iterator[None]:
    """A broker in this process's memory, empty before and after; whatever another test rang at is let go."""
    before = app.conf.broker_url
    ring_at("memory://")
    heard()
    yield
    heard()
    ring_at(before)


def ring_at(url: str | None) -> None:
    """From now on messages go to this broker: the app keeps connections to the one it sent to first."""
    app.conf.broker_url = url
    app._after_fork()


def heard() -> list[dict[str, Any]]:
    """The messages in all queues, taken out."""
    found = []
    with app.connection_for_read() as connection:
        for name in QUEUES:
            with connection.SimpleQueue(name) as queue:
                while queue.qsize():
                    message = queue.get_nowait()
                    message.ack()
                    found.append({**message.headers, "queue": name, "arguments": message.payload[0]})
    return found


def bells() -> list[Bell]:
    return sorted((each["task"], *each["arguments"][1:]) for each in heard())


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A connection with nobody in it, which the tasks work on."""
    made = Installation(tmp_path, {"acme": FILE, "broken": FILE}, **SECRETS)
    on_time(made)
    made.runtime.register("acme")
    configured(made.lane)
    monkeypatch.setattr(tasks, "runtime", lambda: made.runtime)  # the one seam: which runtime tasks work with
    return made


def on_time(made: Installation) -> None:
    """Set the clock a little ahead of the server's, which is the machine's."""
    made.clock.advance((SystemClock().now_ms() - made.clock.now_ms()) / 1000 + 10)


def touched(lane: Lane) -> None:
    lane.append([e.RecordTouched(crm=HS, object="contacts", id="1", occurred_at=1, cause="changed")])


def swept(made: Installation) -> None:
    """A worker sweeps, later than everybody's last time."""
    with suppress(RedisError):
        made.runtime.redis.delete(*made.runtime.redis.keys("*:bell:sweep/*"), "none")
    tasks.sweep()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that the server is sent from now on."""
    asked, send = list[str](), cast("Any", redis.Redis.execute_command)

    def execute(self: redis.Redis, *command: Any, **options: Any) -> Any:
        asked.append(str(command[0]))
        return send(self, *command, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", execute)
    return asked


def test_projecting_wakes_whoever_has_work_now(acme: Installation) -> None:
    touched(acme.lane)

    assert tasks.project("acme") == {"connection": "acme", "batches": 1, "more": False}
    assert bells() == [("read", "hubspot")]


def test_projecting_nothing_wakes_nobody(acme: Installation) -> None:
    tasks.project(acme.link.name)
    assert bells() == []


def test_a_paused_connections_tasks_do_not_ring_each_other(acme: Installation) -> None:
    with_ada(acme.lane)
    requests.pause(acme.lane, "me")
    tasks.project("acme")
    assert bells() == [("deliver", "salesforce")]

    shown = tasks.deliver("acme", "salesforce")
    assert shown == {
        "connection": "acme",
        "crm": "salesforce",
        "claimed": 0,
        "sent": 0,
        "rejected": 0,
        "batches": 0,
    }
    assert bells() == []


def test_a_job_whose_requests_wait_to_be_projected_does_not_ring_for_itself(acme: Installation) -> None:
    with_ada(acme.lane)
    requests.start_job(acme.lane, "all", "me")
    acme.lane.append([e.Paused(by=str(each)) for each in range(1_001)])

    assert tasks.control("acme")["more"] is False
    assert bells() == []


def test_lists_are_asked_for_where_a_slow_crm_keeps_no_projector_waiting(acme: Installation) -> None:
    requests.start_job(acme.lane, "list", "me", list_id="7", object_name="contacts")
    tasks.control("acme")

    assert [(each["task"], each["queue"]) for each in heard()] == [("members", "poll")]


@pytest.mark.parametrize("task", [tasks.members, tasks.metadata])
def test_a_crm_that_does_not_answer_holds_one_thread_of_each_kind(
    task: Any, acme: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one comes while it waits, does not call, and is made up for afterwards."""
    waiting, link = list[bool](), acme.runtime.link("acme")

    def hangs(*_: object) -> bool:
        waiting.append(True)
        if len(waiting) == 1:
            task("acme")
        return False

    monkeypatch.setattr(link.jobs, "ask", hangs)
    monkeypatch.setattr(type(link.metadata), "refresh", hangs)
    task("acme")

    assert len(waiting) == 1
    assert (task.name,) in bells()


@pytest.mark.parametrize("task", ASKING)
def test_what_calls_a_crm_is_not_done_by_projectors(task: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == "poll"


def test_a_doorbell_that_nobody_hears_is_dropped_in_the_end(acme: Installation) -> None:
    touched(acme.lane)
    swept(acme)

    assert UNHEARD_SECONDS == 60
    assert all(each["expires"] for each in heard())


def test_a_child_keeps_less_of_each_connection_once_it_works_on_another_though_that_one_rests(
    acme: Installation,
) -> None:
    touched(acme.lane)
    tasks.project("acme")
    projector = acme.runtime.link("acme").projector
    assert projector._projection is not None
    acme.runtime.link("acme")
    assert projector._projection is not None

    acme.runtime.link("another")
    assert projector._projection is None


def test_answering_a_bell_lets_it_ring_again(acme: Installation) -> None:
    touched(acme.lane)
    swept(acme)
    swept(acme)
    assert bells().count(("project",)) == 1

    tasks.project("acme")
    touched(acme.lane)
    acme.lane.append([e.Paused(by="me")])
    swept(acme)
    assert ("project",) in bells()


# -- the sweep


def test_a_connection_whose_file_is_broken_stops_no_other(acme: Installation) -> None:
    acme.runtime.register("broken")
    acme.runtime.file("broken").write_text("connection: [")
    touched(acme.lane)
    swept(acme)

    assert {("project",), ("control",)} <= {*bells()}


def test_whatever_is_wrong_with_one_connection_stops_no_other(acme: Installation) -> None:
    acme.runtime.register("aaa")
    other = acme.runtime.link("aaa").lane
    other.log.append([(b"n" * 16, e.encode(e.ConfigurationApplied(digest="none", by="me")))])
    touched(acme.lane)
    swept(acme)

    assert ("project",) in bells()


def test_many_workers_that_sweep_at_once_ask_hardly_more_than_one(
    acme: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched(acme.lane)
    swept(acme)
    heard()
    asked = counted(monkeypatch)
    for _ in range(10):
        tasks.sweep()

    assert len(asked) == 20
    assert bells() == []


def test_a_worker_that_cannot_sweep_leaves_the_turn_to_another(acme: Installation) -> None:
    """Its timer may go just before the other one's, second by second."""
    touched(acme.lane)
    kept = acme.runtime.file("acme").read_text()
    acme.runtime.file("acme").write_text("connection: [")
    tasks.sweep()
    acme.runtime.file("acme").write_text(kept)
    tasks.sweep()

    assert ("project",) in bells()


def test_each_release_sweeps_for_itself(acme: Installation) -> None:
    touched(acme.lane)
    acme.lane.coordination.ring("sweep/of another one", TURN_MS)
    tasks.sweep()

    assert ("project",) in bells()


def test_a_connection_in_which_nothing_happens_costs_few_calls_a_second(
    acme: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(acme)
    heard()
    tasks.control("acme")
    asked = counted(monkeypatch)
    swept(acme)
    assert len(asked) < 36, asked

    asked.clear()
    tasks.control("acme")
    assert len(asked) < 32, asked
    assert bells() == []


def test_an_absent_server_is_waited_for(acme: Installation) -> None:
    touched(acme.lane)
    connect(acme.runtime, connected=False)
    swept(acme)
    connect(acme.runtime, connected=True)
    swept(acme)

    assert ("project",) in bells()


def test_an_absent_broker_is_waited_for(acme: Installation) -> None:
    touched(acme.lane)
    ring_at("amqp://guest@127.0.0.1:9/")
    swept(acme)
    ring_at("memory://")
    swept(acme)

    assert ("project",) in bells()


# -- configurations that change while workers run


def test_another_configuration_in_force_makes_the_connection_anew(acme: Installation) -> None:
    link = acme.runtime.renewed("acme")
    assert acme.runtime.renewed("acme") is link
    acme.runtime.file("acme").write_text(FILE.replace("connection: acme\n", "connection: acme\n# again\n"))
    assert acme.runtime.renewed("acme") is link

    name = acme.lane.state().config
    document = acme.lane.document(name)
    document["connection"] = "acme2"
    other = e.digest(document)
    acme.lane.append([e.ConfigurationApplied(digest=other, by="me")], [document])
    project(acme.lane)
    assert acme.runtime.renewed("acme") is not link


def test_a_projector_that_came_before_the_configuration_packs_by_it_all_the_same(tmp_path: Path) -> None:
    """As a forked worker does, in which nothing sweeps."""
    made = Installation(tmp_path, {"acme": FILE}, **SECRETS)
    on_time(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "runtime", lambda: made.runtime)
        made.lane.append([e.Paused(by="me")])
        tasks.project("acme")
        configured(made.lane)
        tasks.project("acme")
    assert made.runtime.redis.hlen("{acme}:dictionaries") == 2  # one, and which one is in use


def test_whoever_keeps_a_snapshot_has_more_time_than_others() -> None:
    usual, broker = app.conf.task_soft_time_limit, app.conf.broker_transport_options["visibility_timeout"]
    assert usual < tasks.project.soft_time_limit < tasks.project.time_limit < broker
    assert tasks.project.time_limit < tasks.archive.soft_time_limit < tasks.archive.time_limit


def test_a_file_in_which_nothing_that_is_decided_by_has_changed_counts_once_it_is_applied(
    acme: Installation,
) -> None:
    link = acme.runtime.renewed("acme")
    assert link.options.trust_after == 5
    text = FILE.replace("acme.my", "acme.my, validation_rules: {trust_after: never}")
    acme.runtime.file("acme").write_text(text)
    acme.lane.append([e.ConfigurationApplied(digest=acme.lane.state().config, by="me", request="again")])
    project(acme.lane)
    assert acme.runtime.renewed("acme").options.trust_after is None


@pytest.mark.parametrize(
    ("zone", "hours"), [("Europe/Vienna", 1), ("America/New_York", -5), ("UTC", 0), ("Asia/Kolkata", 5.5)]
)
def test_hubspots_day_begins_at_the_portals_midnight(acme: Installation, zone: str, hours: float) -> None:
    append(acme.lane, e.AccountObserved(crm=HS, account_id="1", zone=zone))

    assert portal_offset_ms(acme.lane.state(), acme.clock.now_ms()) == hours * 3_600_000


def test_a_portal_that_nobody_has_seen_keeps_utc(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    assert portal_offset_ms(made.lane.state(), made.clock.now_ms()) == 0


def test_summer_time_makes_the_connection_anew(acme: Installation) -> None:
    append(acme.lane, e.AccountObserved(crm=HS, account_id="1", zone="Europe/Vienna"))
    link = acme.runtime.renewed("acme")
    acme.clock.advance(180 * 86_400)

    assert acme.runtime.renewed("acme") is not link


# -- everything together


@pytest.fixture
def both() -> Iterator[Accounts]:
    with accounts() as made:
        httpx.patch(f"{made.urls[Crm.HUBSPOT]}/_sim/settings", json=PROMPT)
        yield made


@pytest.fixture
def wired(tmp_path: Path, both: Accounts, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A connection on two accounts that are set up."""
    made = Installation(
        tmp_path,
        {"acme": FILE},
        CRMSYNC_ACME_HUBSPOT_BASE_URL=both.urls[Crm.HUBSPOT],
        CRMSYNC_ACME_SALESFORCE_BASE_URL=both.urls[Crm.SALESFORCE],
        **SECRETS,
    )
    on_time(made)
    monkeypatch.setattr(tasks, "runtime", lambda: made.runtime)  # the one seam: which runtime tasks work with
    made.says("setup")
    return made


def at_rest(acme: Installation) -> int:
    """Answer every bell, and those it rings; returns how many that were."""
    answered = 0
    while ringing := bells():
        for name, *arguments in ringing:
            getattr(tasks, name)("acme", *arguments)
        answered += len(ringing)
        assert answered < 500, "they ring each other for ever"
        acme.clock.advance(0.01)
    return answered


def test_one_sweep_sets_a_new_person_on_the_way_to_the_other_crm_and_ends(
    wired: Installation, both: Accounts
) -> None:
    wired.link.apply("me")
    tasks.project("acme")
    swept(wired)
    at_rest(wired)
    assert wired.lane.policy().ready

    made_in_hubspot(both, lastname="Lovelace", firstname="Ada")
    swept(wired)
    at_rest(wired)

    assert lead_of(both, "LastName") == {"LastName": "Lovelace"}


def made_in_hubspot(both: Accounts, **properties: str) -> None:
    person = {"email": "ada@example.com", **properties}
    both.control(Crm.HUBSPOT, "create", object="contacts", properties=person)


def lead_of(both: Accounts, *fields: str) -> Fields:
    """What Ada's only lead holds in some fields."""
    search = Search("Lead", "Email", ["ada@example.com"], fields)
    [lead] = both.gateways[Crm.SALESFORCE].look_up([search])[0].records
    return {name: lead.fields[name] for name in fields}


def test_a_field_that_salesforce_hides_one_day_costs_that_field_and_stops_nothing_else(
    wired: Installation, both: Accounts
) -> None:
    also = "    - {hubspot: firstname, salesforce: FirstName, sync_rule: two_way}\n"
    wired.write("acme", FILE + also)
    wired.runtime._links.clear()
    wired.link.apply("me")
    tasks.project("acme")
    swept(wired)
    at_rest(wired)
    made_in_hubspot(both, firstname="Ada", lastname="Byron", city="Wien")
    at_work(wired)
    assert lead_of(both, "FirstName", "City") == {"FirstName": "Ada", "City": "Wien"}

    both.control(Crm.SALESFORCE, "permissions", object="Lead", field="City", access="none")
    [(entity, _)] = wired.lane.tables().scan(Table.CONTACTS)
    edit = {"firstname": "Augusta", "city": "Graz"}
    both.control(Crm.HUBSPOT, "edit", object="contacts", id=entity.rpartition("/")[2], properties=edit)
    at_work(wired)
    assert lead_of(both, "FirstName") == {"FirstName": "Augusta"}
    assert wired.lane.state().suspended == {}
    (group,) = wired.json("errors", "list")
    assert (group["category"], group["contacts"]) == ("Mappings", [entity])
    assert "Let the integration user see the field" in group["remedy"]

    both.control(Crm.SALESFORCE, "permissions", object="Lead", field="City", access="edit")
    tasks.metadata("acme")
    wired.says("errors", "resync", "--all")
    at_work(wired)
    assert lead_of(both, "City") == {"City": "Graz"}
    assert wired.json("errors", "list") == []


def at_work(made: Installation) -> None:
    """See what has changed, and do all that follows."""
    for crm in Crm:
        tasks.poll("acme", crm, "changes")
    at_rest(made)


def test_a_server_that_does_not_go_on_where_the_archive_ends_is_not_folded(acme: Installation) -> None:
    with_ada(acme.lane)
    acme.clock.advance(60)
    tasks.project("acme")
    assert tasks.archive("acme")["events"] > 0
    acme.runtime.redis.flushall()
    acme.runtime._links.clear()
    touched(acme.lane)

    assert "never had" in tasks.project("acme")["why"]
    assert "never had" in tasks.archive("acme")["why"]
    assert acme.lane.tables().checkpoint() == "0-0"
