"""Where an archive's files lie: a directory, or a bucket of an object store. Both keep whole files only.

Nothing here may be half there after a crash, and what a call has written is on disk when it returns.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from workers.clock import new_id

UNFINISHED = ".tmp"
"""How the names of files end that are being written."""


FAILURES = (OSError, BaseError)
"""What the use of a place may raise that is away, full, or closed to us."""


class Altered(ValueError):  # noqa: N818 - says what is wrong
    """A file is not what was written."""


class Files(Protocol):
    """Whole files by name; a name's folders are parted by ``/``."""

    def read(self, name: str) -> bytes:
        """A file. Raises FileNotFoundError."""

    def read_part(self, name: str, start: int, length: int) -> bytes:
        """Some bytes of a file. Raises FileNotFoundError."""

    def whole(self, name: str, digest: str) -> bytes:
        """A file by its name and SHA-256. Raises FileNotFoundError, and Altered if the hash is another."""

    def fetch(self, name: str, digest: str) -> None:
        """Have a file at hand that will be read in part, if it is far away and never changes.

        Raises as ``whole`` does.
        """

    def distrust(self, name: str) -> None:
        """Take no copy of a file for what it should be before it is fetched again."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in place of one of that name."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one of that name; of two who try at once, one does it."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, folder included, sorted."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def forget_others(self, named: Collection[str]) -> None:
        """Keep no copies here but of these files."""

    def problem(self) -> str:
        """Why nothing could be written here, as far as can be told without writing; empty: it could."""


def _unaltered(data: bytes, digest: str) -> bytes:
    if sha256(data).hexdigest() != digest:
        raise Altered("it is not what was written")
    return data


class Directory:
    """A directory of a local disk, for this user only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return self._root.joinpath(name).read_bytes()

    def read_part(self, name: str, start: int, length: int) -> bytes:
        with self._root.joinpath(name).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def whole(self, name: str, digest: str) -> bytes:
        return _unaltered(self.read(name), digest)

    def fetch(self, name: str, digest: str) -> None:
        """It is here."""

    def distrust(self, name: str) -> None:
        """There are no copies."""

    def forget_others(self, named: Collection[str]) -> None:
        """There are no copies."""

    def write(self, name: str, data: bytes) -> None:
        path = self._root / name
        self._unfinished(path, data).replace(path)
        _sync(path.parent)

    def create(self, name: str, data: bytes) -> bool:
        path = self._root / name
        unfinished = self._unfinished(path, data)
        try:
            path.hardlink_to(unfinished)
        except FileExistsError:
            return False
        finally:
            unfinished.unlink()
        _sync(path.parent)
        return True

    def names(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(f"{folder}/{each.name}" for each in self._root.joinpath(folder).iterdir())
        return []

    def remove(self, name: str) -> None:
        self._root.joinpath(name).unlink(missing_ok=True)

    def problem(self) -> str:
        there = next(path for path in (self._root, *self._root.absolute().parents) if path.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return ""
        return f"{there} is no directory that this user may write to."

    def _unfinished(self, path: Path, data: bytes) -> Path:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{new_id()}{UNFINISHED}")
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):  # it may have taken the last room on a disk that is full
                unfinished.unlink()
            raise OSError(error.errno, error.strerror, str(path)) from None
        return unfinished


def _sync(directory: Path) -> None:
    """Have the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Bucket:
    """A folder of an object store. Creating rests on conditional writes, which S3 and its like know."""

    def __init__(self, store: ObjectStore, folder: str = "") -> None:
        self._store = store
        self._folder = folder

    def read(self, name: str) -> bytes:
        return bytes(obstore.get(self._store, self._folder + name).bytes())

    def read_part(self, name: str, start: int, length: int) -> bytes:
        if not length:
            return b""
        return bytes(obstore.get_range(self._store, self._folder + name, start=start, length=length))

    def whole(self, name: str, digest: str) -> bytes:
        return _unaltered(self.read(name), digest)

    def fetch(self, name: str, digest: str) -> None:
        """It is read from there each time."""

    def distrust(self, name: str) -> None:
        """There are no copies."""

    def forget_others(self, named: Collection[str]) -> None:
        """There are no copies."""

    def write(self, name: str, data: bytes) -> None:
        obstore.put(self._store, self._folder + name, data)

    def create(self, name: str, data: bytes) -> bool:
        try:
            obstore.put(self._store, self._folder + name, data, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def names(self, folder: str) -> list[str]:
        found: Any = obstore.list(self._store, f"{self._folder}{folder}").collect()
        return sorted(each["path"].removeprefix(self._folder) for each in found)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._store, self._folder + name)

    def problem(self) -> str:
        return ""  # that it can be read tells that it is there; what may be written, only writing tells
