"""Moments that a person names: a time with its zone, or a position of the log."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from workers.cli.failures import Failed

_POSITION = re.compile(r"\d+-\d+")
_LAST = 2**64 - 1  # the largest number that a position can have within one millisecond

Command = Callable[..., Any]


def position_by(text: str) -> str:
    """The last position at a moment.

    Raises:
        Failed: if the text names no moment.
    """
    if _POSITION.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Failed(
            f"{text} is no moment: give a time with its zone, such as 2026-05-03T12:00+02:00 or "
            "2026-05-03T10:00Z, or a position as crmsync tail prints them."
        )
    return end_of(round(moment.timestamp() * 1000))


def end_of(moment_ms: int) -> str:
    """The last position that there can be at a moment."""
    return f"{moment_ms}-{_LAST}"


def with_moment(command: Command) -> Command:
    """Let the command be asked about an earlier moment."""
    help_text = "As it was then: a time with its zone (2026-05-03T10:00Z), or a position of the log."
    return click.option("--at", metavar="TIME", help=help_text)(command)
