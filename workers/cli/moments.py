"""Moments that a person names: a time with its zone, or a position of the log."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from workers.cli.failures import Failed
from workers.connection import position_of

_POSITION = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
_LAST = 2**64 - 1  # the largest number that either half of a position can be

Command = Callable[..., Any]


def is_position(text: str) -> bool:
    """Whether a text is a position that a log could have."""
    return _POSITION.fullmatch(text) is not None and max(position_of(text)) <= _LAST


def position_by(text: str) -> str:
    """The last position at a moment; a log has none before 1970.

    Raises:
        Failed: if the text names no moment.
    """
    if is_position(text):
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
    return end_of(max(0, round(moment.timestamp() * 1000)))


def end_of(moment_ms: int) -> str:
    """The last position that there can be at a moment."""
    return f"{moment_ms}-{_LAST}"


def with_moment(command: Command) -> Command:
    """Let the command be asked about an earlier moment."""
    help_text = "As it was then: a time with its zone (2026-05-03T10:00Z), or a position of the log."
    return click.option("--at", metavar="TIME", help=help_text)(command)
