"""What goes into a batch, and when it leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.state import Priority
from workers.clock import Clock

SHARES: dict[Priority, float] = {Priority.LIVE: 1.0, Priority.RETRY: 0.2, Priority.BACKFILL: 0.1}
"""What part of a batch is kept for each priority, while more urgent ones could fill it."""

PATIENCE, MOST_PATIENCE = 0.004, 0.5
"""Seconds a batch waits after the last one came, for each that it holds beside the first, and at most."""

LIMIT, MOST_LIMIT = 0.02, 1.0
"""The same for all of its waiting together."""

LOOK = 0.02
"""Seconds between two looks at a batch that fills."""


def shared(due: Mapping[Priority, list[str]], size: int) -> list[str]:
    """Fill a batch: each priority gets its reserved share, the urgent first; what is left over goes on."""
    kept = {priority: keys[: max(1, int(size * SHARES[priority]))] for priority, keys in due.items()}
    reserved = sum(len(keys) for priority, keys in kept.items() if priority is not Priority.LIVE)
    kept[Priority.LIVE] = due[Priority.LIVE][: max(1, size - reserved)]
    chosen = [key for keys in kept.values() for key in keys][:size]
    taken = set(chosen)
    rest = [key for keys in due.values() for key in keys if key not in taken]
    return chosen + rest[: size - len(chosen)]


@dataclass
class Gathering:
    """Tells when a batch leaves.

    What is alone leaves at once. The more a batch holds, the likelier it is part of a burst, and the longer
    it may wait for the rest.
    """

    clock: Clock
    coming: Callable[[], bool]  #: whether something is on its way that may join it
    _held: int = 0
    _began: float = 0.0
    _grew: float = 0.0

    def wait(self, held: int, *, full: bool = False, least: float = 0.0) -> float:
        """Seconds until the next look at a batch that holds so many; 0: it leaves now, and is forgotten.

        ``full``: there is nothing to wait for. ``least``: so long it waits even if it holds only one.
        """
        now = self.clock.monotonic()
        if not self._held:
            self._began = now
        if held != self._held or (held > 1 and self.coming()):
            self._grew = now
        self._held = held
        patience = max(least, min((held - 1) * PATIENCE, MOST_PATIENCE))
        limit = max(least, min((held - 1) * LIMIT, MOST_LIMIT))
        end = min(self._grew + patience, self._began + limit)
        if full or now >= end:
            self._held = 0
            return 0.0
        return min(end - now, LOOK)
