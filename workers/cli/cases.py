"""``crmsync duplicates`` and ``crmsync orphans``: what a person must see to."""

import click

from domain.identity import RecordRef
from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, moment, say, table
from workers.cli.session import entity_of, operator, with_json, with_link, with_running_link


@click.group()
def duplicates() -> None:
    """Show people with several records in one CRM, and choose which one is linked.

    The linked one syncs; the others are left alone until the case is resolved.
    """


@duplicates.command("list")
@with_json
@with_link
def list_duplicates(link: Link, *, as_json: bool) -> None:
    """List the cases, the oldest first."""
    found = views.duplicate_cases(link.lane)
    if as_json:
        emit(found)
    elif found:
        rows = (
            (each.entity, each.records[0], ", ".join(each.records[1:]), moment(each.since), each.remedy)
            for each in found
        )
        say(table("", ("contact", "linked", "also there", "since (UTC)", "remedy"), rows))
    else:
        say("There are no duplicates.")


@duplicates.command("link")
@click.argument("contact")
@click.argument("record")
@with_running_link
def link_(link: Link, *, contact: str, record: str) -> None:
    """Link another record of a contact; it is read, and then the sync rules decide.

    CONTACT is an e-mail address, a record's id or a contact's id; RECORD is a record's key as the list shows
    it, or its id.
    """
    entity = entity_of(link.lane, contact)
    chosen = [
        each.key
        for each in views.contact(link.lane, entity, decisions=0).records
        if not each.gone and record in {each.key, each.id}
    ]
    if not chosen:
        raise NothingMatched(f"{entity} has no living record {record}: crmsync contact show {entity}")
    if len(chosen) > 1:
        raise Failed(f"{record} names {len(chosen)} records: give one of {', '.join(chosen)}.")
    requests.choose_link(link.lane, entity, chosen[0], operator())
    say(f"{RecordRef.parse(chosen[0]).object} {RecordRef.parse(chosen[0]).id} is being linked.")


@click.group()
def orphans() -> None:
    """Show records whose linked partner in the other CRM is gone."""


@orphans.command("list")
@with_json
@with_link
def list_orphans(link: Link, *, as_json: bool) -> None:
    """List the orphans, the oldest first."""
    found = views.orphan_cases(link.lane)
    if as_json:
        emit(found)
    elif found:
        rows = (
            (each.entity, each.left, f"{each.lost} is {each.cause}", moment(each.since), each.remedy)
            for each in found
        )
        say(table("", ("contact", "left", "partner", "since (UTC)", "remedy"), rows))
    else:
        say("There are no orphans.")
