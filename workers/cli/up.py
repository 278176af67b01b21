"""``crmsync up``: the processes of the Procfile on this machine, restarted when they die."""

import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import click
from dotenv import dotenv_values
from rich.text import Text

from workers import embedded
from workers.bootstrap import Runtime
from workers.cli.fleet import Fleet, ended_by_signals, procfile
from workers.cli.output import clean, console, say
from workers.cli.session import connections_of, with_runtime
from workers.clock import Clock
from workers.settings import child_environment

EVERY_SECONDS = 0.2
STABLE_SECONDS = 60
"""A process that lived this long starts anew at once when it dies."""

LONGEST_WAIT = 30
LARGEST_LOG = 20_000_000
"""Bytes of a process's log; then it begins anew."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What programs that print in colour put into their lines."""

COLOURS = ("cyan", "magenta", "green", "yellow", "blue")


@click.command()
@click.argument("processes", nargs=-1)
@with_runtime
def up(runtime: Runtime, *, processes: tuple[str, ...]) -> None:
    """Run web, worker, io and flower here, or those named, until Ctrl-C; one that dies is started again."""
    commands = procfile()
    unknown = [name for name in processes if name not in commands]
    if unknown:
        raise click.UsageError(
            f"The Procfile has no {', '.join(unknown)}: choose from {', '.join(commands)}."
        )
    connections_of(runtime)
    if not runtime.connections():
        say("Nothing is set up yet: crmsync setup, then crmsync config apply")
    logs = runtime.settings.data_dir.resolve() / "logs"
    chosen = {name: commands[name] for name in processes or commands}
    watch = Watch(Fleet(_environment(runtime), logs), chosen, runtime.clock)
    with ended_by_signals(), _server(runtime):
        try:
            watch.run()
        except KeyboardInterrupt:
            say("Ending.")
        finally:
            watch.fleet.stop()
            watch.show()


def _server(runtime: Runtime) -> AbstractContextManager[None]:
    """The embedded server stays until the last crmsync up in the directory ends."""
    settings = runtime.settings
    return embedded.used(settings.data_dir) if settings.redis_url is None else nullcontext()


def _environment(runtime: Runtime) -> dict[str, str]:
    """For the processes: ``.env`` too, because uvicorn reads none, and paths that hold in any directory."""
    given = {name: value for name, value in dotenv_values(".env").items() if value}
    settings = runtime.settings
    return {
        **given,
        **child_environment({}),
        "CRMSYNC_DATA_DIR": str(settings.data_dir.resolve()),
        "CRMSYNC_CONFIG_DIR": str(settings.config_dir.resolve()),
        "PYTHONUNBUFFERED": "1",
    }


@dataclass
class Watch:
    """Keeps the processes of a fleet running, and shows what they print."""

    fleet: Fleet
    commands: dict[str, list[str]]
    clock: Clock
    _read: dict[str, int] = field(default_factory=dict)  #: process -> bytes of its log already shown
    _begun: dict[str, float] = field(default_factory=dict)
    _deaths: dict[str, int] = field(default_factory=dict)  #: in a row
    _due: dict[str, float] = field(default_factory=dict)  #: when a dead one is started again

    def run(self) -> None:
        """Start all and look after them, for ever."""
        for name in self.commands:
            self.start(name)
        while True:
            self.look()
            self.show()
            self.clock.sleep(EVERY_SECONDS)

    def start(self, name: str) -> None:
        log = self._log(name)
        self._read.setdefault(name, log.stat().st_size if log.exists() else 0)
        self.fleet.start(name, self.commands[name])
        self._begun[name] = self.clock.monotonic()
        self._due.pop(name, None)

    def look(self) -> None:
        """Note who died, and start again whose time has come."""
        now = self.clock.monotonic()
        for name in self.fleet.dead():
            code = self.fleet.running[name].poll()
            self.fleet.kill(name)
            stable = now - self._begun[name] > STABLE_SECONDS
            self._deaths[name] = 0 if stable else self._deaths.get(name, 0) + 1
            wait = min(LONGEST_WAIT, 2 ** self._deaths[name] - 1)
            self._due[name] = now + wait
            self._line(name, f"ended with {code}; starts again in {wait} s")
        for name in [name for name, due in self._due.items() if due <= now]:
            self.start(name)

    def show(self) -> None:
        """Print what the processes have printed since the last time, each line behind its name."""
        for name in self.commands:
            log = self._log(name)
            if not log.exists():
                continue
            with log.open("rb") as file:
                file.seek(self._read.get(name, 0))
                *lines, rest = file.read().split(b"\n")
                self._read[name] = file.tell() - len(rest)
            for line in lines:
                self._line(name, line.decode(errors="replace"))
            if self._read[name] > LARGEST_LOG:
                os.truncate(log, 0)
                self._read[name] = 0

    def _log(self, name: str) -> Path:
        return self.fleet.logs / f"{name}.log"

    def _line(self, name: str, text: str) -> None:
        colour = COLOURS[list(self.commands).index(name) % len(COLOURS)]
        prefix = Text(f"{name:<8}| ", style=colour)
        console().print(prefix.append(clean(COLOUR.sub("", text)), style="default"), soft_wrap=True)
