"""``crmsync pause``, ``resume`` and ``suspension``: stop writing, and let it go on."""

import click
from rich.table import Table

from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import NothingMatched
from workers.cli.output import emit, moment, say, table
from workers.cli.session import operator, with_json, with_link, with_running_link
from workers.views import StatusView


@click.command()
@click.option("--why", default="", help="A note for the log.")
@with_running_link
def pause(link: Link, *, why: str) -> None:
    """Stop all writing to both CRMs; changes are still taken in and decided."""
    requests.pause(link.lane, operator(), why)
    say(f"{link.name} is being paused; crmsync resume lets it go on.")


@click.command()
@with_running_link
def resume(link: Link) -> None:
    """Let writing go on after a pause."""
    requests.resume(link.lane, operator())
    say(f"{link.name} goes on.")


@click.group()
def suspension() -> None:
    """Show what stands still until somebody acts, and release it."""


@suspension.command()
@with_json
@with_link
def show(link: Link, *, as_json: bool) -> None:
    """Show suspended CRMs and tripped guards, each with cause and remedy; exit code 2 if there are any."""
    found = views.status(link.lane)
    tripped = [guard for guard in found.guards if guard.tripped]
    if as_json:
        emit({"suspended": found.suspended, "guards": tripped})
    elif found.suspended or tripped:
        say(_table(found))
    else:
        say("Nothing is suspended, and no guard has tripped.")
    if found.suspended or tripped:
        raise SystemExit(NothingMatched.exit_code)


def _table(found: StatusView) -> Table:
    rows = [
        (str(each.crm), moment(each.since), f"{each.code}: {each.cause}", each.remedy)
        for each in found.suspended
    ]
    rows += [
        (
            each.name,
            "",
            f"more than {each.limit} in one hour; {each.held} contacts wait",
            "See whether that many are meant, then clear it.",
        )
        for each in found.guards
        if each.tripped
    ]
    return table("", ("name", "since (UTC)", "cause", "remedy"), rows)


@suspension.command()
@click.argument("name", type=click.Choice(["hubspot", "salesforce", "creates", "deletes", "blanked"]))
@with_running_link
def clear(link: Link, *, name: str) -> None:
    """Let a suspended CRM, or what a tripped guard holds, go on."""
    found = views.status(link.lane)
    held = {str(each.crm) for each in found.suspended} | {each.name for each in found.guards if each.tripped}
    if name not in held:
        raise NothingMatched(f"{name} is not suspended: crmsync suspension show says what is.")
    requests.clear(link.lane, name, operator())
    say(f"{name} goes on.")
