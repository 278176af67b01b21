"""``crmsync sync``: have contacts brought into agreement, and follow how far it has come."""

from collections.abc import Callable

import click
from rich.progress import Progress, TimeElapsedColumn

from domain.book import Table, decode_closed
from domain.reasons import TEXT
from domain.state import Closed
from workers import requests
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.inclusion import size_of
from workers.cli.output import emit, progress, say
from workers.cli.session import Command, entity_of, operator, with_json, with_running_link
from workers.configuration import find_list
from workers.connection import Lane, position_of
from workers.jobs import Job, Jobs

EVERY_SECONDS = 0.5
RECENT = 20


@click.group()
def sync() -> None:
    """Bring contacts into agreement now: one, the members of a HubSpot list, or all that are known."""


def waiting(command: Command) -> Command:
    """Let the command end as soon as the log holds the request."""
    return click.option("--wait/--no-wait", "wait", default=True, help="Whether to follow it to its end.")(
        command
    )


@sync.command()
@click.argument("text")
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Seconds to follow it.",
)
@waiting
@with_json
@with_running_link
def contact(link: Link, *, text: str, timeout: int, wait: bool, as_json: bool) -> None:
    """Read a contact anew in both CRMs and sync it; TEXT is an e-mail address or an id."""
    lane = link.lane
    entity, before = entity_of(lane, text), lane.log.tail()
    requests.sync(lane, entity, operator())
    found = _ending(lane, entity, before, timeout) if wait else None
    if wait and found is None:
        raise Failed(
            f"{entity} is asked for and not decided after {timeout} s: crmsync contact explain {text} says "
            "what it waits for, and crmsync status whether the workers run."
        )
    if as_json:
        emit({"contact": entity, "decision": found})
    elif found is None:
        say(f"{entity} is asked for.")
    else:
        say(f"{entity}: {found.reason}. {TEXT[found.reason]} {found.explanation}".rstrip())


@sync.command("list")
@click.argument("name")
@waiting
@with_json
@with_running_link
def list_(link: Link, *, name: str, wait: bool, as_json: bool) -> None:
    """Sync the members of a HubSpot list, named by its name or id."""
    definition = find_list(link.accounts.lists, name)
    if definition is None:
        raise NothingMatched(f"HubSpot has no contact list {name}: give its name or id as HubSpot shows it.")
    objects = [kind.hubspot for kind in link.configuration.kinds.values()]
    job = requests.start_job(
        link.lane, "list", operator(), list_id=str(definition["listId"]), object_name=objects[0]
    )
    follow(link.lane, job, wait=wait, as_json=as_json, total=lambda: size_of(definition))


@sync.command("all")
@waiting
@with_json
@with_running_link
def all_(link: Link, *, wait: bool, as_json: bool) -> None:
    """Sync every contact that is known, in portions behind people's own edits."""
    lane = link.lane
    job = requests.start_job(lane, "all", operator())
    follow(lane, job, wait=wait, as_json=as_json, total=lambda: lane.tables().count(Table.CONTACTS))


def _ending(lane: Lane, entity: str, before: str, timeout: int) -> Closed | None:
    """The newest decision that an event behind ``before`` opened, once it is closed."""
    end = lane.clock.monotonic() + timeout
    while lane.clock.monotonic() < end:
        closed = [decode_closed(each) for each in lane.tables().decisions(entity, RECENT)]
        found = [each for each in closed if position_of(each.id) > position_of(before)]
        if found and not found[-1].superseded_by:
            return found[-1]
        lane.clock.sleep(EVERY_SECONDS)
    return None


def follow(
    lane: Lane, job_id: str, *, wait: bool, as_json: bool | None, total: Callable[[], int | None]
) -> None:
    """Follow a job, if that is wanted, until all that it asked for is decided.

    ``as_json``: how its end is told; None: not at all. ``total``: of its contacts, where that is known.
    """
    try:
        job = _followed(lane, job_id, total) if wait else _job(lane, job_id)
    except KeyboardInterrupt:
        raise Failed(
            f"Not followed to its end: the job {job_id[:8]} goes on by itself; crmsync status shows how far."
        ) from None
    if as_json:
        emit(job)
    if job.failed:
        raise Failed(f"The job {job.id[:8]} ended after {job.done:,} contacts: {job.failed}.")
    if as_json is False:
        say(f"{job.done:,} contacts were asked for." if wait else f"The job {job.id[:8]} goes on by itself.")


def _followed(lane: Lane, job_id: str, total: Callable[[], int | None]) -> Job:
    """A job as it ended, once all that it asked for is decided."""
    job = _job(lane, job_id)
    with progress(TimeElapsedColumn()) as bars:
        bar = bars.add_task("Requesting", total=total())
        while not job.finished:
            lane.clock.sleep(EVERY_SECONDS)
            job = _job(lane, job_id)
            waits = f", waits for {job.waits}" if job.waits else ""
            bars.update(bar, completed=job.done, description=f"Requesting{waits}")
        bars.update(bar, completed=job.done, total=job.done)
        _decide(lane, bars)
    return job


def _decide(lane: Lane, bars: Progress) -> None:
    """Wait until what was asked for is decided; the writes follow."""
    until, first = lane.log.tail(), lane.backlog()
    bar = bars.add_task("Deciding", total=first)
    while position_of(lane.tables().checkpoint()) < position_of(until):
        bars.update(bar, completed=max(0, first - lane.backlog()))
        lane.clock.sleep(EVERY_SECONDS)
    bars.update(bar, completed=first)


def _job(lane: Lane, job_id: str) -> Job:
    return next(job for job in Jobs(lane).all() if job.id == job_id)
