"""A fleet on one machine: the processes of the Procfile, each in its own group, with a log file each."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 20

ROOT = Path(__file__).resolve().parents[2]
"""Where the Procfile stands."""


def procfile(path: Path = ROOT / "Procfile") -> dict[str, list[str]]:
    """The commands by process name; programs are taken from beside this Python."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): _beside(command.split()) for name, _, command in lines}


def _beside(command: Sequence[str]) -> list[str]:
    program = Path(sys.executable).parent / command[0]
    return [str(program) if program.exists() else command[0], *command[1:]]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """A request to end arrives like Ctrl-C; so does SIGINT itself, which a shell ignores for its jobs."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


_ENDING = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Fleet:
    """Running processes by name."""

    environment: Mapping[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process; what it prints goes to ``<name>.log``."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(  # noqa: S603 - the commands are the Procfile's
                list(command),
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def dead(self) -> list[str]:
        """The names of processes that have ended."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def pid(self, name: str) -> int:
        return self.running[name].pid

    def kill(self, name: str) -> None:
        """Kill -9 a process and all that it started."""
        self._signal(name, signal.SIGKILL)
        self.running.pop(name).wait()

    def freeze(self, name: str) -> None:
        """Stop a process in its tracks; ``thaw`` lets it go on as if nothing had happened."""
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def stop(self) -> None:
        """Ask all to end, and end those that do not."""
        for name in self.running:
            self._signal(name, signal.SIGTERM, group=False)
        for name, process in self.running.items():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(name, signal.SIGKILL)
                process.wait()
            self._signal(name, signal.SIGKILL)
        self.running.clear()

    def _signal(self, name: str, number: int, *, group: bool = True) -> None:
        try:
            (os.killpg if group else os.kill)(self.running[name].pid, number)
        except ProcessLookupError:
            return
