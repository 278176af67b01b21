"""``crmsync errors``: sync errors grouped by their cause, for whoever mends them."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click
import msgspec

from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import NothingMatched
from workers.cli.output import emit, moment, names, pairs, say, table
from workers.cli.session import operator, with_json, with_link
from workers.connection import Lane
from workers.views import ErrorGroup, LetterView

COLUMNS = (
    "contact",
    "crm",
    "reason",
    "code",
    "category",
    "cause",
    "remedy",
    "message",
    "fields",
    "at",
    "attempts",
    "letter",
)


@click.group()
def errors() -> None:
    """Show sync errors by cause, export them, and try their contacts again."""


@errors.command("list")
@with_json
@with_link
def list_(link: Link, *, as_json: bool) -> None:
    """List the causes, the most frequent first."""
    groups = views.errors(link.lane)
    if as_json:
        emit([_with_count(group) for group in groups])
    elif groups:
        rows = (
            (each.count, each.crm, each.code or each.reason, each.category, each.cause, each.remedy)
            for each in groups
        )
        say(table("", (">contacts", "CRM", "code", "category", "cause", "remedy"), rows))
    else:
        say("There are no sync errors.")


@errors.command()
@click.argument("code")
@with_json
@with_link
def show(link: Link, *, code: str, as_json: bool) -> None:
    """Show the errors of one code: the CRM's words, and the contacts."""
    groups = _of_code(link.lane, code)
    if as_json:
        emit([_with_count(group) for group in groups])
        return
    for each in groups:
        rows: list[tuple[str, object]] = [("cause", each.cause), ("remedy", each.remedy)]
        rows += [("message", message) for message in each.messages]
        rows += [("first", f"{moment(each.first_at)} UTC"), ("last", f"{moment(each.last_at)} UTC")]
        say(f"{each.crm} {each.code or each.reason}: {each.count} contacts", pairs(rows))
        say(*(f"  {contact}" for contact in each.contacts))


@errors.command()
@click.argument("code", required=False)
@click.option("--all", "every", is_flag=True, help="The contacts of every sync error.")
@with_link
def resync(link: Link, *, code: str | None, every: bool) -> None:
    """Read the contacts of an error anew in both CRMs and decide them again."""
    if (code is None) == (not every):
        raise click.UsageError("Give either a code or --all.")
    groups = views.errors(link.lane) if code is None else _of_code(link.lane, code)
    entities = dict.fromkeys(contact for group in groups for contact in group.contacts)
    if not entities:
        raise NothingMatched("There are no sync errors.")
    for entity in entities:
        requests.sync(link.lane, entity, operator())
    say(f"{len(entities)} contacts are being synced again.")


@errors.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file; without it, standard output.")
@with_link
def export(link: Link, *, output: Path | None) -> None:
    """Write all sync errors as CSV: the CRM's messages, but no field's value."""
    letters = views.sync_errors(link.lane)
    if output is None:
        _write(sys.stdout, letters)
        return
    with output.open("w", encoding="utf-8-sig", newline="") as file:
        _write(file, letters)
    say(f"{len(letters)} sync errors are in {output}.")


def _of_code(lane: Lane, code: str) -> list[ErrorGroup]:
    groups = [each for each in views.errors(lane) if code in {each.code, each.reason}]
    if not groups:
        raise NothingMatched(f"There is no sync error {code}: crmsync errors list shows those there are.")
    return groups


def _with_count(group: ErrorGroup) -> dict[str, object]:
    return {"count": group.count, **msgspec.to_builtins(group)}


def _write(file: TextIO, letters: list[LetterView]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for letter in letters:
        writer.writerow(_harmless(cell) for cell in _row(letter))


def _row(each: LetterView) -> Iterator[str]:
    yield from (each.entity, each.crm, each.reason, each.code, each.category, each.cause, each.remedy)
    yield from (each.message, names(each.fields), moment(each.at), str(each.attempts), each.key)


def _harmless(cell: str) -> str:
    """A spreadsheet takes what begins with these for a formula, and a CRM's message may begin with any."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
