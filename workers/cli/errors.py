"""``crmsync errors``: sync errors grouped by their cause, for whoever mends them."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from domain.wire import millis
from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import NothingMatched
from workers.cli.output import emit, moment, pairs, say, table
from workers.cli.session import operator, with_json, with_link, with_running_link
from workers.connection import Lane
from workers.views import ErrorGroup
from workers.views.export import write_csv


@click.group()
def errors() -> None:
    """Show sync errors by cause, export them, and try their contacts again."""


@errors.command("list")
@click.option(
    "--since",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")),
    help="Only errors that began at this moment or later, UTC.",
)
@with_json
@with_link
def list_(link: Link, *, since: datetime | None, as_json: bool) -> None:
    """List the causes, the most frequent first."""
    groups = views.errors(link.lane, since=millis(since.replace(tzinfo=UTC)) if since else 0)
    if as_json:
        emit([_with_count(group) for group in groups])
    elif groups:
        rows = (
            (each.errors, each.count, each.crm, each.code or each.reason, *_words(each)) for each in groups
        )
        say(table("", (">errors", ">contacts", "CRM", "code", "category", "cause", "remedy"), rows))
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
@with_running_link
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
        write_csv(sys.stdout, letters)
        return
    with output.open("w", encoding="utf-8-sig", newline="") as file:
        write_csv(file, letters)
    say(f"{len(letters)} sync errors are in {output}.")


def _of_code(lane: Lane, code: str) -> list[ErrorGroup]:
    groups = [each for each in views.errors(lane) if code in {each.code, each.reason}]
    if not groups:
        raise NothingMatched(f"There is no sync error {code}: crmsync errors list shows those there are.")
    return groups


def _words(group: ErrorGroup) -> tuple[str, str, str]:
    return group.category, group.cause, group.remedy


def _with_count(group: ErrorGroup) -> dict[str, object]:
    return {"count": group.count, "errors": group.errors, **msgspec.to_builtins(group)}
