"""``crmsync status``: how a connection is doing."""

from collections.abc import Iterator
from dataclasses import dataclass

import click
import msgspec
from rich.table import Table

from domain.book import OPEN, decode
from domain.book import Table as Shelf
from domain.identity import Crm
from domain.reasons import WAIT_TEXT
from workers import views
from workers.bootstrap import Link
from workers.cli.output import emit, length, moment, pairs, say, table
from workers.cli.session import with_json, with_link
from workers.configuration import ConfigurationError
from workers.connection import Lane
from workers.limits import Usage
from workers.poll import OVERLAP_MS, Cursor
from workers.views import ArchiveView, ErrorGroup, StatusView

FAR = 2**62
OLDEST = 5
"""How many of the open decisions are shown."""

CAUSES = 5
"""How many causes of sync errors are shown."""


@dataclass(frozen=True, slots=True)
class OpenDecision:
    """An open decision, by age."""

    entity: str
    decision: str
    trigger: str
    wait: str
    text: str
    age_ms: int


@dataclass(frozen=True, slots=True)
class Poll:
    """How far an object was polled."""

    place: str
    until: int  #: everything before this moment of the CRM's clock has been seen, epoch ms


@dataclass(frozen=True, slots=True)
class Status:
    """All that the command shows."""

    status: StatusView
    oldest: list[OpenDecision]
    polls: list[Poll]
    causes: list[ErrorGroup]
    archive: ArchiveView
    past_of: str  #: the connection of which this is a past state; empty: of none
    pasts: list[str]  #: its past states


@click.command()
@with_json
@with_link
def status(link: Link, *, as_json: bool) -> None:
    """Show lag, queues, open decisions, what is paused, suspended or held, jobs, rules, budgets and polls."""
    lane = link.lane
    now, causes, archived = (
        views.status(lane, _budgets(link)),
        views.errors(lane),
        views.archive(link.archiver),
    )
    known = link.runtime.pasts()
    pasts = [name for name, connection in known.items() if connection == link.name]
    past_of = known.get(link.name, "")
    found = Status(now, list(_oldest(lane)), list(_polls(lane)), causes, archived, past_of, pasts)
    if as_json:
        errors = [{"crm": each.crm, "code": each.code, **_counts(each)} for each in causes]
        more = {"oldest_open": found.oldest, "polls": found.polls, "errors": errors, "archive": archived}
        emit({**msgspec.to_builtins(now), **more, "past_of": past_of, "pasts": pasts})
        return
    say(pairs(_facts(found)), *_tables(found))


def _counts(group: ErrorGroup) -> dict[str, object]:
    return {"cause": group.cause, "errors": group.errors, "contacts": group.count}


def _budgets(link: Link) -> dict[Crm, Usage]:
    """What the limiters say; nothing while the connection's file cannot be read."""
    try:
        return {crm: link.accounts.limiter(crm).usage() for crm in Crm}
    except ConfigurationError:
        return {}


def _oldest(lane: Lane) -> Iterator[OpenDecision]:
    tables, now = lane.tables(), lane.clock.now_ms()
    due = tables.due(OPEN, FAR, OLDEST)
    for (entity, since), raw in zip(
        due, tables.fetch(Shelf.CONTACTS, [each for each, _ in due]), strict=True
    ):
        known = decode(Shelf.CONTACTS, raw) if raw else None
        if known is not None and known.opened is not None:
            opened, wait = known.opened, known.wait
            text = WAIT_TEXT[wait] if wait else ""
            yield OpenDecision(entity, opened.id, opened.trigger, str(wait or ""), text, max(0, now - since))


def _polls(lane: Lane) -> Iterator[Poll]:
    for crm, name in sorted(lane.policy().by_object):
        raw = lane.coordination.cursor(f"poll/{crm}/{name}")
        if raw is not None:
            yield Poll(f"{crm}/{name}", msgspec.json.decode(raw, type=Cursor).since + OVERLAP_MS)


def _facts(found: Status) -> Iterator[tuple[str, object]]:
    now = found.status
    yield "connection", _name(found)
    yield "configuration", now.configuration or _unconfigured(found.archive)
    yield "writing", f"paused by {now.paused}: crmsync resume" if now.paused else _writing(now)
    for each in now.suspended:
        yield "suspended", f"{each.crm} since {moment(each.since)} UTC: {each.cause} {each.remedy}"
    for crm, until in now.throttled.items():
        yield "throttled", f"{crm} until {moment(until)} UTC"
    for guard in now.guards:
        state = f"tripped, {guard.held} contacts wait: crmsync suspension clear {guard.name}"
        yield (
            f"guard {guard.name}",
            state if guard.tripped else f"{guard.count} of {guard.limit} in this hour",
        )
    yield "read in full", ", ".join(now.baselines) if now.baselines else "nothing yet"
    yield "contacts", f"{now.contacts:,}"
    yield from _kept(found)
    yield "kept", now.retention.text
    yield "lag", _lag(now) if now.lag else "none"
    for name, count in now.faults.items():
        yield "faults", f"{name}: {count}"
    for crm, count in now.letters.items():
        if count:
            yield "dead letters", f"{crm}: {count}"
    for crm, count in now.held.items():
        if count:
            yield "held back", f"{crm}: {count} fields"
    for poll in found.polls:
        yield "polled", f"{poll.place} until {moment(poll.until)} UTC"


