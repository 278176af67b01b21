"""Opening the place of an archive by its address."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from obstore.exceptions import BaseError
from obstore.store import MemoryStore, ObjectStore, from_url

from workers.archive.cache import Cached
from workers.archive.files import Bucket, Directory, Files

if TYPE_CHECKING:  # it is there for type checkers only
    from obstore.store import RetryConfig


RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
"""Who asks how the archive stands must not wait for minutes; workers come again by themselves."""


DISK = "file://"


class NoPlace(Exception):  # noqa: N818 - says what is wrong
    """An address at which no archive can be kept; the message says why."""


class Room(NamedTuple):
    """Where copies of a bucket's files may be kept, and how many bytes of each connection's."""

    directory: Path
    bytes: int


def open_files(url: str, connection: str, room: Room | None = None) -> Files:
    """The place of one connection's archive: a directory, or a URL such as ``s3://bucket/folder``.

    ``room`` is for copies of what is far away; None: everything is read from there each time.

    Raises:
        NoPlace: if the address is none.
    """
    place = unquote(url.removeprefix(DISK)) if url.startswith(DISK) else url
    if not place.strip():
        raise NoPlace("An archive's place is a directory or a bucket's URL, and none is given.")
    if "://" not in place:
        return Directory(Path(place) / connection)
    bucket = Bucket(_store(place), f"{connection}/")
    return Cached(bucket, room.directory / connection, room.bytes) if room and room.bytes else bucket


def _store(url: str) -> ObjectStore:
    try:
        store = from_url(url, retry_config=RETRIES)
    except (BaseError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise NoPlace(
            f"{url} is no place for an archive ({why}): give a directory or a URL such as s3://bucket/folder."
        ) from None
    if isinstance(store, MemoryStore):
        raise NoPlace(f"{url} is no place for an archive: it ends with the process.")
    return store
