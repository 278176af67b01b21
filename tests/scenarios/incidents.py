"""Incidents of a running fleet, put into a file and reproduced by a process that has nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from workers.cli.playground import Playground
from workers.settings import child_environment

PROGRAM = str(Path(sys.executable).parent / "crmsync")


class Incident(NamedTuple):
    """A bundle."""

    written: dict[str, Any]  #: what was said when it was written
    replayed: dict[str, Any]  #: what comes of it where there is neither server nor configuration
    raw: bytes  #: the file

    def tells(self, *values: str) -> list[str]:
        """Which of some values stand in the file."""
        return [value for value in values if value.lower().encode() in self.raw.lower()]


def reproduced(playground: Playground, text: str, directory: Path, *options: str) -> Incident:
    """Bundle a contact while everything runs, and replay it in an empty directory."""
    file = directory / "incident.jsonl"
    own = child_environment(playground.environment)
    written = _run(["log", "bundle", text, "--out", str(file), *options, "--json"], own, directory)
    (bare := directory / "bare").mkdir()
    replayed = _run(["replay", "bundle", str(file), "--json"], {"PATH": ""}, bare)
    assert [*bare.iterdir()] == []
    return Incident(written, replayed, file.read_bytes())


def _run(arguments: list[str], environment: dict[str, str], directory: Path) -> dict[str, Any]:
    command = [PROGRAM, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=directory, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
