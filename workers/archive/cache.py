"""Files of a distant archive that never change, kept on a disk here so that each is fetched once.

What is kept is checked against its hash when it is fetched, when it is read whole, and once by each process
that reads parts of it; what has rotted since is fetched anew. The longest unused goes when there is no room.
Losing all of it costs nothing but fetching.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from workers.archive.files import Altered, Directory, Files

LASTING = ("segments/", "snapshots/")
"""Folders of files that never change: their names tell what they hold."""


class Cached:
    """Files, some of which are kept in a directory of this machine. Threads and processes may share it.

    Args:
        far: where all of them are.
        root: where copies are kept.
        room: bytes of copies, at most.
    """

    def __init__(self, far: Files, root: Path, room: int) -> None:
        self._far = far
        self._root = root
        self._room = room
        self._near = Directory(root)
        self._good: set[str] = set()  #: copies that this process knows to be what they should
        self._large: set[str] = set()  #: files for which there is no room at all

    def read(self, name: str) -> bytes:
        return self._far.read(name)

    def whole(self, name: str, digest: str) -> bytes:
        data = self._copy(name, digest)
        if data is None:
            data = self._far.whole(name, digest)
            self._keep(name, data)
        return data

    def fetch(self, name: str, digest: str) -> None:
        if name not in self._good and name not in self._large:
            self.whole(name, digest)

    def distrust(self, name: str) -> None:
        self._good.discard(name)

    def read_part(self, name: str, start: int, length: int) -> bytes:
        """From the copy, or from afar; another process may have dropped the copy."""
        if name in self._good:
            with suppress(OSError):
                return self._near.read_part(name, start, length)
            self._good.discard(name)
        return self._far.read_part(name, start, length)

    def write(self, name: str, data: bytes) -> None:
        self._far.write(name, data)
        if name.startswith(LASTING):
            self._keep(name, data)

    def create(self, name: str, data: bytes) -> bool:
        return self._far.create(name, data)

    def names(self, folder: str) -> list[str]:
        return self._far.names(folder)

    def remove(self, name: str) -> None:
        self._far.remove(name)
        self._drop(self._root / name)

    def forget_others(self, named: Collection[str]) -> None:
        for path, _ in self._copies():
            if path.relative_to(self._root).as_posix() not in named:
                self._drop(path)

    def problem(self) -> str:
        return self._far.problem()

    # -- copies

    def _copy(self, name: str, digest: str) -> bytes | None:
        """The copy, if there is a good one; one that is not is dropped."""
        try:
            data = self._near.whole(name, digest)
            os.utime(self._root / name)
        except Altered:
            self._drop(self._root / name)
            return None
        except OSError:
            return None
        self._good.add(name)
        return data

    def _keep(self, name: str, data: bytes) -> None:
        """Keep a copy, if there is room for it; without one the file is read from afar."""
        if len(data) > self._room:
            self._large.add(name)
            return
        with suppress(OSError):
            self._make_room(len(data))
            self._near.write(name, data)
            self._good.add(name)

    def _make_room(self, wanted: int) -> None:
        copies = sorted(self._copies(), key=lambda each: each[1].st_mtime)
        excess = sum(facts.st_size for _, facts in copies) + wanted - self._room
        for path, facts in copies:
            if excess <= 0:
                return
            self._drop(path)
            excess -= facts.st_size

    def _copies(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file():
                    found.append((path, path.stat()))
        return found

    def _drop(self, path: Path) -> None:
        self._good.discard(path.relative_to(self._root).as_posix())
        with suppress(OSError):
            path.unlink(missing_ok=True)
