"""Opening a connection's whole log by its addresses, for processes that have nothing else."""

from workers.archive.archive import Archive
from workers.archive.places import Room, open_files
from workers.archive.whole import WholeLog
from workers.storage.redis_store import RedisStores, connect


def open_log(server: str, archive: str, connection: str, room: Room | None = None) -> WholeLog:
    """A connection's log, live and archived; for what the addresses are, see the settings."""
    files = open_files(archive, connection, room)
    return WholeLog(RedisStores(connect(server), connection).log, Archive(files))
