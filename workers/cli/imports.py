"""``crmsync import``: have leads and contacts of Salesforce in HubSpot too, after a preview if wanted."""

from collections.abc import Sequence

import click
from rich.progress import TextColumn

from workers import requests
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, pairs, progress, say
from workers.cli.session import operator, with_json, with_running_link
from workers.cli.sync import follow, waiting
from workers.import_salesforce import NOBODY, NotUnderstood, Survey
from workers.jobs import SHARE


@click.group("import")
def import_() -> None:
    """Bring records into HubSpot that are in Salesforce already."""


@import_.command()
@click.option(
    "--where", default="", metavar="SOQL", help="Only records that meet this condition: City = 'Wien'."
)
@click.option("--object", "only", metavar="NAME", help="Only leads, or only contacts: Lead or Contact.")
@click.option("--preview", is_flag=True, help="Say what would be created and skipped, and ask for nothing.")
@waiting
@with_json
@with_running_link
def salesforce(link: Link, *, where: str, only: str | None, preview: bool, wait: bool, as_json: bool) -> None:
    """Import leads and contacts: first the address, then everything else of those who may sync."""
    objects = _objects(link, only)
    try:
        if preview:
            _preview(link, objects, where, as_json=as_json)
            return
        total = link.importer.count(objects, where)
    except NotUnderstood as error:
        remedy = "Correct it, or name with --object the one that has the field."
        raise Failed(f"Salesforce does not understand --where: {error} {remedy}") from None
    if not total:
        raise NothingMatched(f"{NOBODY} --preview tells what there is.")
    job = requests.start_import(link.lane, operator(), objects, where)
    follow(link.lane, job, wait=wait, as_json=as_json, total=lambda: total)


def _objects(link: Link, only: str | None) -> list[str]:
    """The objects to import."""
    if not link.lane.policy().ready:
        raise Failed("Both CRMs are still being read for the first time; crmsync status shows how far.")
    chosen = requests.importable(link.lane, only or "")
    if not chosen:
        raise Failed(f"{only} is not synced: give one of {', '.join(requests.importable(link.lane))}.")
    return chosen


def _preview(link: Link, objects: Sequence[str], where: str, *, as_json: bool) -> None:
    found = Survey(0, 0, 0, 0, 0)
    with progress(TextColumn("records")) as bars:
        bar = bars.add_task("Looking", total=None)
        for found in link.importer.survey(objects, where):
            bars.update(bar, completed=found.creates + found.exist)
    if as_json:
        emit(found._asdict())
        return
    say(
        pairs(
            (
                ("would be created", f"{found.creates:,}"),
                ("in HubSpot already", f"{found.exist:,}, linked if need be, and synced if they may"),
                ("skipped", f"{found.no_email:,} without an e-mail address"),
                ("skipped", f"{found.same_email:,} whose address another record has"),
                ("skipped", f"{found.converted:,} converted"),
            )
        ),
        _pace(link, found.creates),
    )


def _pace(link: Link, creates: int) -> str:
    """How long the guard on creates makes it last."""
    limits = [kind.section.guards.get("creates") for kind in link.lane.policy().kinds.values()]
    limit = min((each for each in limits if each is not None), default=None)
    if limit is None or creates <= limit * SHARE:
        return "Nothing was asked for. The same command without --preview imports them."
    hours = -(-creates // max(1, int(limit * SHARE)))
    return (
        f"Nothing was asked for. An import creates at most {SHARE:.0%} of guards.creates_per_hour "
        f"({limit:,}), so this one takes about {hours} hours."
    )
