"""``crmsync replay``: prove the running state from the log, or make it anew."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.progress import TimeRemainingColumn

from domain.surveying import PARTS
from workers import views
from workers.archive.segments import Damaged
from workers.archive.snapshots import Past
from workers.bootstrap import Link, Runtime
from workers.cli import bundles
from workers.cli.failures import DIFFERENT, Failed, NothingMatched
from workers.cli.moments import position_by
from workers.cli.output import emit, progress, say, table, written
from workers.cli.session import COUNT, with_json, with_logged_link, with_runtime
from workers.elsewhere import Taken
from workers.replay import Comparison, Decided, Progress
from workers.storage.memory import MemoryTables
from workers.store import START
from workers.views import BlanksView

ERASING = (
    "Nothing was compared: people were erased from what would be folded, and the epoch that begins without "
    "them has not begun yet. Workers begin it within a minute or two: run the command again then."
)


@click.group()
def replay() -> None:
    """Fold the log again, without calling a CRM, to verify or rebuild what is derived from it."""


replay.add_command(bundles.run)

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
@with_logged_link
def verify(link: Link, *, whole: bool, processes: int | None, as_json: bool) -> None:
    """Fold this epoch's log into memory and compare it with the running state; exit code 2 if they differ.

    The running state is hashed at the beginning, and deliverers and projectors wait for that moment. What
    comes in afterwards does not count.

    An epoch begins with each release, each week and each erasure. What an older release decided, a newer one
    may decide otherwise, and what an erased person had is blank in the log; so a verification begins with the
    epoch's snapshot, and is exact from there only. If somebody is erased meanwhile, it begins anew with the
    next epoch, or says that it must be run again once that has begun.
    """
    with _progress("Folding") as told:

        def verified(past: Past | None) -> Comparison:
            return link.replay(processes, past).verify(told)

        found = verified(None) if whole else _of_epoch(link, verified, lambda made: made.differing)
    blanks = _blanks(link, START) if whole else None
    different = "The running state is not what the log says. It differs in"
    _report(found, blanks, as_json=as_json, different=different)
    if found.differing:
        if not as_json and blanks is None:
            say("Make it anew: crmsync replay rebuild")
        raise SystemExit(DIFFERENT)


Made = TypeVar("Made")


def _of_epoch(
    link: Link, replayed: Callable[[Past | None], Made], differing: Callable[[Made], object]
) -> Made:
    """What a replay of this epoch makes; anew from a later one if people were erased from what it folded.

    Raises Failed if that epoch has not begun yet: what differs then tells nothing of the running state.
    """
    while True:
        past = link.epoch()
        position = past.position if past else START
        try:
            made = replayed(past)
        except Damaged:
            if _blanks(link, position) is None:
                raise
        else:
            if not differing(made) or _blanks(link, position) is None:
                return made
        later = link.epoch()
        if later is None or later.position == position:
            raise Failed(ERASING)


def _blanks(link: Link, position: str) -> BlanksView | None:
    return views.blanks(link.lane, link.archive.newest(), position)


@replay.command()
@with_processes
@click.option("--at", metavar="TIME", help="As it was then, and not now; only with --into.")
@click.option("--into", metavar="NAME", help="Put that under another name beside the running state.")
@with_json
@with_logged_link
def rebuild(link: Link, *, processes: int | None, at: str | None, into: str | None, as_json: bool) -> None:
    """Make everything derived anew beside the running state, compare, and switch over in one step.

    With --at and --into, nothing is switched: what was then can be looked at with -c NAME.
    """
    if (at is None) != (into is None):
        raise click.UsageError("--at and --into go together.")
    if at is not None and into is not None:
        _rebuild_elsewhere(link, position_by(at), into, as_json=as_json)
        return
    blanks = _blanks(link, START)
    with _progress("Rebuilding") as told:
        found = link.replay(processes).rebuild(told)
    _report(found, blanks, as_json=as_json, different="The new state is in use. The old one differed in")


def _rebuild_elsewhere(link: Link, until: str, name: str, *, as_json: bool) -> None:
    try:
        events = link.elsewhere(name).make(until, link.start_of(until))
    except Taken:
        kept = "past state" if name in link.runtime.pasts() else "connection"
        remedy = f", or crmsync replay forget {name}" if kept == "past state" else ""
        raise Failed(f"There is a {kept} {name} already: give another name{remedy}.") from None
    blanks = _blanks(link, until)
    if as_json:
        emit({"connection": name, "events": events, "blanks": blanks})
        return
    say(f"{events:,} events. Look at it: crmsync contact show -c {name} TEXT")
    if blanks is not None:
        say(f"{_erased(blanks)} since: of them it has ids and no values, and no decisions that held any.")


@replay.command()
@click.argument("name")
@with_runtime
def forget(runtime: Runtime, *, name: str) -> None:
    """Remove a past state that crmsync replay rebuild --into made; all else stays."""
    known = runtime.pasts()
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "there is none"
        raise NothingMatched(f"There is no past state {name}, {there}.")
    runtime.remove_past(name)
    say(f"{name} is removed, a past state of {known[name]}.")


def _erased(blanks: BlanksView) -> str:
    return f"{blanks.people:,} {'person was' if blanks.people == 1 else 'people were'} erased"


@replay.command()
@click.option("--whole", is_flag=True, help="Compare from the log's beginning, epochs of other releases too.")
@click.option(
    "--limit", type=COUNT, default=50, show_default=True, metavar="N", help="Show at most so many contacts."
)
@with_processes
@with_json
@with_logged_link
def diff(link: Link, *, whole: bool, limit: int, processes: int | None, as_json: bool) -> None:
    """List the contacts that this release decides otherwise than they were decided; exit code 2 if any.

    Read it before a new release is rolled out: install it beside the running one, and run this with it.
    Where somebody is erased meanwhile, it does as verify does.
    """
    with _progress("Folding") as told:

        def decided(past: Past | None) -> list[Decided]:
            return link.replay(processes, past).diff(MemoryTables(), told)

        found = decided(None) if whole else _of_epoch(link, decided, bool)
    if as_json:
        emit([_decided(each) for each in found])
    elif not found:
        say("Everybody is decided as before.")
    else:
        say(f"{len(found):,} contacts are decided otherwise.")
        columns = ("contact", "so far", "by this release")
        say(table("", columns, map(_row, found[:limit])))
    if found:
        raise SystemExit(DIFFERENT)


def _decided(each: Decided) -> dict[str, Any]:
    return {
        "entity": each.entity,
        "before": [views.decision(raw) for raw in each.before],
        "after": [views.decision(raw) for raw in each.after],
        "writes_before": each.writes_before,
        "writes_after": each.writes_after,
    }


def _row(each: Decided) -> tuple[str, str, str]:
    return (
        each.entity,
        "\n".join(_words(each.before, each.writes_before)),
        "\n".join(_words(each.after, each.writes_after)),
    )


def _words(closed: Sequence[bytes], writes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for raw in closed:
        seen = views.decision(raw)
        yield f"{seen.trigger} {seen.detail}: {seen.reason}, {seen.explanation or seen.text}"
        yield from (f"  {crm}: {written(fields)}" for crm, fields in seen.wrote.items())
    yield from (f"waits for {crm}: {written(fields)}" for crm, fields in writes.items())


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    with progress(TimeRemainingColumn()) as shown:
        bar = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=max(done, total))


def _report(found: Comparison, blanks: BlanksView | None, *, as_json: bool, different: str) -> None:
    if as_json:
        plain = {"position": found.position, "events": found.events, "differing": found.differing}
        shared = {"processes": found.processes, "met": found.met}
        emit({**plain, **shared, "blanks": blanks, "running": found.running, "replayed": found.replayed})
        return
    by = f", by {found.processes} processes" if found.processes > 1 else ""
    say(f"{found.events:,} events up to {found.position}{by}.")
    if found.met:
        say("One process had to fold all of them: what the contacts share could not be split.")
    if found.differing:
        say(f"{different}: {', '.join(found.differing)}.")
        if blanks is not None:
            say(
                f"{_erased(blanks)}: up to {blanks.until} the log has blanks in place of their values. Only "
                "a replay from a later epoch is exact, as crmsync replay verify makes it without --whole."
            )
    else:
        say("Both states are equal, part by part.")
