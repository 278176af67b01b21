"""Keeping the processes of a fleet running: what is shown, what is restarted and when, and how it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.workers.installed import Installation
from workers.cli.fleet import Fleet
from workers.cli.up import LARGEST_LOG, Watch
from workers.clock import ManualClock
from workers.settings import child_environment

DIE = r"import sys; print('\x1b[31mno luck\x1b[0m'); sys.exit(3)"


def watch(directory: Path, clock: ManualClock, **scripts: str) -> Watch:
    commands = {name: [sys.executable, "-c", script, name] for name, script in scripts.items()}
    return Watch(Fleet(child_environment({}), directory), commands, clock)


def until_dead(watched: Watch, name: str) -> None:
    watched.fleet.running[name].wait(20)


def test_a_process_that_dies_starts_again_after_a_growing_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    watched = watch(tmp_path, clock, web=DIE)
    watched.start("web")
    waits = []
    for _ in range(6):
        until_dead(watched, "web")
        before = clock.monotonic()
        watched.look()
        while not watched.fleet.running:
            clock.advance(1)
            watched.look()
        waits.append(clock.monotonic() - before)
    until_dead(watched, "web")
    watched.show()

    assert waits == [1, 3, 7, 15, 30, 30]
    assert "web     | ended with 3; starts again in 1 s" in capsys.readouterr().out


def test_a_process_that_has_lived_long_starts_again_at_once(tmp_path: Path) -> None:
    clock = ManualClock()
    watched = watch(tmp_path, clock, web=DIE)
    watched.start("web")
    until_dead(watched, "web")
    clock.advance(61)

    watched.look()

    assert "web" in watched.fleet.running
    watched.fleet.stop()


def test_each_line_stands_behind_the_name_of_its_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = watch(tmp_path, ManualClock(), web=DIE, io=DIE)
    (tmp_path / "io.log").write_text("of an earlier run\n")
    for name in watched.commands:
        watched.start(name)
        until_dead(watched, name)

    watched.show()
    watched.show()

    assert capsys.readouterr().out == "web     | no luck\nio      | no luck\n"


def test_a_log_does_not_grow_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = watch(tmp_path, ManualClock(), web=DIE)
    with (tmp_path / "web.log").open("wb") as log:
        log.truncate(LARGEST_LOG + 1)
    watched.start("web")
    until_dead(watched, "web")

    watched.show()

    assert (tmp_path / "web.log").stat().st_size == 0
    assert "no luck" in capsys.readouterr().out


def test_an_unknown_process_is_refused(tmp_path: Path) -> None:
    message = Installation(tmp_path).with_ada().fails("up", "mail")

    assert "The Procfile has no mail: choose from web, worker, io, flower." in message


def test_up_without_any_connection_says_what_to_do(tmp_path: Path) -> None:
    assert "crmsync config init NAME begins a new one" in Installation(tmp_path, files={}).fails("up")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["terminate", "Ctrl-C"])
def test_up_ends_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    Installation(tmp_path)
    paths = {"CRMSYNC_CONFIG_DIR": str(tmp_path / "config"), "CRMSYNC_DATA_DIR": str(tmp_path / "var")}
    own = child_environment({**paths, "UVICORN_PORT": "0"})
    command = [str(Path(sys.executable).parent / "crmsync"), "up", "web"]
    with subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "Uvicorn running" in line:
                break
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(number)
        rest = running.stdout.read()

    assert running.returncode == 0, rest
    assert "Ending." in rest
    assert children
    assert not any(each.is_running() for each in children)
    assert _servers_in(tmp_path) == []


def _servers_in(directory: Path) -> list[str]:
    """What still runs there: the embedded server ends with the rest."""
    home = str(directory)
    processes = psutil.process_iter(["name", "cwd"])
    return [each.info["name"] for each in processes if str(each.info["cwd"] or "").startswith(home)]
