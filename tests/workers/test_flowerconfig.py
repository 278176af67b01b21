"""Flower is open on this machine only, or behind a password."""

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from workers.embedded import ensure, stop

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    ensure(tmp_path)
    yield tmp_path
    stop(tmp_path)


@contextmanager
def flower(data_dir: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Flower as the Procfile starts it."""
    command = next(
        line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("flower:")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", *command.removeprefix("flower:").split()],
        cwd=ROOT,
        env={"CRMSYNC_DATA_DIR": str(data_dir), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(port: int, login: str | None = None) -> httpx.Response:
    headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(transport=transport, timeout=30) as client:
        return client.get(f"http://127.0.0.1:{port}/api/tasks", headers=headers)


def test_on_this_machine_its_tasks_are_open(data_dir: Path) -> None:
    port = free_port()
    with flower(data_dir, CRMSYNC_FLOWER_PORT=str(port)):
        assert ask(port).json() == {}


def test_with_a_password_it_asks_for_it(data_dir: Path) -> None:
    port = free_port()
    with flower(data_dir, CRMSYNC_FLOWER_PORT=str(port), CRMSYNC_FLOWER_BASIC_AUTH="ada:secret"):
        assert ask(port).status_code == httpx.codes.UNAUTHORIZED
        assert ask(port, "ada:secret").json() == {}


def test_without_a_password_it_refuses_to_face_other_machines(data_dir: Path) -> None:
    with flower(data_dir, CRMSYNC_FLOWER_ADDRESS="0.0.0.0") as process:  # noqa: S104 it must refuse this
        _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "set CRMSYNC_FLOWER_BASIC_AUTH" in said
