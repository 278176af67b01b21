"""The rows of one table, as one step of folding sees them: written in place, and taken back if it fails."""

from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")
MISSING: Any = object()
"""Stands for a row that was not known."""


class Rows(dict[str, Value | None]):
    """The rows as far as they are known, None if absent; others are fetched when asked for.

    Args:
        fetch: a row as it is stored, by its key; None: there is none.
        decode: reads such a row.
        encode: writes one.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes | None],
        decode: Callable[[bytes], Value],
        encode: Callable[[Value], bytes],
    ) -> None:
        super().__init__()
        self._fetch, self._decode, self._encode = fetch, decode, encode
        self.dirty: dict[str, None] = {}  #: written by events that were accepted, and not encoded yet
        self.encoded: dict[str, bytes | None] = {}  #: not taken yet
        self.before: dict[str, Any] = {}  #: what the event at hand has overwritten, as it was

    def __missing__(self, key: str) -> Value | None:
        self.fill(key, self._fetch(key))
        return self[key]

    def fill(self, key: str, raw: bytes | None) -> None:
        """Let a row be known as it is stored."""
        self[key] = None if raw is None else self._decode(raw)

    def put(self, key: str, value: Value | None) -> None:
        """Write a row in place; what stood there is kept until the event is accepted."""
        if key not in self.before:
            self.before[key] = self.get(key, MISSING)
        self[key] = value

    def accept(self) -> None:
        """Let what the event wrote count."""
        for key in self.before:
            self.dirty[key] = None
        self.before.clear()

    def reject(self) -> None:
        """Take back what the event wrote."""
        for key, value in self.before.items():
            if value is MISSING:
                del self[key]
            else:
                self[key] = value
        self.before.clear()

    def put_by(self) -> None:
        """Forget all rows; what was written of them is encoded first."""
        self.encode()
        self.clear()

    def encode(self) -> None:
        """Encode what was written since the last time."""
        for key in self.dirty:
            value = self[key]
            self.encoded[key] = None if value is None else self._encode(value)
        self.dirty.clear()

    def take(self) -> tuple[dict[str, bytes], list[str]]:
        """What was written, encoded, and the keys of the rows that are gone."""
        self.encode()
        written, self.encoded = self.encoded, {}
        puts = {key: raw for key, raw in written.items() if raw is not None}
        return puts, [key for key, raw in written.items() if raw is None]
