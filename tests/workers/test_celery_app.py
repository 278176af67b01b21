"""The Celery app: no side effect at import, and settings that suit doorbells."""

import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery

from workers.bootstrap import Runtime
from workers.celery_app import ASKING, QUEUES, children, configuration
from workers.cli.fleet import procfile
from workers.deliver import IN_FLIGHT
from workers.embedded import stop
from workers.project import ROOM_KB
from workers.settings import Settings
from workers.storage.redis_store import connect

CHILD_KB = 110_000
"""What a child takes before it has folded anything, as measured."""

IMPORT_ONLY = "import workers.celery_app; from pathlib import Path; print(Path('var').exists())"

SPARED = """
import gc
from celery.signals import worker_process_init, worker_ready
import workers.celery_app, workers.tasks, workers.webhooks
{loaded}
kept = gc.get_freeze_count()
print(kept > 50_000, len(gc.get_objects()) < kept / 20)
"""

FORKED = """
import weakref
from celery.signals import worker_process_init
import workers.tasks
from workers.bootstrap import runtime
runtime().link("acme").stores
of_the_parent = weakref.ref(runtime())
worker_process_init.send(None)
print(of_the_parent() is None)
"""

RING_AND_ANSWER = """
import workers.celery_app as celery_app
from workers.embedded import ensure
from workers.settings import Settings
ensure(Settings.load().data_dir)
app = celery_app.app
app.send_task("project", ["acme"])
with app.connection_for_read() as broker, broker.SimpleQueue("project") as queue:
    print(queue.get(timeout=5).headers["task"])
"""

KILLED_TWICE = """
import os, signal
import workers.celery_app as celery_app
from workers.embedded import ensure
from workers.settings import Settings
directory = Settings.load().data_dir
def killed():
    os.kill(int((directory / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
def errback(error, seconds):
    print("again")
broker = celery_app.app.connection_for_read()
broker.ensure_connection()
broker.close()
attempts = iter(range(2))
establish = broker.transport.establish_connection
def dying():
    if next(attempts, None) is not None:
        killed()
    return establish()
broker.transport.establish_connection = dying
broker.ensure_connection(errback, max_retries=5, interval_start=0, interval_step=0)
print("connected")
"""


def app_with(**environment: str) -> Celery:
    app = Celery("test", set_as_current=False)
    app.add_defaults(lambda: configuration(Settings.load(environment)))
    return app


def run(code: str, where: Path) -> str:
    root = Path(__file__).parents[2]
    environment = {"PYTHONPATH": str(root), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=where, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_the_app_starts_no_server(tmp_path: Path) -> None:
    assert run(IMPORT_ONLY, tmp_path) == "False"


def test_a_doorbell_travels_over_the_embedded_servers_socket(tmp_path: Path) -> None:
    try:
        assert run(RING_AND_ANSWER, tmp_path) == "project"
    finally:
        stop(tmp_path / "var")


def test_the_embedded_server_is_brought_back_as_often_as_it_dies_while_a_worker_connects(
    tmp_path: Path,
) -> None:
    try:
        assert run(KILLED_TWICE, tmp_path).split() == ["again", "again", "connected"]
    finally:
        stop(tmp_path / "var")


@pytest.mark.parametrize(
    ("task", "queue"),
    [*((name, name) for name in QUEUES), pytest.param("sweep", "control", id="any other task")],
)
def test_a_task_goes_to_the_queue_of_its_name(task: str, queue: str) -> None:
    app = app_with()
    route = app.amqp.router.route({}, task)
    assert route["queue"].name == queue


def test_no_running_task_is_delivered_a_second_time() -> None:
    conf = app_with().conf
    assert conf.broker_transport_options["visibility_timeout"] > 2 * conf.task_time_limit


def test_a_child_keeps_nothing_of_what_its_parent_worked_with(tmp_path: Path) -> None:
    try:
        assert run(FORKED, tmp_path) == "True"
    finally:
        stop(tmp_path / "var")


@pytest.mark.parametrize(
    "loaded",
    [
        pytest.param("app = workers.webhooks.create_app()", id="web"),
        pytest.param("worker_ready.send(None)", id="a worker"),
        pytest.param("worker_process_init.send(None)", id="a child of one"),
    ],
)
def test_no_walk_through_all_that_is_loaded_holds_up_what_is_under_way(loaded: str, tmp_path: Path) -> None:
    """The garbage collector's walk took a tenth of a second each time, in which no thread went on."""
    assert run(SPARED.format(loaded=loaded), tmp_path) == "True True"


def test_no_child_leaves_for_the_tasks_it_has_done_or_for_the_contacts_it_keeps(tmp_path: Path) -> None:
    """The next task would wait in it until another child has taken its place: up to five seconds."""
    conf, runtime = app_with().conf, Runtime(Settings.load({"CRMSYNC_DATA_DIR": str(tmp_path)}))
    assert conf.worker_max_tasks_per_child is None
    for number, name in enumerate(("one", "two", "three"), 1):
        runtime.link(name)
        assert runtime.room_kb() == ROOM_KB // number
    assert conf.worker_max_memory_per_child / 2 > CHILD_KB + ROOM_KB


@pytest.mark.parametrize(("cores", "expected"), [(1, 2), (2, 2), (4, 4), (64, 4)])
def test_even_one_core_folds_while_it_archives_and_many_do_not_fill_the_memory(
    cores: int, expected: int
) -> None:
    assert children(cores) == expected


def test_two_connections_whose_crms_do_not_answer_leave_half_of_the_threads_to_the_others() -> None:
    """Each of these tasks may wait for a minute, and of each no more than one at a time."""
    polls = ("changes", "check", "nightly", "campaigns")
    waiting = 2 * (len(("deliver", "read")) + len(polls)) - 1 + len(ASKING)
    io = procfile()["io"]
    assert int(io[io.index("--concurrency") + 1]) >= 2 * waiting


def test_all_threads_of_io_may_ask_the_server_at_once() -> None:
    """As they do when it stands still for a moment: its tasks, what they send by, and the sweep."""
    io = procfile()["io"]
    threads = int(io[io.index("--concurrency") + 1])
    assert connect("redis://nowhere").connection_pool.max_connections > threads * (1 + IN_FLIGHT)


def test_results_are_kept_nowhere() -> None:
    app = app_with()
    assert app.conf.task_ignore_result
    assert app.conf.result_backend is None
