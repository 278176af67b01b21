"""The folding of one event: its place, its moment, and the tables it may write."""

from dataclasses import dataclass

import msgspec

from domain.book import Book
from domain.policy import Policy

replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Step:
    """One event's place and moment, and the tables it may write."""

    book: Book
    policy: Policy
    position: str  #: of the event in the log
    at: int  #: the event's time, epoch ms
