"""The whole log: what is archived, then what the server still holds, read as one."""

from collections.abc import Mapping, Sequence

from workers.archive.archive import Archive
from workers.archive.segments import Damaged
from workers.store import Entry, EventLog, Trimmed


class WholeLog:
    """An `EventLog` that reads on where the server's begins, from the archive before that."""

    def __init__(self, live: EventLog, archive: Archive) -> None:
        self.live = live
        self.archive = archive

    def append(
        self, events: Sequence[tuple[bytes, bytes]], documents: Mapping[str, bytes] | None = None
    ) -> int:
        return self.live.append(events, documents)

    def read(self, after: str, limit: int, wanted: bytes | None = None) -> list[Entry]:
        """The next entries behind a position, oldest first.

        Raises:
            Damaged: if the server holds them no more, and the archive does not give them.
        """
        try:
            return self.live.read(after, limit, wanted)
        except Trimmed:
            found = self.archive.read(after, limit)
        if not found:
            raise Damaged(f"the archive has no events behind {after}, and the log's server has trimmed them")
        return found

    def tail(self) -> str:
        return self.live.tail()

    def length(self) -> int:
        return self.live.length()

    def appended(self) -> int:
        return self.live.appended()

    def begins(self) -> str:
        return self.live.begins()

    def trim(self, until: str) -> int:
        return self.live.trim(until)

    def purge(self) -> None:
        self.live.purge()

    def resume(self, position: str, appended: int) -> None:
        self.live.resume(position, appended)

    def remember(self, ids: Sequence[bytes]) -> None:
        self.live.remember(ids)

    def document(self, digest: str) -> bytes | None:
        return self.live.document(digest) or self.archive.document(digest)
