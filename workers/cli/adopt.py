"""``crmsync adopt``: take over the pairs of HubSpot's own integration, without writing anything."""

from collections.abc import Iterator

import click
from rich.console import RenderableType

from workers import requests, views
from workers.bootstrap import Link
from workers.cli.failures import Failed
from workers.cli.output import emit, pairs, say, shown, table
from workers.cli.session import COUNT, operator, with_json, with_running_link
from workers.cli.sync import follow, waiting
from workers.views import AdoptionView

LIMIT = 50
FATES = {
    "to hubspot": "Salesforce's value goes to HubSpot",
    "to salesforce": "HubSpot's value goes to Salesforce",
    "held": "it is held back",
    "left": "both are left as they are",
}


@click.command()
@click.option("--preview", is_flag=True, help="Only report; do not even note what is in sync.")
@click.option(
    "--limit",
    type=COUNT,
    default=LIMIT,
    show_default=True,
    metavar="N",
    help="At most so many differing fields.",
)
@waiting
@with_json
@with_running_link
def adopt(link: Link, *, preview: bool, limit: int, wait: bool, as_json: bool) -> None:
    """Report the pairs that were there before, note equal values as in sync, and list those that differ.

    Nothing is written to either CRM. What differs waits until something of the contact changes, or until
    somebody syncs it.
    """
    lane = link.lane
    if not lane.policy().ready:
        raise Failed("Both CRMs are still being read for the first time; crmsync status shows how far.")
    found = views.adoption(lane, limit)
    if as_json:
        emit(found)
    else:
        for each in found:
            say(*_report(each, preview=preview))
    if not preview:
        job = requests.start_job(lane, "adopt", operator())
        total = sum(each.by_id + each.by_address + each.by_our_key for each in found)
        follow(lane, job, wait=wait, as_json=None if as_json else False, total=lambda: total)


def _report(found: AdoptionView, *, preview: bool) -> Iterator[RenderableType]:
    yield pairs(
        (
            ("section", found.section),
            ("pairs by id", f"{found.by_id:,}, as HubSpot's own integration kept them"),
            ("by address", f"{found.by_address:,}"),
            ("by our keys", f"{found.by_our_key:,}"),
            ("only in HubSpot", f"{found.hubspot_only:,}"),
            ("only in Salesforce", f"{found.salesforce_only:,}"),
            *((("not read yet", f"{found.unread:,} pairs"),) if found.unread else ()),
            ("equal fields", f"{found.equal:,}{'' if preview else ', in sync from now on'}"),
            ("differing fields", f"{sum(found.differing.values()):,}"),
        )
    )
    if found.differing:
        yield table("What becomes of them", ("sync rule", "at the next sync", ">fields"), _fates(found))
    if found.differences:
        rows = (
            (
                each.entity,
                f"{each.hubspot} / {each.salesforce}",
                shown(each.hubspot_value),
                shown(each.salesforce_value),
                each.rule,
                each.why or FATES[each.fate],
            )
            for each in found.differences
        )
        columns = ("contact", "field", "HubSpot", "Salesforce", "sync rule", "at the next sync")
        yield table("", columns, rows)


def _fates(found: AdoptionView) -> Iterator[tuple[str, str, str]]:
    for name, count in found.differing.items():
        rule, _, fate = name.partition(": ")
        yield rule, FATES[fate], f"{count:,}"
