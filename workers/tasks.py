"""The Celery tasks: each fetches the runtime, calls one stage, and rings for what is left."""

from typing import Any, ClassVar

from celery import bootsteps
from celery.signals import worker_process_init
from redis.exceptions import RedisError

from domain.errors import Throttled, Transient
from domain.identity import Crm
from workers.bootstrap import Link, runtime
from workers.celery_app import app
from workers.configuration.problems import ConfigurationError
from workers.doorbells import Doorbells, Rhythm
from workers.telemetry import get_logger

SWEEP_SECONDS = 1.0

log = get_logger(__name__)


def bells(link: Link) -> Doorbells:
    """The doorbells of a connection."""
    return Doorbells(link.lane, lambda name, arguments: app.send_task(name, args=arguments))


@app.task(name="project")
def project(connection: str) -> dict[str, Any]:
    """Fold the log of a connection; then wake who delivers and reads."""
    link = runtime().link(connection)
    bells(link).answer("project")
    progress = link.projector.run()
    if progress.batches:
        bells(link).outbound()
    if progress.more:
        bells(link).ring("project")
    return {"connection": connection, **progress._asdict()}


@app.task(name="deliver")
def deliver(connection: str, crm: str) -> dict[str, Any]:
    """Send what is due to one CRM; shows what it did to whoever watches the tasks."""
    link = runtime().link(connection)
    bells(link).answer("deliver", crm)
    counts = link.deliverer(Crm(crm)).run()
    if counts.claimed:
        bells(link).ring("project")
    if counts.more:
        bells(link).ring("deliver", crm)
    shown = {"claimed": counts.claimed, "sent": counts.delivered, "rejected": counts.rejected}
    return {"connection": connection, "crm": crm, **shown, "batches": counts.batches}


@app.task(name="read")
def read(connection: str, crm: str) -> dict[str, Any]:
    """Answer the looks at one CRM that contacts wait for."""
    link = runtime().link(connection)
    bells(link).answer("read", crm)
    progress = link.reader(Crm(crm)).run()
    if progress.news:
        bells(link).ring("project")
    if progress.more:
        bells(link).ring("read", crm)
    return {"connection": connection, "crm": crm, **progress._asdict()}


@app.task(name="poll")
def poll(connection: str, crm: str, what: str) -> dict[str, Any]:
    """Look for changes in one CRM: ``changes``, ``check``, ``nightly`` or ``baseline``."""
    link = runtime().link(connection)
    bells(link).answer("poll", crm, what)
    try:
        new = getattr(link.poller(Crm(crm)), what)()
    except (Throttled, Transient) as error:  # the next slot goes on where this one stopped
        return {"connection": connection, "crm": crm, "what": what, "put_off": error.code}
    if new:
        bells(link).ring("project")
    return {"connection": connection, "crm": crm, "what": what, "new": new}


@app.task(name="control")
def control(connection: str) -> dict[str, Any]:
    """Record due timers, release ended holds, advance jobs."""
    link = runtime().link(connection)
    bells(link).answer("control")
    more = link.control.run()
    if more:
        bells(link).ring("project")
        bells(link).ring("control")
    return {"connection": connection, "more": more}


@app.task(name="metadata")
def metadata(connection: str) -> dict[str, Any]:
    """Look at schemas, lists, owners and accounts."""
    link = runtime().link(connection)
    bells(link).answer("metadata")
    new = link.metadata.observe(link.objects(), link.inclusion_lists())
    bells(link).ring("project")
    return {"connection": connection, "new": new}


def sweep() -> None:
    """Ring for every connection's backlog. An absent server is waited for."""
    try:
        for name in runtime().connections():
            _sweep(name)
    except RedisError:
        log.warning("server_away")
        runtime().revive()


def _sweep(name: str) -> None:
    link = runtime().link(name)
    try:
        rhythm = Rhythm(link.options.poll_seconds, link.options.check_seconds)
    except ConfigurationError as error:  # its file is broken or gone; the other connections go on
        log.warning("configuration_broken", connection=name, problems=len(error.problems))
        return
    bells(link).sweep(rhythm)


class Sweeper(bootsteps.StartStopStep):
    """Sweeps on this worker's own timer, from its start to its end."""

    requires: ClassVar = {"celery.worker.components:Timer"}

    def start(self, worker: Any) -> None:
        self._entry = worker.timer.call_repeatedly(SWEEP_SECONDS, sweep)

    def stop(self, worker: Any) -> None:  # noqa: ARG002 - a bootstep's signature
        self._entry.cancel()


app.steps["worker"].add(Sweeper)


def _after_fork(**_: object) -> None:
    runtime.cache_clear()


worker_process_init.connect(_after_fork)
