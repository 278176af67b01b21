"""Say whether the lock files still answer pyproject.toml; works without a network.

Every requirement has a pin that satisfies it, every pin that a lock says is wanted by the
project is still wanted, every pin has a hash, and nothing names a host or a place on one
machine. The image gets the versions that were tested: its lock pins nothing differently.
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


def requirements(pyproject: str) -> tuple[list[Requirement], list[Requirement]]:
    """What the product needs to run, and what working on it needs besides."""
    project = tomllib.loads(pyproject)["project"]
    development = project["optional-dependencies"]["dev"]
    return [Requirement(line) for line in project["dependencies"]], [
        Requirement(line) for line in development
    ]


def pins_of(lock: str) -> dict[str, re.Match[str]]:
    return {canonicalize_name(pin["name"]): pin for pin in PIN.finditer(lock)}


def problems(wanted: list[Requirement], lock: str) -> Iterator[str]:
    """What is out of step, one sentence each."""
    pins = pins_of(lock)
    for need in wanted:
        pin = pins.get(canonicalize_name(need.name))
        if pin is None:
            yield f"{need} is not pinned"
        elif not need.specifier.contains(pin["version"]):
            yield f"{need} is pinned to {pin['version']}"
    names = {canonicalize_name(need.name) for need in wanted}
    for name, pin in pins.items():
        if re.search(r"crmsync \(pyproject\.toml\)$", pin["rest"], re.MULTILINE) and name not in names:
            yield f"{name} is pinned for the project, which no longer asks for it"
        if "--hash=sha256:" not in pin["rest"]:
            yield f"{name} has no hash"
    for place in FOREIGN.finditer(lock):
        yield f"names a place: {place[0].strip()}"


def differences(tested: str, image: str) -> Iterator[str]:
    """What the image would run and nobody has tested."""
    known = {name: pin["version"] for name, pin in pins_of(tested).items()}
    for name, pin in pins_of(image).items():
        if known.get(name) != pin["version"]:
            yield f"{name} is {pin['version']} in the image and {known.get(name)} in the tests"


def main() -> int:
    running, development = requirements(Path("pyproject.toml").read_text())
    tested, image = Path("requirements.lock").read_text(), Path("deploy/requirements.lock").read_text()
    found = [
        *(f"requirements.lock: {problem}" for problem in problems(running + development, tested)),
        *(f"deploy/requirements.lock: {problem}" for problem in problems(running, image)),
        *(f"deploy/requirements.lock: {problem}" for problem in differences(tested, image)),
    ]
    for problem in found:
        print(f"{problem}; run `make lock`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
