"""Opening the place of an archive by its address."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from obstore.store import from_url

from workers.archive.cache import Cached
from workers.archive.files import Bucket, Directory, Files

if TYPE_CHECKING:  # it is there for type checkers only
    from obstore.store import RetryConfig


RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
"""Who asks how the archive stands must not wait for minutes; workers come again by themselves."""


class Room(NamedTuple):
    """Where copies of a bucket's files may be kept, and how many bytes of each connection's."""

    directory: Path
    bytes: int


def open_files(url: str, connection: str, room: Room | None = None) -> Files:
    """The place of one connection's archive: a directory, or a URL such as ``s3://bucket/folder``.

    ``room`` is for copies of what is far away; None: everything is read from there each time.
    """
    if "://" not in url:
        return Directory(Path(url) / connection)
    bucket = Bucket(from_url(url, retry_config=RETRIES), f"{connection}/")
    return Cached(bucket, room.directory / connection, room.bytes) if room and room.bytes else bucket
