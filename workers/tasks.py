"""The Celery tasks: each fetches the runtime, calls one stage, and rings for what is left."""

from typing import Any, ClassVar

from celery import bootsteps
from celery.signals import worker_process_init
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from domain.errors import Throttled, Transient
from domain.identity import Crm
from domain.upcasting import NewerEvent
from workers.archive.archiver import Discontinued
from workers.archive.segments import Damaged
from workers.bootstrap import Link, runtime
from workers.celery_app import app, send, spare_what_is_loaded
from workers.configuration.problems import ConfigurationError
from workers.doorbells import Doorbells, Rhythm
from workers.embedded import EmbeddedServerError
from workers.telemetry import get_logger

SWEEP_SECONDS = 1.0

TURN_MS = 900
"""So long nobody else of a release sweeps a connection that one of its workers has swept."""

ASKING_MS = 60_000
"""As long as a CRM may be silent; so long nobody else asks it the same for a connection."""

SNAPSHOT_SECONDS = 100
"""How long folding may take: an epoch begins with a snapshot, half a minute for a million contacts."""

ARCHIVE_SECONDS = 540
"""How long archiving may take: to erase somebody, all snapshots are read. Two at once do no harm."""

log = get_logger(__name__)


def bells(link: Link) -> Doorbells:
    """The doorbells of a connection."""
    return Doorbells(link.lane, send)


@app.task(name="project", soft_time_limit=SNAPSHOT_SECONDS, time_limit=SNAPSHOT_SECONDS + 10)
def project(connection: str) -> dict[str, Any]:
    """Fold the log of a connection; wake who delivers and reads after each portion."""
    link = runtime().renewed(connection)
    bells(link).answer("project")
    try:
        if not link.epochs.enter():
            return {"connection": connection, "why": "another release folds, or the epoch is being begun"}
        progress = link.projector.run(committed=bells(link).onward)
    except NewerEvent as error:  # nothing is skipped: the log waits for a worker that knows the event
        log.error("event_newer", connection=connection, why=str(error))  # noqa: TRY400 - no traceback helps here
        return {"connection": connection, "why": str(error)}
    except (Discontinued, Damaged) as error:  # nothing is folded on a wrong footing
        return _broken(connection, error)
    if progress.more:
        bells(link).ring("project")
    return {"connection": connection, **progress._asdict()}


@app.task(name="deliver")
def deliver(connection: str, crm: str) -> dict[str, Any]:
    """Send what is due to one CRM; shows what it did to whoever watches the tasks."""
    link = runtime().renewed(connection)
    bells(link).answer("deliver", crm)
    counts = link.deliverer(Crm(crm)).run()
    if counts.claimed or counts.stale:
        bells(link).ring("project")
    if counts.more:
        bells(link).ring("deliver", crm)
    if counts.misfits:
        bells(link).ring("metadata")
    shown = {"claimed": counts.claimed, "sent": counts.delivered, "rejected": counts.rejected}
    return {"connection": connection, "crm": crm, **shown, "batches": counts.batches}


@app.task(name="read")
def read(connection: str, crm: str) -> dict[str, Any]:
    """Answer the looks at one CRM that contacts wait for."""
    link = runtime().renewed(connection)
    bells(link).answer("read", crm)
    progress = link.reader(Crm(crm)).run()
    if progress.news:
        bells(link).ring("project")
    if progress.more:
        bells(link).ring("read", crm)
    return {"connection": connection, "crm": crm, **progress._asdict()}


@app.task(name="poll")
def poll(connection: str, crm: str, what: str) -> dict[str, Any]:
    """Look for changes in one CRM: ``changes``, ``check``, ``nightly``, ``baseline`` or ``campaigns``."""
    link = runtime().renewed(connection)
    bells(link).answer("poll", crm, what)
    poller = link.poller(Crm(crm))
    try:
        new = getattr(poller, what)()
    except (Throttled, Transient) as error:
        bells(link).put_off(link.options.poll_seconds, "poll", crm, what)
        return {"connection": connection, "crm": crm, "what": what, "put_off": error.code}
    if new:
        bells(link).ring("project")
    if poller.cut_short:
        bells(link).put_off(link.options.poll_seconds, "poll", crm, what)
    return {"connection": connection, "crm": crm, "what": what, "new": new}


@app.task(name="control")
def control(connection: str) -> dict[str, Any]:
    """Record due timers, release ended holds, advance jobs; wake who asks HubSpot for lists."""
    link = runtime().renewed(connection)
    bells(link).answer("control")
    more = link.control.run()
    if more:
        bells(link).ring("project")
        bells(link).ring("control")
    if link.control.jobs.asking():
        bells(link).ring("members")
    return {"connection": connection, "more": more}


