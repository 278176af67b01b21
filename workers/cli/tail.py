"""``crmsync tail``: follow the log. Names only: what a field holds, and addresses, are never shown."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice, takewhile
from typing import Any

import click
import msgspec

from domain.upcasting import CURRENT, NewerEvent, UnreadableEvent, decode
from workers.bootstrap import Link
from workers.cli.failures import Failed
from workers.cli.moments import is_position
from workers.cli.output import emit_line, moment, say
from workers.cli.session import with_json, with_logged_link
from workers.connection import Lane, position_of
from workers.store import START, Entry

PAGE = 500
EVERY_SECONDS = 0.5
LAST = 20
SPAN_MS = 60_000
"""The last stretch of the log in which the last events are looked for; those before are longer and longer."""

DETAILS = (
    "source",
    "cause",
    "trigger",
    "field",
    "attempt",
    "revision",
    "list_id",
    "member",
    "winner",
    "letter",
    "name",
    "by",
    "digest",
)
"""What else of an event is shown: codes, counts and names."""


_NEWER, _UNREADABLE = "newer", "unreadable"

KNOWN = sorted((*CURRENT, _NEWER, _UNREADABLE))
"""The kinds of events, without their versions."""


class Line(msgspec.Struct, frozen=True):
    """One event by its names."""

    position: str
    kind: str
    record: str  #: ``crm/object/id``, a contact's id, or empty
    fields: list[str]
    details: dict[str, str]


@click.command()
@click.option("--from", "start", metavar="POSITION", help="Begin behind this position; 0-0 is the beginning.")
@click.option(
    "-n",
    "last",
    type=click.IntRange(0),
    default=LAST,
    show_default=True,
    metavar="N",
    help="Begin with the last N events, unless --from says where.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after so many events.")
@click.option(
    "--kind", default="", metavar="KIND", help="Only events of this kind, such as observed or answered."
)
@click.option("--follow/--no-follow", default=True, help="Whether to wait for more at the end of the log.")
@with_json
@with_logged_link
def tail(
    link: Link, *, start: str | None, last: int, limit: int | None, kind: str, follow: bool, as_json: bool
) -> None:
    """Show the last events and follow the log: position, kind, record and the names of the fields."""
    lane, kind = link.lane, _kind(kind)
    after = lane.log.tail() if start is None else _position(start)
    before = _last(lane, after, last, kind) if start is None else []
    lines = chain(before, _lines(_entries(lane, after, follow=follow), kind))
    with suppress(KeyboardInterrupt):  # the way to end it
        for line in islice(lines, limit):
            if as_json:
                emit_line(line)
            else:
                say(words_of(line))


def _position(text: str) -> str:
    if not is_position(text):
        raise Failed(f"{text} is no position: give one as tail prints them, such as 1750000000000-0.")
    return text


def _kind(text: str) -> str:
    if text and text.partition("/")[0] not in KNOWN:
        raise Failed(f"There are no events of the kind {text}. There are {', '.join(KNOWN)}.")
    return text


def _entries(lane: Lane, after: str, *, follow: bool) -> Iterator[Entry]:
    while True:
        page = lane.log.read(after, PAGE)
        yield from page
        if page:
            after = page[-1].position
        elif follow:
            lane.clock.sleep(EVERY_SECONDS)
        else:
            return


def _last(lane: Lane, until: str, number: int, kind: str) -> list[Line]:
    """The last lines of a kind up to a position, oldest first; all if there are no more."""
    found: list[Line] = []
    end, span = until, SPAN_MS
    while len(found) < number and end != START:
        begin = f"{max(0, position_of(end)[0] - span)}-0"
        found = [*_lines(_between(lane, begin, end), kind), *found]
        end, span = begin, span * 4
    return found[max(0, len(found) - number) :]


def _between(lane: Lane, after: str, until: str) -> Iterator[Entry]:
    end = position_of(until)
    return takewhile(lambda each: position_of(each.position) <= end, _entries(lane, after, follow=False))


def _lines(entries: Iterable[Entry], kind: str) -> Iterator[Line]:
    lines = map(line_of, entries)
    return (line for line in lines if not kind or kind in {line.kind, line.kind.partition("/")[0]})


def line_of(entry: Entry) -> Line:
    """An entry of the log by its names."""
    try:
        event = decode(entry.raw)
    except NewerEvent:
        return Line(entry.position, _NEWER, "", [], {"remedy": "upgrade this machine"})
    except UnreadableEvent:
        return Line(entry.position, _UNREADABLE, "", [], {})
    body = msgspec.to_builtins(event)
    details = {name: str(body[name]) for name in DETAILS if body.get(name) not in {None, ""}}
    outcome = body.get("outcome") or {}
    details |= {name: str(outcome[name]) for name in ("outcome", "code") if outcome.get(name)}
    return Line(entry.position, str(body["kind"]), _record(body), sorted(body.get("fields") or ()), details)


def _record(body: Mapping[str, Any]) -> str:
    if "entity" in body:
        return f"{body['entity']} to {body['crm']}" if "crm" in body else str(body["entity"])
    parts = (body.get(name) for name in ("crm", "object", "id"))
    return "/".join(str(part) for part in parts if part)


def words_of(line: Line) -> str:
    """One event for people."""
    at = moment(position_of(line.position)[0])
    details = " ".join(f"{name}={text}" for name, text in line.details.items())
    parts = (line.position, at, line.kind, line.record, ",".join(line.fields), details)
    return "  ".join(part for part in parts if part)
