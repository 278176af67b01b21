"""``crmsync contact``: one contact in both CRMs, what was decided about it, and why."""

import click
from rich.table import Table

from workers import views
from workers.bootstrap import Link
from workers.cli.explanation import render
from workers.cli.failures import NothingMatched
from workers.cli.output import console, emit, length, moment, names, pairs, say, shown, table, written
from workers.cli.session import entity_of, with_json, with_link
from workers.explain import explain, gather
from workers.views import ContactView, DecisionView, FieldView, LetterView, WriteView
from workers.views.contacts import DECISIONS


@click.group()
def contact() -> None:
    """Show one contact, its history, and why it did (not) sync.

    TEXT is an e-mail address, a HubSpot id, a Salesforce id or a contact's id.
    """


@contact.command()
@click.argument("text")
@with_json
@with_link
def show(link: Link, *, text: str, as_json: bool) -> None:
    """Show a contact's records, fields side by side, open decisions and writes."""
    found = views.contact(link.lane, entity_of(link.lane, text))
    if as_json:
        emit(found)
        return
    kind = link.lane.policy().kinds.get(found.kind)
    limited = kind is not None and kind.inclusion is not None
    say(f"{found.entity}: {found.state}", pairs(_facts(found, limited=limited)))
    say(_records(found), _fields(found))
    if found.writes:
        say(_writes(found))


@contact.command("explain")
@click.argument("text")
@click.option("--decision", default="", metavar="ID", help="Explain this decision and not the newest one.")
@with_json
@with_link
def explain_(link: Link, *, text: str, decision: str, as_json: bool) -> None:
    """Say why a contact did (not) sync, what it waits for, and what would make it sync."""
    evidence = gather(link.lane, entity_of(link.lane, text))
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
@click.option("--limit", default=DECISIONS, show_default=True, metavar="N", help="At most so many.")
@with_json
@with_link
def history(link: Link, *, text: str, limit: int, as_json: bool) -> None:
    """List what was decided about a contact, newest first."""
    found = views.contact(link.lane, entity_of(link.lane, text), decisions=limit).decisions
    if as_json:
        emit(found)
        return
    columns = ("decision", "at (UTC)", "trigger", "reason", "explanation", "written", "held back", "gave way")
    say(table("", columns, map(_decision, found)))


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
