"""A slice of a log: what reproduces the decisions about one contact, and nothing else.

It has the events of the contact and of all that it could meet, those about the connection as a whole, and
what others have made of that: quiet that was asked for, suspensions, and guards that tripped.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.commons import Suspended, Throttled
from domain.events import AnyEvent
from domain.state import Bucket


class Guarded(NamedTuple):
    """A guard tripped: from here on it grants nothing until it is released."""

    guard: str
    bucket: Bucket


Happening = AnyEvent | Throttled | Suspended | Guarded
"""What happened at a position: an event, or what others brought about."""


class Slice(NamedTuple):
    """Happenings, and the documents that their events name."""

    entries: Sequence[tuple[str, Happening]]  #: by position, in the log's order
    documents: Mapping[str, Any]  #: by digest, as plain values
