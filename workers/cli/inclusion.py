"""``crmsync inclusion``: who may sync, by which list, and whom another list would take."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click
from rich.console import RenderableType

from domain.inclusion import Line, ListError
from workers import views
from workers.bootstrap import Link
from workers.cli.failures import Failed, NothingMatched
from workers.cli.output import emit, moment, pairs, say, table
from workers.cli.session import with_json, with_link
from workers.configuration import find_list, with_referred
from workers.configuration.lists import ACTIVE
from workers.views import InclusionView, WhatIfView

SHOWN = 20
"""How many contacts are named unless JSON is asked for."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list that can decide who syncs."""

    list_id: str
    name: str
    members: int | None  #: as HubSpot counted them last
    chosen: bool
    ready: bool  #: False while HubSpot is filling it


@click.group()
def inclusion() -> None:
    """See who may sync, by which list, and whom another list would take."""


@inclusion.command()
@with_json
@with_link
def lists(link: Link, *, as_json: bool) -> None:
    """List HubSpot's active contact lists: those that can be chosen."""
    chosen = link.inclusion_lists()
    found = [
        _row(each, chosen) for each in link.accounts.lists.lists() if each.get("processingType") == ACTIVE
    ]
    if as_json:
        emit(found)
        return
    if not found:
        raise NothingMatched("HubSpot has no active list of contacts: create one there.")
    rows = (
        (each.list_id, each.name, "" if each.members is None else f"{each.members:,}", _state(each))
        for each in found
    )
    say(table("", (">id", "name", ">members", ""), rows))


def _row(definition: dict[str, object], chosen: Iterable[str]) -> ListRow:
    list_id = str(definition["listId"])
    ready = definition.get("processingStatus") in {None, "COMPLETE"}
    return ListRow(list_id, str(definition["name"]), size_of(definition), list_id in chosen, ready)


def size_of(definition: dict[str, object]) -> int | None:
    """How many members a list had when HubSpot last counted."""
    more = definition.get("additionalProperties")
    size = more.get("hs_list_size") if isinstance(more, dict) else definition.get("size")
    return int(size) if isinstance(size, int | str) and str(size).isdigit() else None


def _state(row: ListRow) -> str:
    return "the inclusion list" if row.chosen else "" if row.ready else "is being filled"


@inclusion.command()
@with_json
@with_link
def show(link: Link, *, as_json: bool) -> None:
    """Show the inclusion list in force: its filters, who is on it, and who is frozen since when."""
    found = views.inclusion(link.lane)
    if as_json:
        emit(found)
        return
    if not found:
        raise NothingMatched("No configuration is in force: crmsync config apply.")
    for each in found:
        say(*_shown(each))


def _shown(found: InclusionView) -> Iterator[RenderableType]:
    yield pairs(_facts(found))
    yield from _outlined(found.filters)
    if found.frozen_last:
        rows = [(each.entity, moment(each.since)) for each in found.frozen_last]
        more = f", the latest {len(rows)} of {found.frozen:,}" if len(rows) < found.frozen else ""
        title = f"In both CRMs and not on the list: left as they are{more}"
        yield table(title, ("contact", "since (UTC)"), rows)


def _facts(found: InclusionView) -> Iterator[tuple[str, object]]:
    yield "section", found.section
    yield "list", f"{found.name} ({found.list_id})" if found.list_id else "none: everybody may sync"
    if found.problem:
        yield "problem", f"nobody syncs: {found.problem}"
    if found.remote:
        yield "answered", "by HubSpot, asked at each trigger and swept at each check"
    yield "members", f"{found.members:,}"
    yield "not on it", f"{found.others:,}, of them {found.frozen:,} in both CRMs"
    if found.uncounted:
        yield "not known yet", f"{found.uncounted:,}"


def _outlined(filters: Sequence[Line]) -> Iterator[str]:
    for line in filters:
        note = f" (HubSpot is asked: {line.remote})" if line.remote else ""
        yield f"{'  ' * line.depth}{line.text}{note}"


@inclusion.command()
@click.argument("name")
@click.option("--section", default="contacts", show_default=True, help="The section of the configuration.")
@with_json
@with_link
def whatif(link: Link, *, name: str, section: str, as_json: bool) -> None:
    """Say whom another list would take in and leave out. Nothing is changed, and nobody is synced."""
    if section not in link.lane.policy().kinds:
        raise NothingMatched(f"No configuration with a section {section} is in force.")
    if find_list(link.accounts.lists, name) is None:
        raise NothingMatched(f"HubSpot has no contact list {name}: crmsync inclusion lists shows them.")
    try:
        found = views.what_if(link.lane, section, list(with_referred(link.accounts.lists, [name])))
    except ListError as error:
        raise Failed(f"{error} crmsync inclusion lists shows those that can be chosen.") from None
    if as_json:
        emit(found)
    else:
        say(*_moves(found))


def _moves(found: WhatIfView) -> Iterator[RenderableType]:
    yield pairs(
        (
            ("list", f"{found.name} ({found.list_id})"),
            ("would enter", f"{len(found.enters):,}"),
            ("would leave", f"{len(found.leaves):,}, and be left as they are"),
            ("would stay", f"{found.stays_on:,} on it, {found.stays_off:,} off it"),
        )
    )
    if found.unknown:
        why = (
            f"read first: {', '.join(found.reads)}" if found.reads else found.remote or "something is unread"
        )
        yield f"{found.unknown:,} contacts cannot be told yet ({why})."
    yield from _outlined(found.filters)
    for title, entities in (("Would enter", found.enters), ("Would leave", found.leaves)):
        if entities:
            more = f", the first {SHOWN}" if len(entities) > SHOWN else ""
            yield table(f"{title}{more}", ("contact",), ((each,) for each in entities[:SHOWN]))
    yield "Nobody is synced by choosing a list; crmsync sync list does that."
