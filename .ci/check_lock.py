"""Say whether requirements.lock still answers pyproject.toml; works without a network.

Every requirement has a pin that satisfies it, every pin that the lock says is wanted by
the project is still wanted, every pin has a hash, and nothing in the lock names a host
or a place on one machine.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ]+)(?P<rest>.*(?:\n[ ]+.*)*)", re.MULTILINE)
FOREIGN = re.compile(r"^\s*--(?!hash)\S+|://|@ file:|^/", re.MULTILINE)


def problems(pyproject: str, lock: str) -> Iterator[str]:
    """What is out of step, one sentence each."""
    project = tomllib.loads(pyproject)["project"]
    wanted = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]
    pins = {canonicalize_name(pin["name"]): pin for pin in PIN.finditer(lock)}
    for need in wanted:
        pin = pins.get(canonicalize_name(need.name))
        if pin is None:
            yield f"{need} is not pinned"
        elif not need.specifier.contains(pin["version"]):
            yield f"{need} is pinned to {pin['version']}"
    names = {canonicalize_name(need.name) for need in wanted}
    for name, pin in pins.items():
        if "crmsync (pyproject.toml)" in pin["rest"] and name not in names:
            yield f"{name} is pinned for the project, which no longer asks for it"
        if "--hash=sha256:" not in pin["rest"]:
            yield f"{name} has no hash"
    for place in FOREIGN.finditer(lock):
        yield f"names a place: {place[0].strip()}"


def main() -> int:
    found = list(problems(Path("pyproject.toml").read_text(), Path("requirements.lock").read_text()))
    for problem in found:
        print(f"requirements.lock: {problem}; run `make lock`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
