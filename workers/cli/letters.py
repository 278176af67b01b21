"""``crmsync dead-letters``: writes that are not tried again by themselves, one by one."""

import click
import msgspec
from rich.console import RenderableType

from domain.answer import Draft, Plan
from domain.book import Table, decode
from domain.identity import Crm
from domain.reasons import TEXT, WAIT_TEXT
from domain.state import Contact, intent_key
from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, moment, names, pairs, say, shown, table
from workers.cli.session import Command, operator, with_json, with_link, with_running_link
from workers.connection import Lane
from workers.explain import foresee
from workers.views import LetterView
from workers.views.letters import letters_of


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at dead letters, and send them again or close them.

    LETTER is the letter's key, or a contact by its e-mail address, a record's id or its own id.
    """


def for_crm(command: Command) -> Command:
    """Let the CRM be named, where a contact has a letter for each."""
    crms = click.Choice([str(crm) for crm in Crm])
    return click.option("--crm", type=crms, help="To which CRM, if the contact has two.")(command)


@dead_letters.command("list")
@with_json
@with_link
def list_(link: Link, *, as_json: bool) -> None:
    """List the dead letters, oldest first."""
    found = views.letters(link.lane)
    if as_json:
        emit(found)
    elif found:
        rows = (
            (each.entity, each.crm, moment(each.at), each.attempts, each.code or each.reason, each.cause)
            for each in found
        )
        say(table("", ("contact", "to", "at (UTC)", ">attempts", "code", "cause"), rows))
    else:
        say("There are no dead letters.")


@dead_letters.command()
@click.argument("letter")
@for_crm
@with_json
@with_link
def show(link: Link, *, letter: str, crm: str | None, as_json: bool) -> None:
    """Show one dead letter with its diagnosis and the values that were to be sent."""
    found = _letter(link.lane, letter, crm)
    if as_json:
        emit(found)
        return
    facts = [
        ("contact", found.entity),
        ("to", found.crm),
        ("at", f"{moment(found.at)} UTC, after {found.attempts} attempts, for the decision {found.decision}"),
        ("error", f"{found.category}: {found.code} {found.message}".rstrip()),
        ("cause", found.cause),
        ("remedy", found.remedy),
    ]
    facts += [(name, shown(value)) for name, value in found.fields.items()]
    facts += [("write", f"merge it into {found.into}" if found.into else "delete it")] if found.delete else []
    say(found.key, pairs(facts))


@dead_letters.command("plan")
@click.argument("letter")
@for_crm
@with_json
@with_link
def plan_(link: Link, *, letter: str, crm: str | None, as_json: bool) -> None:
    """Say what a redrive would send by what is known now. Nothing is sent."""
    entity = _letter(link.lane, letter, crm).entity
    found = _planned(link.lane, entity)
    if as_json:
        emit({"contact": entity, **msgspec.to_builtins(_plain(found))})
    else:
        say(*_plan_lines(found))


@dead_letters.command()
@click.argument("letter", required=False)
@for_crm
@click.option("--all", "every", is_flag=True, help="Every dead letter.")
@with_running_link
def redrive(link: Link, *, letter: str | None, crm: str | None, every: bool) -> None:
    """Decide the contact of a dead letter anew and send what is right by what is known now."""
    if (letter is None) == (not every):
        raise click.UsageError("Give either a letter or --all.")
    chosen = [_letter(link.lane, letter, crm)] if letter is not None else views.letters(link.lane)
    if not chosen:
        raise NothingMatched("There are no dead letters.")
    for entity, each in {each.entity: each for each in chosen}.items():
        requests.redrive(link.lane, each.key, operator())
        say(f"{entity} is being decided anew.")


@dead_letters.command()
@click.argument("letter")
@for_crm
@click.option("--why", required=True, help="The reason, for the log.")
@with_running_link
def discard(link: Link, *, letter: str, crm: str | None, why: str) -> None:
    """Close a dead letter for good. The contact syncs again at its next change."""
    found = _letter(link.lane, letter, crm)
    requests.discard(link.lane, found.key, operator(), why)
    say(f"The dead letter of {found.entity} to {found.crm} is closed.")


def _letter(lane: Lane, text: str, crm: str | None) -> LetterView:
    known = views.find(lane, text)
    keys = [text, *(intent_key(entity, side) for entity in known for side in Crm)]
    found = {each.key: each for each in letters_of(lane.tables(), keys)}
    chosen = [each for each in found.values() if crm in {None, str(each.crm)}]
    if not chosen:
        raise NothingMatched(f"{text} has no dead letter: crmsync dead-letters list shows those there are.")
    if len(chosen) > 1:
        raise Failed(f"{text} has {len(chosen)} dead letters: choose with --crm, or give a key.")
    return chosen[0]


def _planned(lane: Lane, entity: str) -> Plan:
    """What deciding anew would bring: a redrive forgets what is held against the contact's values."""
    raw = lane.tables().fetch(Table.CONTACTS, [entity])[0]
    if raw is None:
        raise NothingMatched(f"The contact {entity} is gone: discard its letter.")
    known: Contact = decode(Table.CONTACTS, raw)
    fresh = msgspec.structs.replace(known, holds={}, refused={}, echoes={})
    return foresee(fresh, lane.policy(), lane.clock.now_ms())


def _plain(found: Plan) -> dict[str, object]:
    return {
        "stop": found.stop,
        "wait": found.wait,
        "explanation": found.explanation,
        "writes": found.drafts,
        "broken": {crm: broken.rule.text.name for crm, broken in found.broken.items()},
        "held": {
            crm: {name: hold.message for name, hold in holds.items()} for crm, holds in found.held.items()
        },
    }


def _what(draft: Draft) -> str:
    if draft.record_id is None:
        return f"create a {draft.object} if a search finds nobody"
    if draft.into:
        return f"merge {draft.object} {draft.record_id} into {draft.into}"
    return f"{'delete' if draft.delete else 'update'} {draft.object} {draft.record_id}"


def _plan_lines(found: Plan) -> list[RenderableType]:
    if found.stop is not None:
        return [f"Nothing would be sent. {TEXT[found.stop]} {found.explanation}".rstrip()]
    if found.wait is not None:
        return [f"It would wait first. {WAIT_TEXT[found.wait]}"]
    lines: list[RenderableType] = []
    for crm, draft in found.drafts.items():
        lines += [
            f"{crm}: {_what(draft)}",
            pairs((name, shown(value)) for name, value in draft.fields.items()),
        ]
    lines += [
        f"{crm}: nothing, because of the validation rule {broken.rule.text.name}: {broken.rule.text.message}"
        for crm, broken in found.broken.items()
    ]
    lines += [f"held back from {crm}: {names(holds)}" for crm, holds in found.held.items()]
    return lines or ["Nothing would be sent: both CRMs already hold what the sync rules ask for."]
