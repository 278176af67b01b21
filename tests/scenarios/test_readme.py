"""README's way to connect, typed as it stands there, on simulated accounts."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.cli.fleet import ROOT
from workers.cli.playground import LIST, Playground
from workers.settings import child_environment

BIN = Path(sys.executable).parent
BLOCK = next(
    block
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if "crmsync up" in block
)
LINES = [line.partition("#")[0].strip() for line in BLOCK.splitlines() if line.strip()]


class Shell:
    """A person's shell in a directory of his own, with the secrets in the environment."""

    def __init__(self, playground: Playground, directory: Path) -> None:
        self.directory = directory
        own = {name: value for name, value in playground.environment.items() if name != "CRMSYNC_CONFIG_DIR"}
        self.environment = child_environment({**own, "PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)})

    def start(self, line: str) -> subprocess.Popen[str]:
        words = [
            str(ROOT / word) if (ROOT / word).is_file() and word != ".env" else word for word in line.split()
        ]
        if words[0] == "crmsync":
            words = [sys.executable, "-m", "workers.cli", *words[1:]]
        return subprocess.Popen(
            words,
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, line: str) -> tuple[int, str]:
        process = self.start(line)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said


@pytest.mark.scenario
@pytest.mark.timeout(240)
def test_a_newcomer_connects_two_accounts_as_readme_says(playground: Playground, tmp_path: Path) -> None:
    shell = Shell(playground, tmp_path)
    (tmp_path / "config").mkdir()
    playground.hubspot.make_list(LIST)
    for line in LINES:
        if line == "crmsync up":
            up = shell.start(line)
        elif line == "crmsync status":
            playground.wait_for(lambda: "salesforce/Lead" in _read_in_full(shell), 90)
        else:
            code, said = shell.run(line)
            assert code == 0 or line == "crmsync doctor", f"{line}: {said}"
    up.send_signal(signal.SIGTERM)
    up.communicate(timeout=60)
    assert up.returncode == 0


def _read_in_full(shell: Shell) -> list[str]:
    code, said = shell.run("crmsync status --json")
    assert code == 0, said
    found: list[str] = json.loads(said)["baselines"]
    return found
