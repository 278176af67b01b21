"""``crmsync log``: what is archived of the log, and whether all of it is there."""

import click

from workers.archive.archiver import Archived
from workers.bootstrap import Link
from workers.cli.failures import Failed
from workers.cli.output import emit, say
from workers.cli.session import with_json, with_link


@click.group()
def log() -> None:
    """Archive the log, and check the archive."""


@log.command()
@with_json
@with_link
def archive(link: Link, *, as_json: bool) -> None:
    """Archive what is folded of the log now, and trim it to its bounds; workers do so each minute."""
    done = link.archiver.run()
    if as_json:
        emit(done._asdict())
    else:
        say(_done(done))


def _done(done: Archived) -> str:
    return (
        f"{done.events:,} events archived, up to {done.until}. The log's server let go of {done.trimmed:,}."
    )


@log.command()
@with_json
@with_link
def verify(link: Link, *, as_json: bool) -> None:
    """Compare the whole archive with its manifest and with the log; exit code 1 if anything is wrong."""
    faults, known = [*link.archive.faults(), *link.archiver.faults()], link.archive.newest()
    if as_json:
        found = {"segments": len(known.segments), "events": known.events, "bytes": known.size}
        emit({**found, "documents": len(known.documents), "until": known.last, "faults": faults})
        raise SystemExit(1 if faults else 0)
    counted = f"{len(known.segments):,} segments with {known.events:,} events, {known.size:,} bytes"
    say(f"{counted}, up to {known.last}.")
    if faults:
        raise Failed("\n".join(faults))
    say("Nothing is missing, and every file is what was written.")
