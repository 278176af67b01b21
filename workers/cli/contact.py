"""``crmsync contact``: one contact in both CRMs, what was decided about it, and why."""

from dataclasses import replace

import click
from rich.table import Table

from domain.identity import FieldValue
from workers import views
from workers.bootstrap import Link
from workers.cli.explanation import render
from workers.cli.failures import DIFFERENT, NothingMatched
from workers.cli.moments import position_by, with_moment
from workers.cli.output import console, emit, length, moment, names, pairs, say, shown, table, written
from workers.cli.session import COUNT, contact_at, with_json, with_link, with_logged_link
from workers.cli.tail import line_of, words_of
from workers.connection import Lane, position_of
from workers.explain import explain, gather
from workers.travel import names_by
from workers.views import ContactView, DecisionView, FieldView, LetterView, WriteView
from workers.views.contacts import DECISIONS

_DECISION_COLUMNS = (
    "decision",
    "at (UTC)",
    "trigger",
    "reason",
    "explanation",
    "written",
    "held back",
    "gave way",
)
_ALL = 1_000_000


@click.group()
def contact() -> None:
    """Show one contact, its history, and why it did (not) sync.

    TEXT is an e-mail address, a HubSpot id, a Salesforce id or a contact's id.
    """


@contact.command()
@click.argument("text")
@with_moment
@with_json
@with_link
def show(link: Link, *, text: str, at: str | None, as_json: bool) -> None:
    """Show a contact's records, fields side by side, open decisions and writes."""
    lane, entity = contact_at(link, text, at)
    found = views.contact(lane, entity)
    if as_json:
        emit(found)
        return
    kind = lane.policy().kinds.get(found.kind)
    limited = kind is not None and kind.inclusion is not None
    say(f"{found.entity}: {found.state}", pairs(_facts(found, limited=limited)))
    if at is not None and found.state != "erased" and _erased_by_now(link.lane, entity):
        say("Erased since then: of this contact the log keeps ids and no values.")
    say(_records(found), _fields(found))
    if found.writes:
        say(_writes(found))


def _erased_by_now(lane: Lane, entity: str) -> bool:
    return views.exists(lane, entity) and views.contact(lane, entity, decisions=0).state == "erased"


@contact.command("explain")
@click.argument("text")
@click.option("--decision", default="", metavar="ID", help="Explain this decision and not the newest one.")
@with_moment
@with_json
@with_link
def explain_(link: Link, *, text: str, decision: str, at: str | None, as_json: bool) -> None:
    """Say why a contact did (not) sync, what it waits for, and what would make it sync."""
    evidence = gather(*contact_at(link, text, at))
    try:
        found = explain(evidence, decision)
    except KeyError:
        raise NothingMatched(
            f"The contact has no decision {decision}: crmsync contact history {text} lists them."
        ) from None
    if as_json:
        emit(found)
    else:
        render(console(), found)


@contact.command()
@click.argument("text")
@click.option(
    "--limit", type=COUNT, default=DECISIONS, show_default=True, metavar="N", help="At most so many."
)
@with_moment
@with_json
@with_link
def history(link: Link, *, text: str, limit: int, at: str | None, as_json: bool) -> None:
    """List what was decided about a contact, newest first."""
    lane, entity = contact_at(link, text, at)
    found = views.contact(lane, entity, decisions=limit).decisions
    if as_json:
        emit(found)
        return
    say(table("", _DECISION_COLUMNS, map(_decision, found)))


@contact.command()
@click.argument("text")
@click.option("--from", "start", required=True, metavar="TIME", help="The earlier moment, as for --at.")
@click.option("--to", "end", metavar="TIME", help="The later moment; without it, now.")
@with_json
@with_logged_link
def diff(link: Link, *, text: str, start: str, end: str | None, as_json: bool) -> None:
    """Show what became of a contact between two moments, and what was decided about it.

    Exit code 2 if anything did.
    """
    if end is not None and position_of(position_by(end)) < position_of(position_by(start)):
        raise click.UsageError("--from is later than --to.")
    lane, entity = contact_at(link, text, end)
    after = views.contact(lane, entity, decisions=_ALL)
    before = _then(link, text, start)
    changed, decided = views.differences(before, after), _since(before, after)
    if as_json:
        emit({"changed": changed, "decisions": decided})
    elif not changed and not decided:
        say("Nothing of it is different.")
    else:
        rows = ((each.what, _old_or_new(each.before), _old_or_new(each.after)) for each in changed)
        say(table("Changes", ("what", "before", "after"), rows))
        say(table("Decisions", _DECISION_COLUMNS, map(_decision, decided)))
    if changed or decided:
        raise SystemExit(DIFFERENT)


