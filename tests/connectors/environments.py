"""A virtual environment for each program, made once from its pinned requirements and then reused."""

import filecmp
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).with_name("requirements")


@dataclass(frozen=True)
class Environment:
    """An installed program; `trusted` is the file of the authorities that its HTTP client believes."""

    folder: Path
    version: str
    trusted: Path

    def command(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def trust(self, authority: Path) -> None:
        """Add an authority to those that the program's certifi came with."""
        published = self.trusted.with_suffix(".published")
        if not published.exists():
            shutil.copy(self.trusted, published)
        self.trusted.write_bytes(published.read_bytes() + b"\n" + authority.read_bytes())


def prepare(root: Path, name: str) -> Environment:
    """The environment of the program whose pins are `requirements/NAME.txt`, itself in the first line."""
    folder, pins = root / name, PINS / f"{name}.txt"
    installed, python = folder / "installed.txt", folder / "bin" / "python"
    if not installed.exists() or not filecmp.cmp(pins, installed, shallow=False):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--no-deps", "-r", str(pins)]
        subprocess.run(install, check=True)
        shutil.copy(pins, installed)
    version = pins.read_text().split("\n", 1)[0].partition("==")[2]
    ask = "import certifi, json; print(json.dumps(certifi.where()))"
    told = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    return Environment(folder, version, Path(json.loads(told.stdout)))
