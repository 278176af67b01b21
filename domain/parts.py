"""Putting together what groups of contacts folded into, each by itself.

The whole is what one fold of the log would have made, if no two groups touched the same row of a table and
what they change in common (``domain.commons``) was answered as it would have been among the others. Both are
checked, so a wrong estimate of what belongs together can cost time and never truth. A row that was there from
the beginning belongs to the part that got it, whether that touched it or not.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from domain.book import CONNECTION_KEY, Changes, Table, decode, encode
from domain.commons import together
from domain.state import Connection

OF_GROUPS = [table for table in Table if table is not Table.META]
"""The tables whose rows are one group's each."""

DECISIONS = "decisions"


def in_queue(name: str) -> str:
    """What the members of a queue are called, beside the rows of tables."""
    return f"queue:{name}"


class Part(NamedTuple):
    """What some groups of a log have in common with others, once they are folded."""

    common: Changes  #: the connection, notes and counters; one part counts what is said of the connection
    touched: dict[str, list[str]]  #: table, queue or ``decisions`` -> keys that are there, or were looked for
    met: bool = False  #: whether two of its groups touched the same row


def unite(parts: Sequence[Part], begun: Connection) -> Changes | None:
    """What all have in common; None if the groups were not independent. ``begun``: what they began with."""
    made = [part.common for part in parts]
    raw = made[0].puts.get(Table.META, {}).get(CONNECTION_KEY)
    said = Connection() if raw is None else decode(Table.META, raw)
    connection = together(begun, said, chain.from_iterable(each.notes for each in made))
    if connection is None or _met(parts):
        return None
    puts = {} if raw is None else {Table.META: {CONNECTION_KEY: encode(connection)}}
    counts = sum((Counter(each.counts) for each in made), Counter())
    return Changes(puts, {}, {}, {}, {}, counts)


def _met(parts: Sequence[Part]) -> bool:
    """Whether two groups touched the same row."""
    if any(part.met for part in parts):
        return True
    for name in {name for part in parts for name in part.touched}:
        touched = [part.touched.get(name, []) for part in parts]
        if len(set(chain.from_iterable(touched))) < sum(map(len, touched)):
            return True
    return False
