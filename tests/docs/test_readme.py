"""README shows only what is there: targets, commands, files."""

import re
from pathlib import Path

import click
import pytest

from workers.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.partition("#")[0].split()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.parametrize(
    "target",
    sorted({words[1] for words in COMMANDS if words[0] == "make"} | set(re.findall(r"`make (\w+)", README))),
)
def test_every_make_target_that_is_shown_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "crmsync"], ids=" ".join)
def test_every_command_that_is_shown_exists(words: list[str]) -> None:
    command: click.Command = main
    for word in words[1:]:
        if not isinstance(command, click.Group):
            break
        command = command.commands[word]
    assert command.help


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "cp"], ids=" ".join)
def test_every_file_that_is_copied_exists(words: list[str]) -> None:
    assert (ROOT / words[1]).is_file()


@pytest.mark.parametrize(
    "path",
    sorted(
        set(re.findall(r"`((?:domain|workers|simulators|tests|bench|deploy|docs|config)/[\w./]*)`", README))
    ),
)
def test_every_path_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_nothing_else_is_shown() -> None:
    assert {words[0] for words in COMMANDS} == {"make", "cp", "crmsync"}
