"""``crmsync log``: what is archived of the log, and whether all of it is there."""

import click

from workers import views
from workers.archive.archive import Archive
from workers.archive.archiver import Archived
from workers.archive.files import Files
from workers.archive.manifest import Manifest
from workers.archive.moving import Occupied, copy
from workers.archive.places import open_files
from workers.bootstrap import Link
from workers.cli import bundles
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, say
from workers.cli.session import with_json, with_link, with_logged_link
from workers.connection import RESTORED
from workers.restore import NothingToRestore


@click.group()
def log() -> None:
    """Archive the log, check the archive, go on from it on another server, put an incident into a file."""


@log.command()
@with_json
@with_logged_link
def archive(link: Link, *, as_json: bool) -> None:
    """Archive what is folded of the log now, and trim it to its bounds; workers do so each minute."""
    done = link.archiver.run()
    if as_json:
        emit(done._asdict())
    else:
        say(_done(done))


def _done(done: Archived) -> str:
    if done.busy:
        return f"Another process archives now; the archive ends at {done.until}."
    return (
        f"{done.events:,} events archived, up to {done.until}. The log's server let go of {done.trimmed:,}."
    )


@log.command()
@with_json
@with_logged_link
def verify(link: Link, *, as_json: bool) -> None:
    """Compare the whole archive with its manifest and with the log; exit code 1 if anything is wrong.

    Status and doctor tell when that was done last, and what came of it.
    """
    faults = [*dict.fromkeys((*link.archive.faults(), *link.archiver.faults()))]
    known = link.archive.known
    views.remember_verified(link.lane, known.last, len(faults))
    if as_json:
        found = {"segments": len(known.segments), "events": known.events, "bytes": known.size}
        emit({**found, "documents": len(known.documents), "until": known.last, "faults": faults})
        raise SystemExit(1 if faults else 0)
    counted = f"{len(known.segments):,} segments with {known.events:,} events, {known.size:,} bytes"
    say(f"{counted}, up to {known.last}.")
    if faults:
        raise Failed("\n".join(faults))
    say("Nothing is missing, and every file is what was written.")


@log.command()
@with_json
@with_link
def restore(link: Link, *, as_json: bool) -> None:
    """Let a server that was lost or set back go on where the archive ends; end all processes before.

    Writing is paused until both CRMs have been read again, then it goes on by itself.
    """
    try:
        found = link.restore()
    except NothingToRestore as error:
        raise NothingMatched(str(error)) from None
    link.runtime.register(link.name)
    if found.to_rebuild:
        link.replay(past=link.start_of(found.until, checked=True)).rebuild()
    if as_json:
        emit(found._asdict())
        return
    say(f"The log is there again up to {found.until}, {found.events:,} events. Start the processes.")
    if found.kept:
        say(f"Events that the server had taken in behind it are kept: {found.kept:,}.")
    if found.paused == RESTORED:
        say("Writing goes on by itself once both CRMs have been read: crmsync status.")
    else:
        say(f"Writing stays paused, as {found.paused} had left it. Once both CRMs are read: crmsync resume")


@log.command()
@click.argument("place")
@with_logged_link
def export(link: Link, *, place: str) -> None:
    """Write the whole log with all that belongs to it to PLACE, a directory or a URL, for another server.

    End all processes before. PLACE must hold no archive of the connection.
    """
    done = link.archiver.run(settled_ms=0)
    if done.busy:
        raise Failed(
            "Another process archives now, or was killed while it did: end all processes, and export "
            "again in a minute. Nothing was copied."
        )
    known, tail = link.archive.newest(), link.log.tail()
    if known.last != tail:
        raise Failed(
            f"The log goes up to {tail}, and is folded up to {known.last} only: let the processes catch up "
            "(crmsync status shows the lag), end them, and export again."
        )
    _copy(link.archive.files, known, open_files(place, link.name), place)
    say(f"{known.events:,} events are in {place}. On the other server: crmsync log import {place}")


@log.command("import")
@click.argument("place")
@with_link
def import_(link: Link, *, place: str) -> None:
    """Take over a log that crmsync log export wrote to PLACE, and go on with it on this server.

    Its connection must have no archive here yet.
    """
    files = open_files(place, link.name)
    known = Archive(files).newest()
    if not known.number:
        raise NothingMatched(f"{place} holds no archive of {link.name}: give the place of its export.")
    _copy(files, known, link.archive.files, "the archive here")
    say(f"{known.events:,} events are in the archive here. Go on with them: crmsync log restore")


def _copy(source: Files, known: Manifest, to: Files, place: str) -> None:
    try:
        copy(source, known, to)
    except Occupied:
        raise Failed(f"There is an archive of it in {place} already: nothing was copied.") from None


log.add_command(bundles.write)
