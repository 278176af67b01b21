"""Long runs in pieces."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def in_batches(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Cut a run into lists of at most ``size``, in order."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
