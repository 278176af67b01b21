"""Opening what is kept of a connection by its addresses, for processes that have nothing else."""

from workers.archive.archive import Archive
from workers.archive.manifest import Snapshot
from workers.archive.places import Room, open_files
from workers.archive.snapshots import Beginning, Past
from workers.archive.whole import WholeLog
from workers.crew import Place
from workers.storage.redis_store import RedisStores, connect


def open_place(
    server: str, archive: str, connection: str, room: Room | None = None, taken: Snapshot | None = None
) -> Place:
    """A connection's log, live and archived, its tables, and the snapshot to begin with.

    For what the addresses are, see the settings.
    """
    stores, files = RedisStores(connect(server), connection), open_files(archive, connection, room)
    past = Past(files, taken) if taken else Beginning()
    return Place(WholeLog(stores.log, Archive(files)), stores.generations.tables, past)
