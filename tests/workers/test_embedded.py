"""The embedded server: one per directory, durable, and outliving whoever started it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers import embedded
from workers.clock import ManualClock
from workers.embedded import EmbeddedServerError, ensure, socket_path, stop, url

ENSURE = "import sys, pathlib; from workers.embedded import ensure; print(ensure(pathlib.Path(sys.argv[1])))"


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop(tmp_path)


def connect(data_dir: Path, *, port: int = 0) -> redis.Redis:
    return redis.Redis.from_url(ensure(data_dir, port=port), protocol=2)


def pid_of(data_dir: Path) -> int:
    with connect(data_dir) as client:
        return int(client.info("server")["process_id"])


def servers_on(data_dir: Path) -> list[int]:
    home = str(data_dir.resolve() / "valkey")
    return [
        process.pid
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "valkey-server" and _works_in(process, home)
    ]


def _works_in(process: psutil.Process, home: str) -> bool:
    try:
        return process.cwd() == home
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def test_six_processes_racing_start_one_server(data_dir: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", ENSURE, str(data_dir)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    urls = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    assert urls == {url(data_dir)}
    assert len(servers_on(data_dir)) == 1


def test_the_server_outlives_the_process_that_started_it(data_dir: Path) -> None:
    subprocess.run([sys.executable, "-c", ENSURE, str(data_dir)], check=True, capture_output=True)

    server = psutil.Process(pid_of(data_dir))
    assert os.getsid(server.pid) not in {os.getsid(0), 0}


def test_a_killed_server_comes_back_with_its_data(data_dir: Path) -> None:
    with connect(data_dir) as client:
        client.set("kept", "yes")
    os.kill(pid_of(data_dir), signal.SIGKILL)

    with connect(data_dir) as client:
        assert client.get("kept") == b"yes"


def test_a_stopped_server_comes_back_with_its_data(data_dir: Path) -> None:
    with connect(data_dir) as client:
        client.set("kept", "yes")

    assert stop(data_dir)
    assert servers_on(data_dir) == []
    with connect(data_dir) as client:
        assert client.get("kept") == b"yes"


def test_the_server_stays_until_the_last_that_uses_it_has_left(data_dir: Path) -> None:
    with embedded.used(data_dir):
        before = pid_of(data_dir)
        with embedded.used(data_dir):
            pass
        assert servers_on(data_dir) == [before]
    assert servers_on(data_dir) == []


def test_stopping_what_does_not_run_says_so(data_dir: Path) -> None:
    assert not stop(data_dir)
    ensure(data_dir)
    assert stop(data_dir)
    assert not stop(data_dir)


def test_a_second_server_on_a_directory_is_impossible(data_dir: Path) -> None:
    """Even one that answers nobody keeps the directory to itself."""
    server = pid_of(data_dir)
    socket_path(data_dir).unlink()

    with pytest.raises(EmbeddedServerError, match="does not answer"):
        ensure(data_dir, clock=ManualClock())
    assert servers_on(data_dir) == [server]


def test_a_server_that_cannot_start_says_where_to_look(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EmbeddedServerError, match=r"valkey\.log"):
            ensure(data_dir, port=taken.getsockname()[1])


def test_a_long_directory_gets_a_short_socket(data_dir: Path) -> None:
    deep = data_dir / ("long" * 30)
    try:
        with connect(deep) as client:
            assert client.ping()
        assert len(os.fsencode(socket_path(deep))) <= embedded.LONGEST_SOCKET_PATH
        assert socket_path(deep).parent.stat().st_mode & 0o777 == 0o700
    finally:
        stop(deep)
        socket_path(deep).parent.rmdir()


def test_only_this_user_reaches_the_directory(data_dir: Path) -> None:
    ensure(data_dir)
    assert (data_dir / "valkey").stat().st_mode & 0o777 == 0o700
    assert socket_path(data_dir).stat().st_mode & 0o777 == 0o700


def test_a_port_is_opened_on_request_and_wants_the_password(data_dir: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with connect(data_dir, port=port) as client:
        assert client.ping()
    with (
        redis.Redis(port=port, protocol=2, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_a_frozen_server_is_waited_for_and_not_replaced(data_dir: Path) -> None:
    server = psutil.Process(pid_of(data_dir))
    server.send_signal(signal.SIGSTOP)
    waiting = subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    server.send_signal(signal.SIGCONT)

    assert waiting.communicate(timeout=60)[0].strip() == url(data_dir)
    assert servers_on(data_dir) == [server.pid]