def _then(link: Link, text: str, at: str) -> ContactView | None:
    try:
        lane, entity = contact_at(link, text, at)
    except NothingMatched:
        return None
    return views.contact(lane, entity, decisions=_ALL)


def _since(before: ContactView | None, after: ContactView) -> list[DecisionView]:
    known = {(each.id, each.closed_at) for each in before.decisions} if before else set()
    return [each for each in after.decisions if (each.id, each.closed_at) not in known]


def _old_or_new(value: FieldValue) -> str:
    return "" if value is None else value


@contact.command()
@click.argument("text")
@click.option("--from", "start", metavar="TIME", help="Only what came later than this moment, as for --at.")
@click.option("--to", "end", metavar="TIME", help="Only what came until this moment.")
@with_json
@with_logged_link
def events(link: Link, *, text: str, start: str | None, end: str | None, as_json: bool) -> None:
    """List the events of a contact and of all that it could meet, oldest first, without what fields hold."""
    known = views.find(link.lane, text)
    names_then = frozenset().union(names_by(text), *map(names_by, known))
    traveller = link.traveller(position_by(end) if end else link.log.tail())
    after = position_of(position_by(start)) if start else (0, 0)
    found = replace(traveller, past=None).events_of(names_then)
    lines = [line_of(each.entry) for each in found if position_of(each.entry.position) > after]
    if as_json:
        emit(lines)
        return
    if not lines:
        raise NothingMatched(f"Nothing about {text} is in the log.")
    say(*map(words_of, lines))


def _facts(found: ContactView, *, limited: bool) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("kind", found.kind)]
    if limited and found.member is not None:
        belongs = "on it" if found.member else "not on it"
        facts.append(("inclusion list", f"{belongs} since {moment(found.member_since)} UTC"))
    if found.parked:
        facts.append(("parked", f"event {found.parked} could not be handled"))
    facts += [
        ("open", f"{each.trigger} {each.detail}, {length(each.age_ms)} old. {each.text}")
        for each in found.open
    ]
    return facts + [("sync error", _error(each)) for each in found.letters]


def _error(each: LetterView) -> str:
    place = f"{each.crm} {each.field}".rstrip()
    return f"{place} {each.code}: {each.cause} {each.remedy}"


def _records(found: ContactView) -> Table:
    rows = (
        (
            each.crm,
            each.object,
            each.id,
            "linked" if each.linked else each.gone or "duplicate",
            moment(each.seen_at),
        )
        for each in found.records
    )
    return table("Records", ("CRM", "object", "id", "state", "as of (UTC)"), rows)


def _fields(found: ContactView) -> Table:
    columns = ("HubSpot", "value", "Salesforce", "value", "sync rule", "state", "")
    return table("Fields", columns, map(_field, found.fields))


def _field(each: FieldView) -> tuple[str, ...]:
    notes = [f"{crm} was sent {shown(value)}" for crm, value in each.expected.items()]
    notes += [f"not sent to {crm}: {why}" for crm, why in each.held.items()]
    return (
        each.hubspot,
        shown(each.hubspot_value),
        each.salesforce,
        shown(each.salesforce_value),
        each.rule,
        each.mark.replace("_", " "),
        "; ".join(notes),
    )


def _writes(found: ContactView) -> Table:
    rows = (
        (
            each.crm,
            _write(each),
            names(each.fields),
            each.attempt,
            "on its way" if each.in_flight else f"due {moment(each.due)}",
        )
        for each in found.writes
    )
    return table("Writes", ("CRM", "write", "fields", ">attempt", "state"), rows)


def _write(each: WriteView) -> str:
    if each.into:
        return f"merge {each.object} {each.record_id} into {each.into}"
    if each.delete:
        return f"delete {each.object} {each.record_id}"
    return f"update {each.object} {each.record_id}" if each.record_id else f"create {each.object}"


def _decision(each: DecisionView) -> tuple[str, ...]:
    return (
        each.id,
        moment(each.closed_at),
        f"{each.trigger} {each.detail}",
        each.reason,
        each.explanation or each.text,
        "; ".join(f"{crm}: {written(fields)}" for crm, fields in each.wrote.items()),
        "; ".join(f"{name}: {why}" for name, why in each.held.items()),
        "; ".join(f"{name}: {crm} {shown(value)}" for name, (crm, value) in each.lost.items()),
    )
