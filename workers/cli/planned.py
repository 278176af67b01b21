"""A dry run for people and for programs; a person's values only where they are asked for."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from domain.identity import Fields
from domain.preview import Act
from workers.cli.output import shown as value_shown
from workers.cli.output import table
from workers.dry_run import Report, Row, Sample

WORDS = {
    Act.CREATE: "create",
    Act.UPDATE: "update",
    Act.DELETE: "delete",
    Act.HOLD: "hold fields back",
    Act.READ: "read first",
    Act.ASK: "ask whether on list",
    Act.MEMBER: "be on the inclusion list",
    Act.STOP: "send nothing:",
}
FIELDS = 6
"""How many fields a row names."""


def shown(report: Report, *, values: bool) -> Iterator[RenderableType]:
    """The table and the contacts named."""
    yield _headline(report)
    if not report.differs:
        return
    rows = [row for row in report.rows if row.differing]
    columns = (
        "a sync of everybody would",
        "CRM",
        "what",
        ">now",
        ">then",
        ">differing",
        "fields that differ",
    )
    yield table("", columns, [_cells(row) for row in rows])
    for guard, (number, limit) in report.beyond.items():
        yield f"The guard {guard} would trip: {number:,} at once, where {limit:,} are allowed in an hour."
    if any(row.line.act in {Act.READ, Act.ASK} for row in rows):
        yield "For contacts that must be read or asked about first, more may follow from what is found."
    for row in rows:
        yield from _named(row, values=values)


def _headline(report: Report) -> str:
    then, now, contacts = report.proposed[:8], report.in_force[:8] or "none", f"{report.contacts:,} contacts"
    if report.differs:
        return f"{then} in the place of {now}, on {contacts}. Applying it writes nothing; afterwards"
    return f"{then} in the place of {now} would sync {contacts} just as now."


def _cells(row: Row) -> tuple[object, ...]:
    most = [f"{name} {number:,}" for name, number in row.fields.most_common(FIELDS)]
    more = [f"{len(row.fields) - FIELDS} more"] if len(row.fields) > FIELDS else []
    counts = (f"{row.now:,}", f"{row.then:,}", f"{row.differing:,}")
    return WORDS[row.line.act], row.line.crm or "", row.line.object, *counts, ", ".join([*most, *more])


def _named(row: Row, *, values: bool) -> Iterator[str]:
    where = " ".join(filter(None, (row.line.crm, row.line.object)))
    for each in row.samples:
        yield f"{WORDS[row.line.act]} {where}: {each.entity}{_change(each)}"
        if values:
            yield from _values(each)


def _change(sample: Sample) -> str:
    return "" if sample.now is None else " (no more)" if sample.then is None else " (otherwise)"


def _values(sample: Sample) -> Iterator[str]:
    now, then = sample.now or {}, sample.then or {}
    for name in sorted(now.keys() | then.keys()):
        yield f"    {name}: {_value(now, name)} -> {_value(then, name)}"


def _value(fields: Fields, name: str) -> str:
    return value_shown(fields[name]) if name in fields else "nothing"


def plain(report: Report, *, values: bool) -> dict[str, Any]:
    """The same for programs."""
    return {
        "in_force": report.in_force,
        "proposed": report.proposed,
        "contacts": report.contacts,
        "differs": report.differs,
        "guards": {
            guard: {"number": number, "limit": limit} for guard, (number, limit) in report.beyond.items()
        },
        "rows": [_plain_row(row, values=values) for row in report.rows],
    }


def _plain_row(row: Row, *, values: bool) -> dict[str, Any]:
    return {
        "act": row.line.act,
        "crm": row.line.crm,
        "object": row.line.object,
        "now": row.now,
        "then": row.then,
        "differing": row.differing,
        "fields": dict(row.fields),
        "samples": [_plain_sample(each, values=values) for each in row.samples],
    }


def _plain_sample(sample: Sample, *, values: bool) -> dict[str, Any]:
    if values:
        return {"contact": sample.entity, "now": sample.now, "then": sample.then}
    names = [None if fields is None else sorted(fields) for fields in (sample.now, sample.then)]
    return {"contact": sample.entity, "now": names[0], "then": names[1]}
