"""``crmsync config``: check the connection's file, put it in force, and see what was in force when."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from domain.events import ConfigurationApplied
from domain.identity import Crm
from domain.upcasting import decode
from workers.bootstrap import Link
from workers.cli.failures import Failed
from workers.cli.output import emit, moment, say, table
from workers.cli.session import operator, with_json, with_link
from workers.configuration import (
    Configuration,
    ConfigurationError,
    Problem,
    Schemas,
    Severity,
    check_against,
    check_owners,
    examine_lists,
)
from workers.connection import Lane, position_of
from workers.store import START

PAGE = 1_000
MARK = b'"configuration/'
"""Found in every event of this kind, so that the others need not be decoded."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A configuration that came into force."""

    position: str
    at: int
    digest: str
    by: str
    in_force: bool


@click.group()
def config() -> None:
    """Check the connection's file, put it in force, and list what was in force when."""


@config.command()
@click.option("--offline", is_flag=True, help="Check the file in itself, without asking either CRM.")
@with_json
@with_link
def validate(link: Link, *, offline: bool, as_json: bool) -> None:
    """Check the file in itself, and against what both accounts have."""
    problems = _problems(link, offline=offline)
    if as_json:
        emit([each._asdict() for each in problems])
    else:
        say(*map(str, problems), *([] if problems else [f"{link.runtime.file(link.name)} is right."]))
    if _hinders(problems):
        raise SystemExit(1)


@config.command()
@with_json
@with_link
def apply(link: Link, *, as_json: bool) -> None:
    """Put the file in force. This writes no record by itself; crmsync sync does."""
    problems = _against(link, link.configuration)
    if _hinders(problems):
        raise Failed("\n".join(map(str, problems)))
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
@with_json
@with_link
def history(link: Link, *, as_json: bool) -> None:
    """List the configurations that were in force, newest first."""
    found = list(_applied(link.lane))[::-1]
    if as_json:
        emit(found)
        return
    rows = ((moment(e.at), e.digest[:8], e.by, "in force" if e.in_force else "") for e in found)
    say(table("", ("from (UTC)", "configuration", "by", ""), rows))


def _problems(link: Link, *, offline: bool) -> list[Problem]:
    try:
        configuration = link.configuration
    except ConfigurationError as error:
        return list(error.problems)
    return [] if offline else _against(link, configuration)


def _against(link: Link, configuration: Configuration) -> list[Problem]:
    """What both accounts do not have or do not allow."""
    lists = (each.problem for each in examine_lists(configuration, link.lists))
    people = {crm: link.gateways[crm].owners() for crm in Crm}
    problems = [*check_against(configuration, described(link)), *check_owners(configuration, people)]
    return sorted([*problems, *(each for each in lists if each)], key=lambda each: each.line)


def described(link: Link) -> Schemas:
    """What both accounts say now about the objects that the file syncs."""
    return {(crm, name): link.gateways[crm].describe(name) for crm in Crm for name in link.objects()[crm]}


def _hinders(problems: list[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def _applied(lane: Lane) -> Iterator[Applied]:
    events = list(_events(lane))
    for position, event in events:
        at = position_of(position)[0]
        yield Applied(position, at, event.digest, event.by, in_force=position == events[-1][0])


def _events(lane: Lane) -> Iterator[tuple[str, ConfigurationApplied]]:
    after = START
    while page := lane.log.read(after, PAGE):
        after = page[-1].position
        for entry in page:
            if MARK in entry.raw and isinstance(event := decode(entry.raw), ConfigurationApplied):
                yield entry.position, event
