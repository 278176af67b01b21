"""What the commands share: the connection they are about, the output they are asked for, and who asks."""

import functools
import getpass
from collections.abc import Callable
from typing import Any

import click

from workers import bootstrap, views
from workers.bootstrap import Link, Runtime
from workers.cli.failures import Failed, NothingMatched
from workers.cli.moments import position_by
from workers.cli.patience import PatientLink
from workers.connection import Lane
from workers.telemetry import set_up_logging
from workers.travel import names_by

Command = Callable[..., Any]

COUNT = click.IntRange(1, 1_000_000)
"""How many lines of a list may be asked for."""


def runtime_of(context: click.Context) -> Runtime:
    """This process's runtime, unless whoever called the command gave another one."""
    given = context.find_object(Runtime)
    if given is not None:
        return given
    runtime = bootstrap.runtime()
    set_up_logging("warning", runtime.settings.log_format)
    return runtime


def with_runtime(command: Command) -> Command:
    """Give the command the runtime as its first argument."""

    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, **options: Any) -> Any:
        return command(runtime_of(context), **options)

    return run


def with_link(command: Command) -> Command:
    """Give the command the connection as its first argument, chosen by ``-c``."""

    @click.option("-c", "--connection", metavar="NAME", help="The connection; needed if there are several.")
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, *, connection: str | None, **options: Any) -> Any:
        runtime = runtime_of(context)
        return command(PatientLink(runtime, choose(runtime, connection)), **options)

    return run


def with_running_link(command: Command) -> Command:
    """As ``with_link``, for what workers are to do: a connection that they do not know is refused."""

    @functools.wraps(command)
    def run(link: Link, **options: Any) -> Any:
        refuse_past_state(link)
        if link.name not in link.runtime.connections():
            raise Failed(
                f"Nobody works on {link.name} yet: crmsync config apply puts its file in force. Where its "
                "log was lost or imported, crmsync log restore takes it up instead."
            )
        return command(link, **options)

    return with_link(run)


def with_logged_link(command: Command) -> Command:
    """As ``with_link``, for what goes by the events: a past state, which has none of its own, is refused."""

    @functools.wraps(command)
    def run(link: Link, **options: Any) -> Any:
        refuse_past_state(link)
        return command(link, **options)

    return with_link(run)


def refuse_past_state(link: Link) -> None:
    """Refuse what has no log of its own to go on with. Raises Failed."""
    running = link.runtime.connections()
    if link.name in link.runtime.pasts():
        raise Failed(
            f"{link.name} is a past state, to be looked at only: nobody works on it. "
            f"Name a connection that runs with -c ({', '.join(running)})."
        )


def with_json(command: Command) -> Command:
    """Let the command be asked for JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON; moments are epoch ms.")(command)


def choose(runtime: Runtime, given: str | None) -> str:
    """The connection that is meant: the one named, the only file, or the only one that the server knows.

    Raises:
        Failed: if it is not clear which, or there is none.
    """
    if given is not None:
        return _named(runtime, given)
    known = connections_of(runtime)
    if len(known) > 1:
        raise Failed(f"There are several connections: name one with -c ({', '.join(known)}).")
    return known[0]


def connections_of(runtime: Runtime) -> list[str]:
    """The connections that have a file; if none has, those that the server knows.

    Raises:
        Failed: if there is none.
    """
    known = _files(runtime) or runtime.connections()
    if not known:
        raise _none(runtime)
    return known


def _none(runtime: Runtime) -> Failed:
    settings = runtime.settings
    log = "on the log's server (CRMSYNC_REDIS_URL)"
    if settings.redis_url is None:
        log = f"in {settings.data_dir.resolve()} (CRMSYNC_DATA_DIR)"
    return Failed(
        f"There is no connection: no file in {settings.config_dir.resolve()} (CRMSYNC_CONFIG_DIR), and no "
        f"log {log}. Go where the installation is, or set these variables; "
        "crmsync config init NAME begins a new one."
    )


def _files(runtime: Runtime) -> list[str]:
    return sorted(path.stem for path in runtime.settings.config_dir.glob("*.yaml"))


def _named(runtime: Runtime, given: str) -> str:
    files = _files(runtime)
    if given in files:
        return given
    known = sorted({*files, *runtime.connections()})
    if given not in known and not runtime.keeps(given):
        if not known:
            raise _none(runtime)
        raise Failed(
            f"There is no connection {given}, there are {', '.join(known)}: "
            f"crmsync config init {given} begins one."
        )
    return given


def entity_of(lane: Lane, text: str, at: str | None = None) -> str:
    """The one contact that an e-mail address, a record's id or a contact's id names.

    ``at``: the moment that the lane is of; None: now.

    Raises:
        NothingMatched: if nothing is known by it.
        Failed: if several are.
    """
    found = views.find(lane, text)
    if not found and at is not None:
        raise NothingMatched(
            f"No contact of {lane.name} was known by {text} at {at}: crmsync contact events {text} lists "
            "since when the log tells of it."
        )
    if not found:
        raise NothingMatched(
            f"No contact of {lane.name} is known by {text}: give an e-mail address, a HubSpot id or a "
            "Salesforce id; crmsync status shows whether both CRMs have been read."
        )
    if len(found) > 1:
        raise Failed(f"{text} names {len(found)} contacts: give one of {', '.join(found)}.")
    return found[0]


def contact_at(link: Link, text: str, at: str | None) -> tuple[Lane, str]:
    """A contact, and its lane as it is now or was at a moment.

    It is looked for by what it is called now, and by what it was called then.

    Raises:
        NothingMatched: if nothing is or was known by the text.
        Failed: if several are or were, or the moment is none.
    """
    if at is None:
        return link.lane, entity_of(link.lane, text)
    refuse_past_state(link)
    known = views.find(link.lane, text)
    names = frozenset().union(names_by(text), *map(names_by, known))
    lane = link.traveller(position_by(at)).lane_with(names)
    for entity in known if len(known) == 1 else ():
        if views.exists(lane, entity):
            return lane, entity
    return lane, entity_of(lane, text, at)


def operator() -> str:
    """Who asks, for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        return "command line"
