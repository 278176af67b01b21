"""The page of commands has what the commands say of themselves, word for word, and nothing else."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from workers.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
EVERYWHERE = {"help", "connection", "as_json"}
"""Options that the page explains once."""


def commands(
    group: click.Group, above: tuple[str, ...] = ("crmsync",)
) -> Iterator[tuple[str, click.Command]]:
    """All commands that do something, by their full names."""
    for name, command in group.commands.items():
        path = (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, path)
        else:
            yield " ".join(path), command


COMMANDS = dict(commands(main))


def entry(name: str, command: click.Command) -> str:
    """A command's part of the page, made from what click knows."""
    arguments = [each.make_metavar(click.Context(command)) for each in command.params if _is_argument(each)]
    rows = [f"| `{_spelled(each)}` | {each.help} |" for each in command.params if _is_shown(each)]
    arguments += ["[--json]" for each in command.params if each.name == "as_json"]
    table = "\n".join(["", "| option | meaning |", "|---|---|", *rows, ""]) if rows else ""
    return f"### `{' '.join((name, *arguments))}`\n\n{inspect.cleandoc(command.help or '')}\n{table}"


def _is_argument(each: click.Parameter) -> bool:
    return isinstance(each, click.Argument)


def _is_shown(each: click.Parameter) -> bool:
    return isinstance(each, click.Option) and each.name not in EVERYWHERE


def _spelled(each: click.Parameter) -> str:
    names = ", ".join(each.opts) + (f"/{each.secondary_opts[0]}" if each.secondary_opts else "")
    takes_none = isinstance(each, click.Option) and each.is_flag
    return names if takes_none else f"{names} {each.make_metavar(click.Context(main))}".replace("|", "\\|")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]

    assert (command.help or "").strip().endswith(".")
    assert all(each.help for each in command.params if isinstance(each, click.Option))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_on_the_page_as_it_is(name: str) -> None:
    assert entry(name, COMMANDS[name]) in (DOCS / "cli.md").read_text()


def test_the_page_has_no_other_commands() -> None:
    lines = (DOCS / "cli.md").read_text().splitlines()
    headings = [line.removeprefix("### `").rstrip("`") for line in lines if line.startswith("### `")]

    assert len(headings) == len(COMMANDS)


@pytest.mark.parametrize("page", ["cli.md", "runbook.md"])
def test_pages_name_only_commands_that_exist(page: str) -> None:
    text = (DOCS / page).read_text()
    named = {part.split("`")[0] for part in text.split("`crmsync ")[1:]}

    unknown = [each for each in named if each[0] not in "-<" and not _exists(each.split())]

    assert unknown == []


def _exists(words: list[str]) -> bool:
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True
