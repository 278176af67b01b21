"""The folding of one event: its place, its moment, and the tables it may write."""

import msgspec

from domain.book import Book
from domain.commons import Change, Note, take
from domain.policy import Policy

replace = msgspec.structs.replace


class Step(msgspec.Struct, frozen=True, gc=False):
    """One event's place and moment, and the tables it may write."""

    book: Book
    policy: Policy
    position: str  #: of the event in the log
    at: int  #: the event's time, epoch ms


def share(step: Step, change: Change) -> bool:
    """Change what all contacts of the connection have in common; tells whether it is granted."""
    before = step.book.connection
    connection, granted = take(before, change)
    if connection is not before:
        step.book.put_connection(connection)
    moment, _, number = step.position.partition("-")
    step.book.note(Note((int(moment), int(number)), change, granted))
    return granted
