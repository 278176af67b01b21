"""A slice of a log: what reproduces the decisions about one contact, and nothing else.

It has the events of the contact and of all that it could meet, those about the connection as a whole, and
what other contacts changed of that.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.commons import Change
from domain.events import AnyEvent

Happening = AnyEvent | Change
"""What happened at a position: an event, or what somebody else's event changed in common."""


class Slice(NamedTuple):
    """Happenings, and the documents that their events name."""

    entries: Sequence[tuple[str, Happening]]  #: by position, in the log's order
    documents: Mapping[str, Any]  #: by digest, as plain values
