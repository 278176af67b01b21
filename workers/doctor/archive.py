"""Checks of the archive: its place, how far it is behind, its snapshots, and whether it was verified."""

from collections.abc import Iterator

from workers.connection import position_of
from workers.doctor.findings import Finding, Health
from workers.views import ArchiveView

MINUTE_MS = 60_000
DAY_MS = 86_400_000

LATE_MS = 15 * MINUTE_MS
"""Workers archive each minute; who is so far behind does not."""

VERIFIED_DAYS = 35
"""A verification once a month is enough."""


def check_archive(found: ArchiveView, place: str, snapshot_days: int, now: int) -> Iterator[Finding]:
    """Whether the log is archived, and could be gone on from.

    ``place``: where the archive is; ``snapshot_days``: how often a snapshot is taken; ``now``: epoch ms.
    """
    if found.problem:
        remedy = "See the runbook: crmsync log verify says more, CRMSYNC_ARCHIVE_URL names the place."
        yield Finding(Health.FAIL, f"The archive in {place}: {found.problem}", remedy)
        return
    yield _archived(found, place)
    yield from _snapshots(found, snapshot_days)
    yield from _verified(found, now)


def _archived(found: ArchiveView, place: str) -> Finding:
    what = f"The archive in {place} holds {found.events:,} events, and {found.waiting:,} wait for it"
    if found.waiting_ms > LATE_MS:
        remedy = "Start the workers; if they run, archive_broken in their log says what stops them."
        return Finding(Health.WARN, f"{what} for {found.waiting_ms // MINUTE_MS:,} minutes.", remedy)
    return Finding(Health.OK, f"{what}.")


def _snapshots(found: ArchiveView, days: int) -> Iterator[Finding]:
    if found.snapshot_ms is None:
        return
    age = found.snapshot_ms // DAY_MS
    what = f"{found.snapshots:,} snapshots, the newest {age:,} days old"
    if age > 2 * days and position_of(found.snapshot) < position_of(found.until):
        remedy = f"Start the workers: they take one every {days} days (CRMSYNC_SNAPSHOT_DAYS)."
        yield Finding(Health.WARN, f"{what}.", remedy)
    else:
        yield Finding(Health.OK, f"{what}.")


def _verified(found: ArchiveView, now: int) -> Iterator[Finding]:
    last = found.verified
    if last is not None and last.faults:
        what = f"The last crmsync log verify found faults in the archive: {last.faults:,}."
        yield Finding(Health.FAIL, what, "Mend what it names, and run it again.")
    elif found.segments > 1 and (last is None or now - last.at > VERIFIED_DAYS * DAY_MS):
        what = "The archive was never verified" if last is None else "The archive was not verified for long"
        yield Finding(Health.WARN, f"{what}.", "Run crmsync log verify, about once a month.")
    elif last is not None:
        yield Finding(Health.OK, f"The archive was verified up to {last.until}, and was whole.")