def _lag(now: StatusView) -> str:
    newer = f". Nothing is folded any more: {now.newer}" if now.newer else ""
    return f"{now.lag:,} events, {length(now.lag_ms)}{newer}"


def _name(found: Status) -> str:
    name = found.status.connection
    return f"{name}, a past state of {found.past_of}" if found.past_of else name


def _kept(found: Status) -> Iterator[tuple[str, str]]:
    """What is kept beside the state; a past state has no events of its own."""
    if not found.past_of:
        yield "log", _log(found)
        yield "archive", _archive(found.archive)
        yield "snapshots", _snapshots(found.archive)
    if found.pasts:
        yield "past states", f"{', '.join(found.pasts)}: crmsync replay forget NAME removes one"


def _unconfigured(archive: ArchiveView) -> str:
    remedy = "crmsync log restore goes on from the archive" if archive.events else "crmsync config apply"
    return f"none is in force: {remedy}"


def _writing(now: StatusView) -> str:
    held = f"{now.shadowed:,} contacts would be written to: crmsync shadow report" if now.shadowed else ""
    if now.shadow:
        return f"off, shadow mode. {held}".rstrip()
    return f"on; from shadow mode {held}" if held else "on"


def _log(found: Status) -> str:
    now, bounds = found.status, found.archive
    most = f"at most {bounds.keeps_events:,} or {bounds.keeps_hours} h once archived"
    return f"{now.events:,} events, {now.kept:,} in the server's memory ({most})"


def _archive(found: ArchiveView) -> str:
    if found.problem:
        return f"{found.problem} Nothing is archived or trimmed: see the runbook, crmsync log verify"
    if found.age_ms is None:
        return "nothing yet"
    size = f"{found.bytes / 1_000_000:,.1f} MB in {found.segments:,} segments"
    verified = f"; verified {moment(found.verified.at)} UTC" if found.verified else ""
    faults = f", faults: {found.verified.faults:,}" if found.verified and found.verified.faults else ""
    return f"{found.events:,} events up to {length(found.age_ms)} ago, {size}{verified}{faults}"


def _snapshots(found: ArchiveView) -> str:
    if found.snapshot_ms is None:
        return "none yet"
    return f"{found.snapshots:,}, the newest {length(found.snapshot_ms)} old"


def _tables(found: Status) -> Iterator[Table]:
    now = found.status
    waiting = [(name, f"{count:,}") for name, count in {**now.queues, **now.cases}.items() if count]
    if waiting:
        yield table("Queues", ("queue", ">waiting"), waiting)
    if found.oldest:
        rows = ((each.entity, each.trigger, each.wait, length(each.age_ms)) for each in found.oldest)
        yield table("Oldest open decisions", ("contact", "trigger", "waits for", "age"), rows)
    if found.causes:
        yield _causes(found.causes)
    if now.jobs:
        yield table("Jobs", ("job", "kind", "whom", "by", ">requested", "state"), _jobs(found))
    if now.rules:
        heads = ("object", "rule", "status", ">agreed", ">disagreed", ">unknown", "cannot be known")
        yield table("Validation rules", heads, _rules(found))
    if now.budgets:
        columns = ("CRM", ">our calls today", ">our budget", ">left of the account's", "pause")
        yield table("Calls", columns, _calls(found))


def _causes(groups: list[ErrorGroup]) -> Table:
    rows = (
        (f"{each.errors:,}", f"{each.count:,}", each.crm, each.code or each.reason, each.cause)
        for each in groups[:CAUSES]
    )
    return table("Sync errors", (">errors", ">contacts", "CRM", "code", "cause"), rows)


def _jobs(found: Status) -> Iterator[tuple[str, ...]]:
    for each in found.status.jobs:
        total = f" of {found.status.contacts:,}" if each.kind == "all" else ""
        ended = f"failed: {each.failed}" if each.failed else "finished"
        state = ended if each.finished else f"waits for {each.waits}" if each.waits else "running"
        yield each.id[:8], each.kind, each.list_id or each.where, each.by, f"{each.done:,}{total}", state


def _rules(found: Status) -> Iterator[tuple[str, ...]]:
    for each in found.status.rules:
        counts = (f"{count:,}" for count in (each.agreed, each.disagreed, each.unknown))
        unknown = ", ".join(each.needs) if each.readable else "the formula"
        yield each.object, each.name, each.status, *counts, unknown


def _calls(found: Status) -> Iterator[tuple[str, ...]]:
    for each in found.status.budgets:
        budget = "" if each.budget_today is None else f"{each.budget_today:,}"
        left = "" if each.left_today is None else f"{each.left_today:,} of {each.limit_today:,}"
        yield each.crm, f"{each.used_today:,}", budget, left, length(each.paused_ms) if each.paused_ms else ""
