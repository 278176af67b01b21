"""``crmsync config``: begin a connection's file, check it, put it in force, see what was in force when."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from domain.events import ConfigurationApplied
from domain.identity import Crm
from domain.upcasting import decode
from workers.bootstrap import Link, Runtime
from workers.cli import audited, planned
from workers.cli.failures import DIFFERENT, Failed
from workers.cli.output import emit, moment, progress, say, table
from workers.cli.session import (
    operator,
    with_json,
    with_link,
    with_logged_link,
    with_running_link,
    with_runtime,
)
from workers.clock import new_id
from workers.configuration import (
    Configuration,
    ConfigurationError,
    Problem,
    Schemas,
    Severity,
    audit,
    check_against,
    check_owners,
    examine_lists,
    loads,
    sample,
)
from workers.connection import Lane, position_of
from workers.dry_run import Proposal, dry_run
from workers.store import START

PAGE = 1_000
SAMPLES = 3
MARK = b'"configuration/'
"""Found in every event of this kind, so that the others need not be decoded."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration that was applied."""

    position: str
    at: int
    digest: str
    by: str
    in_force: bool


@click.group()
def config() -> None:
    """Begin and check the connection's file, put it in force, and list what was in force when."""


@config.command()
@click.argument("name")
@with_runtime
def init(runtime: Runtime, name: str) -> None:
    """Write a complete file for a new connection, with every key and a comment on it."""
    path = runtime.file(name)
    text = sample(name)
    loads(text, file=str(path))
    if path.exists():
        raise Failed(f"{path} exists already: it is left as it is.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    say(f"Written: {path}. Fill it in, then run crmsync config validate -c {name}")


@config.command()
@click.option("--offline", is_flag=True, help="Check the file in itself, without asking either CRM.")
@click.option("--mappings", is_flag=True, help="List what is mapped, how, and what does not fit.")
@with_json
@with_link
def validate(link: Link, *, offline: bool, mappings: bool, as_json: bool) -> None:
    """Check the file in itself, and against what both accounts have."""
    problems = _problems(link, offline=offline)
    if mappings and not offline and not _hinders(problems):
        audited.show(audit(link.configuration, described(link)), as_json=as_json)
    elif as_json:
        emit([each._asdict() for each in problems])
    else:
        say(*map(str, problems), *([] if problems else [f"{link.runtime.file(link.name)} is right."]))
    if _hinders(problems):
        raise SystemExit(1)


@config.command()
@with_json
@with_logged_link
def apply(link: Link, *, as_json: bool) -> None:
    """Put the file in force. This writes no record by itself; crmsync sync does."""
    problems = _bearable(link)
    before = link.lane.state().config
    digest = link.apply(operator())
    if as_json:
        warnings = [each._asdict() for each in problems]
        emit({"connection": link.name, "digest": digest, "before": before, "warnings": warnings})
        return
    say(*map(str, problems))
    fate = "stays in force" if digest == before else "comes into force"
    say(f"The configuration {digest[:8]} of {link.name} {fate}.")


@config.command()
@click.option(
    "--to", "earlier", metavar="DIGEST", help="Plan for an earlier configuration, not for the file."
)
@click.option(
    "--samples",
    type=click.IntRange(0),
    default=SAMPLES,
    show_default=True,
    metavar="N",
    help="Name so many contacts of each kind.",
)
@click.option("--show-values", is_flag=True, help="Show what the fields of these contacts would hold.")
@with_json
@with_link
def plan(link: Link, *, earlier: str | None, samples: int, show_values: bool, as_json: bool) -> None:
    """Say what applying the file and syncing everybody would do; exit code 2 if anything but now."""
    if earlier is None:
        _bearable(link)
    proposal = link.proposal(operator()) if earlier is None else _back(link.lane, earlier)
    with progress() as shown:
        bar = shown.add_task("Looking at contacts", total=None)
        report = dry_run(
            link.lane,
            proposal,
            samples=samples,
            progress=lambda done, total: shown.update(bar, completed=done, total=total),
        )
    if as_json:
        emit(planned.plain(report, values=show_values))
    else:
        say(*planned.shown(report, values=show_values))
    if report.differs:
        raise SystemExit(DIFFERENT)


@config.command()
@click.argument("digest", required=False)
@with_json
@with_running_link
def rollback(link: Link, *, digest: str | None, as_json: bool) -> None:
    """Put an earlier configuration in force again: the one before, or the one named by its first digits."""
    before = link.lane.state().config
    proposal = _back(link.lane, digest)
    link.lane.append([proposal.applied])
    if as_json:
        emit({"connection": link.name, "digest": proposal.applied.digest, "before": before})
        return
    say(
        f"The configuration {proposal.applied.digest[:8]} of {link.name} comes into force again.",
        f"{link.runtime.file(link.name)} is as it was: crmsync config apply would bring that into force.",
    )


def _back(lane: Lane, wanted: str | None) -> Proposal:
    """What puts an earlier configuration in force again."""
    current = lane.state().config
    known = dict.fromkeys(reversed([event.digest for _, event in _events(lane)]))  # the latest first
    found = [name for name in known if name.startswith(wanted or "") and name != current]
    if wanted is not None and len(found) > 1:
        raise Failed(
            f"{wanted} names {len(found)} configurations: give more digits of one in crmsync config history."
        )
    if not found:
        which = "no earlier one" if wanted is None else f"none that begins with {wanted} and is not in force"
        raise Failed(f"There is {which}: crmsync config history lists what was in force.")
    return Proposal((), ConfigurationApplied(digest=found[0], by=operator(), request=new_id()), ())


@config.command()
@with_json
@with_logged_link
def history(link: Link, *, as_json: bool) -> None:
    """List the configurations that were in force, newest first."""
    found = list(_applied(link.lane))[::-1]
    if as_json:
        emit(found)
        return
    rows = ((moment(e.at), e.digest[:8], e.by, "in force" if e.in_force else "") for e in found)
    say(table("", ("from (UTC)", "configuration", "by", ""), rows))


def _bearable(link: Link) -> list[Problem]:
    """What is not as it should be with the file, if it can be put in force nevertheless."""
    problems = _against(link, link.configuration)
    if _hinders(problems):
        raise Failed("\n".join(map(str, problems)))
    return problems


def _problems(link: Link, *, offline: bool) -> list[Problem]:
    try:
        configuration = link.configuration
    except ConfigurationError as error:
        return list(error.problems)
    return [] if offline else _against(link, configuration)


def _against(link: Link, configuration: Configuration) -> list[Problem]:
    """What both accounts do not have or do not allow."""
    lists = (each.problem for each in examine_lists(configuration, link.accounts.lists))
    people = {crm: link.accounts.gateways[crm].owners() for crm in Crm}
    problems = [*check_against(configuration, described(link)), *check_owners(configuration, people)]
    return sorted([*problems, *(each for each in lists if each)], key=lambda each: each.line)


def described(link: Link) -> Schemas:
    """What both accounts say now about the objects that the file syncs."""
    return {
        (crm, name): link.accounts.gateways[crm].describe(name) for crm in Crm for name in link.objects()[crm]
    }


def _hinders(problems: list[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def _applied(lane: Lane) -> Iterator[Applied]:
    """What the log says was applied. A configuration that cannot be used never came into force."""
    applied = lane.state().applied
    for position, event in _events(lane):
        at = position_of(position)[0]
        yield Applied(position, at, event.digest, event.by, in_force=position == applied)


def _events(lane: Lane) -> Iterator[tuple[str, ConfigurationApplied]]:
    after = START
    while page := lane.log.read(after, PAGE):
        after = page[-1].position
        for entry in page:
            if MARK in entry.raw and isinstance(event := decode(entry.raw), ConfigurationApplied):
                yield entry.position, event
