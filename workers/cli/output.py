"""How the command line speaks: tables and sentences for people, JSON for programs.

What a CRM said may hold anything, escape sequences of terminals among it: whatever is printed for people
passes ``clean``.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from domain.identity import FieldValue

WIDE = 160
"""Columns where the output is no terminal."""

LONG = 300
"""Characters of a field's value that are shown."""

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it stands: no markup, no emoji codes."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else WIDE
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


def emit(value: Any) -> None:
    """Print a value as JSON; moments stay epoch ms, keys keep their order."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def emit_line(value: Any) -> None:
    """Print a value as one line of JSON, at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def say(*lines: RenderableType) -> None:
    """Print for people."""
    out = console()
    for line in lines:
        if isinstance(line, str):
            out.print(clean(line), soft_wrap=True)
        else:
            out.print(line)


def clean(text: str) -> str:
    """The text with whatever could steer a terminal spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of plain text; a column whose name starts with ``>`` is set to the right."""
    made = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD
    )
    for name in columns:
        made.add_column(
            name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold"
        )
    for row in rows:
        made.add_row(*(Text(clean(str(cell))) for cell in row))
    return made


def pairs(rows: Iterable[tuple[str, object]]) -> Table:
    """Labels with their texts beside them."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for label, text in rows:
        made.add_row(label, Text(clean(str(text))))
    return made


def moment(at: int | None) -> str:
    """A moment for people, in UTC; empty if there is none."""
    if at is None:
        return ""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at):%Y-%m-%d %H:%M:%S}"


def length(ms: int) -> str:
    """A stretch of time in its two largest units: ``3 h 12 min``."""
    parts = []
    for unit, size in _UNITS:
        count, ms = divmod(max(0, ms), size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def shown(value: FieldValue) -> str:
    """A field's value, a long one by its beginning; a dash stands for blank."""
    if value is None:
        return "—"
    text = str(value)
    return f'"{text}"' if len(text) <= LONG else f'"{text[:LONG]}"… ({len(text):,} characters)'


def progress(*columns: ProgressColumn) -> Progress:
    """A progress display on standard error; none where that is no terminal."""
    out = console(stderr=True)
    given = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *columns)
    return Progress(*given, console=out, transient=True, disable=not out.is_terminal)


def names(fields: Iterable[str]) -> str:
    return ", ".join(sorted(fields))


def written(fields: Iterable[str]) -> str:
    """What a write brought: its fields; a deletion has none."""
    return names(fields) or "the record was deleted"
