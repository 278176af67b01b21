"""``crmsync replay``: prove the running state from the log, or make it anew."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import TimeRemainingColumn

from domain.groups import PARTS
from workers.bootstrap import Link
from workers.cli.failures import DIFFERENT
from workers.cli.output import emit, progress, say
from workers.cli.session import with_json, with_link
from workers.replay import Comparison, Progress
from workers.storage.memory import MemoryTables


@click.group()
def replay() -> None:
    """Fold the log again, without calling a CRM, to verify or rebuild what is derived from it."""


with_processes = click.option(
    "--processes",
    type=click.IntRange(1, PARTS),
    metavar="N",
    help="How many share the work; without it one for each core, if the log is long.",
)


@replay.command()
@click.option("--whole", is_flag=True, help="Fold from the log's beginning, epochs of other releases too.")
@with_processes
@with_json
@with_link
def verify(link: Link, *, whole: bool, processes: int | None, as_json: bool) -> None:
    """Fold this epoch's log into memory and compare it with the running state; exit code 2 if they differ.

    An epoch begins with each release, and each week. What an older release decided, a newer one may decide
    otherwise; so a verification begins with the epoch's snapshot.
    """
    with _progress("Folding") as told:
        past = None if whole else link.epoch()
        found = link.replay(processes, past).verify(MemoryTables(), told)
    _report(found, as_json=as_json, different="The running state is not what the log says. It differs in")
    if found.differing:
        if not as_json:
            say("Make it anew: crmsync replay rebuild")
        raise SystemExit(DIFFERENT)


@replay.command()
@with_processes
@with_json
@with_link
def rebuild(link: Link, *, processes: int | None, as_json: bool) -> None:
    """Make everything derived anew beside the running state, compare, and switch over in one step."""
    with _progress("Rebuilding") as told:
        found = link.replay(processes).rebuild(told)
    _report(found, as_json=as_json, different="The new state is in use. The old one differed in")


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    with progress(TimeRemainingColumn()) as shown:
        bar = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=max(done, total))


def _report(found: Comparison, *, as_json: bool, different: str) -> None:
    if as_json:
        plain = {"position": found.position, "events": found.events, "differing": found.differing}
        shared = {"processes": found.processes, "met": found.met}
        emit({**plain, **shared, "running": found.running, "replayed": found.replayed})
        return
    by = f", by {found.processes} processes" if found.processes > 1 else ""
    say(f"{found.events:,} events up to {found.position}{by}.")
    if found.met:
        say("One process had to fold all of them: what the contacts share could not be split.")
    if found.differing:
        say(f"{different}: {', '.join(found.differing)}.")
    else:
        say("Both states are equal, part by part.")
