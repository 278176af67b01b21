"""``crmsync log bundle`` and ``crmsync replay bundle``: an incident in a file, and what comes of it."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from domain.bundling import Departure
from workers.bootstrap import Link
from workers.bundle_files import BadBundle, Header
from workers.bundling import Erased, NoDecision, Replayed, Unfaithful, replayed, told_of
from workers.cli.explanation import render
from workers.cli.failures import DIFFERENT, Failed, NothingMatched
from workers.cli.moments import end_of, with_moment
from workers.cli.output import clean, console, emit, say, table
from workers.cli.session import contact_at, entity_of, with_json, with_logged_link

SHOWN = 20
"""How many of the things are named that keep a bundle from being written."""


@click.command("bundle")
@click.argument("text")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; packed if it ends in .zst."
)
@click.option("--decision", default="", metavar="ID", help="As it was when this decision was closed.")
@with_moment
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@with_json
@with_logged_link
def write(
    link: Link, *, text: str, out: Path | None, decision: str, at: str | None, force: bool, as_json: bool
) -> None:
    """Write a file that reproduces what was decided about a contact, with the person's values masked.

    It works while the processes run, and changes nothing. Fields that had to be left as they are, because a
    list or a rule reads them, are named: look at them before the file is sent to anybody.
    """
    at = at or _closed_at(link, text, decision)
    lane, entity = contact_at(link, text, at)
    path = out or Path(f"bundle-{entity.replace('/', '-')}.jsonl")
    if path.exists() and not path.is_file():
        raise Failed(f"{path} is no file: give another name with --out.")
    if path.exists() and not force:
        raise Failed(f"{path} exists already: give another name with --out, or --force.")
    try:
        header = link.bundler.bundle(path, lane, entity, decision)
    except Erased:
        raise Failed(f"{entity} was erased for privacy: there is nothing of it to bundle.") from None
    except NoDecision:
        raise NothingMatched(
            f"The contact has no decision {decision}: crmsync contact history {text} lists them."
        ) from None
    except Unfaithful as error:
        raise Failed(f"{error}. No file was written. What differs:\n{_lines(error.departures)}") from None
    if as_json:
        emit({"file": str(path), **_plain(header)})
    else:
        _say_written(path, header)


def _closed_at(link: Link, text: str, decision: str) -> str | None:
    """The moment at which a decision was closed; None: it is open, or not known, or none was asked for."""
    if not decision:
        return None
    ended = told_of(link.lane, entity_of(link.lane, text)).decisions.get(decision)
    return end_of(ended.closed_at) if ended else None


def _plain(header: Header) -> dict[str, Any]:
    named = ("contact", "until", "decision", "reason", "unmasked")
    return {name: getattr(header, name) for name in named}


def _say_written(path: Path, header: Header) -> None:
    say(
        f"Written: {path}. Replayed, it decides {header.contact} as it was decided here: "
        f"{header.reason or 'not at all'}."
    )
    if header.unmasked:
        say("Left as they are, because the same must be decided; look at them before you send the file:")
        rows = ((each.crm, each.object, each.field, each.why) for each in header.unmasked)
        say(table("", ("CRM", "object", "field", "why"), rows))
    say(f"Anywhere: crmsync replay bundle {path}")


@click.command("bundle")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_json
def run(*, file: Path, as_json: bool) -> None:
    """Fold a bundle in memory and say what is decided; exit code 2 if that is not what it says.

    It needs no server, no configuration and no credentials.
    """
    try:
        found = replayed(file)
    except BadBundle as error:
        raise Failed(f"{file}, {error}.") from None
    if as_json:
        emit(_result(found))
    else:
        _say_replayed(found)
    if found.departures:
        raise SystemExit(DIFFERENT)


def _result(found: Replayed) -> dict[str, Any]:
    return {
        **_plain(found.header),
        "release": found.header.release,
        "same": not found.departures,
        "differences": [each._asdict() for each in found.departures],
        "expected": found.header.told,
        "found": found.told,
        "explanation": found.explanation,
    }


def _say_replayed(found: Replayed) -> None:
    header = found.header
    say(f"{header.contact} of {header.connection} up to {header.until}, bundled by {header.release}")
    if found.told.decisions:
        rows = (
            (name, f"{each.trigger} {each.detail}", each.reason, each.explanation)
            for name, each in found.told.decisions.items()
        )
        say(table("", ("decision", "trigger", "reason", "explanation"), rows))
    if found.explanation is not None:
        render(console(), found.explanation)
    if found.departures:
        say("It is decided otherwise than the bundle says:", _differences(found.departures))
    else:
        say("It is decided as the bundle says.")


def _differences(rows: Iterable[Departure]) -> Table:
    return table("", ("what", "expected", "found"), rows)


def _lines(rows: Iterable[Departure]) -> str:
    lines = (
        f"  {each.what}: {each.expected} there, {each.found} in the bundle" for each in islice(rows, SHOWN)
    )
    return clean("\n".join(lines))
