"""``crmsync shadow``: what shadow mode has kept from being written, and starting it."""

from collections.abc import Iterator
from itertools import chain

import click
from rich.console import RenderableType

from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, moment, pairs, say, shown, table
from workers.cli.session import COUNT, operator, with_json, with_link, with_running_link
from workers.cli.sync import follow, waiting
from workers.views import ShadowView, WouldWrite

LIMIT = 50


@click.group()
def shadow() -> None:
    """See what shadow mode has kept from being written, and have it written."""


@shadow.command()
@click.option(
    "--limit", type=COUNT, default=LIMIT, show_default=True, metavar="N", help="At most so many in full."
)
@with_json
@with_link
def report(link: Link, *, limit: int, as_json: bool) -> None:
    """List what would be written now, with the values, for everybody who was decided in shadow mode."""
    found = views.shadow(link.lane, limit)
    if as_json:
        emit(found)
    elif found.waiting or found.shadow:
        say(*_report(found))
    else:
        raise NothingMatched("Shadow mode is off, and nothing waits.")


def _report(found: ShadowView) -> Iterator[RenderableType]:
    mode = "on: nothing is written" if found.shadow else "off"
    yield pairs(
        (
            ("shadow mode", mode),
            ("waiting", f"{found.waiting:,} contacts"),
            *((f"would {act} in {crm}", f"{count:,}") for (crm, act), count in _counts(found)),
            ("nothing to write", f"{found.nothing:,} of them, as things are now"),
        )
    )
    if found.writes:
        rows = chain.from_iterable(map(_rows, found.writes))
        columns = ("contact", "CRM", "act", "object", "field", "now", "would be", "since (UTC)")
        yield table("", columns, rows)
    if found.waiting and not found.shadow:
        yield "crmsync shadow release has them decided anew, and written."


def _rows(each: WouldWrite) -> Iterator[tuple[object, ...]]:
    whom = (each.entity, each.crm, each.act, each.object)
    since = moment(each.since)
    if each.act == "delete":
        yield *whom, "", "", "", since
    for name, (before, after) in each.fields.items():
        yield *whom, name, shown(before), shown(after), since


def _counts(found: ShadowView) -> Iterator[tuple[tuple[str, str], int]]:
    for name, count in sorted(found.counts.items()):
        crm, _, act = name.partition(" ")
        yield (crm, act), count


@shadow.command()
@waiting
@with_json
@with_running_link
def release(link: Link, *, wait: bool, as_json: bool) -> None:
    """Have everybody who waits decided anew, by what is known now, and written; behind people's own edits."""
    found = views.shadow(link.lane, 0)
    if found.shadow:
        raise Failed("Shadow mode is on: set mode: live in the connection's file, then crmsync config apply.")
    if not found.waiting:
        raise NothingMatched("Nothing waits.")
    job = requests.start_job(link.lane, "shadow", operator())
    follow(link.lane, job, wait=wait, as_json=as_json, total=lambda: found.waiting)