@app.task(name="members")
def members(connection: str) -> dict[str, Any]:
    """Advance the jobs that sync the members of a HubSpot list."""
    link = runtime().renewed(connection)
    bells(link).answer("members")
    with link.lane.lease("members", ASKING_MS) as lease:
        if lease is None:
            return {"connection": connection, "why": "another one asks"}
        more = link.jobs.ask()
    bells(link).ring("project")
    if more or lease.asked:
        bells(link).ring("members")
    return {"connection": connection, "more": more}


@app.task(name="memberships")
def memberships(connection: str) -> dict[str, Any]:
    """Sweep the inclusion lists whose members only HubSpot knows."""
    link = runtime().renewed(connection)
    bells(link).answer("memberships")
    try:
        new = link.memberships.sweep()
    except (Throttled, Transient) as error:
        bells(link).put_off(link.options.poll_seconds, "memberships")
        return {"connection": connection, "put_off": error.code}
    if new is None:
        bells(link).put_off(link.options.poll_seconds, "memberships")
    elif new:
        bells(link).ring("project")
    return {"connection": connection, "new": new}


@app.task(name="metadata")
def metadata(connection: str) -> dict[str, Any]:
    """Look at schemas, lists, owners and accounts."""
    link = runtime().renewed(connection)
    bells(link).answer("metadata")
    with link.lane.lease("metadata", ASKING_MS) as lease:
        if lease is None:
            return {"connection": connection, "why": "another one asks"}
        new = link.metadata.refresh(link.objects(), link.inclusion_lists())
    if new:
        bells(link).ring("project")
    if lease.asked:
        bells(link).ring("metadata")
    return {"connection": connection, "new": new}


@app.task(name="notices")
def notices(connection: str) -> dict[str, Any]:
    """Tell of new sync errors and suspensions, where somebody is to be told."""
    link = runtime().renewed(connection)
    bells(link).answer("notices")
    telling = link.notices()
    return {"connection": connection, "told": telling.run() if telling else 0}


@app.task(name="archive", soft_time_limit=ARCHIVE_SECONDS, time_limit=ARCHIVE_SECONDS + 60)
def archive(connection: str) -> dict[str, Any]:
    """Write what is settled of the log to the archive, and trim it to its bounds."""
    link = runtime().renewed(connection)
    bells(link).answer("archive")
    try:
        done = link.archiver.run()
        link.renew_epoch()
        link.eraser.run()
    except (Discontinued, Damaged) as error:  # nothing was trimmed
        return _broken(connection, error)
    return {"connection": connection, **done._asdict()}


def _broken(connection: str, error: Exception) -> dict[str, Any]:
    """Log and archive do not go together: an operator must look."""
    log.error("archive_broken", connection=connection, why=str(error))
    return {"connection": connection, "why": str(error)}


def sweep() -> None:
    """Ring for every connection's backlog. An absent server or broker is waited for.

    Each connection is swept by one worker of a release a second, so that more workers cost hardly more.
    """
    try:
        for name in runtime().connections():
            _sweep(name)
    except (RedisError, OperationalError):
        log.warning("server_away")
        _revive()


def _revive() -> None:
    try:
        runtime().revive()
    except EmbeddedServerError as error:
        log.warning("server_away", error=str(error))


def _sweep(name: str) -> None:
    try:
        _sweep_in_turn(runtime().link(name))
    except ConfigurationError as error:  # its file is broken or gone; the other connections go on
        log.warning("configuration_broken", connection=name, problems=len(error.problems))
    except (RedisError, OperationalError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one connection, the others go on
        log.warning("sweep_failed", connection=name, error=type(error).__name__)


def _sweep_in_turn(link: Link) -> None:
    """Sweep, unless another worker has just done so; one that cannot leaves the turn to another."""
    coordination, turn = link.lane.coordination, f"sweep/{link.stores.generations.ours}"
    if not coordination.ring(turn, TURN_MS):
        return
    try:
        link = runtime().renewed(link.name)
        rhythm = Rhythm(link.options.poll_seconds, link.options.check_seconds)
        if link.stores.generations.release() == link.stores.generations.ours:
            link.epochs.say_alive()
        bells(link).sweep(rhythm)
    except BaseException:
        coordination.unring(turn)
        raise


class Sweeper(bootsteps.StartStopStep):
    """Sweeps on this worker's own timer, from its start to its end."""

    requires: ClassVar = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        self._entry = worker.timer.call_repeatedly(SWEEP_SECONDS, sweep)

    def stop(self, worker: Any) -> None:  # noqa: ARG002 - a bootstep's signature
        self._entry.cancel()


app.steps["worker"].add(Sweeper)


def _after_fork(**_: object) -> None:
    runtime.cache_clear()  # the parent's; first, or it would be spared too
    spare_what_is_loaded()


worker_process_init.connect(_after_fork)
