"""Moving an archive: copy all that it holds to another place, checked, its manifest last."""

from collections.abc import Iterator

from workers.archive import manifest
from workers.archive.archive import Archive, document_name
from workers.archive.files import Files
from workers.archive.manifest import Manifest
from workers.archive.segments import Damaged, checked


class Occupied(Exception):  # noqa: N818 - says why nothing was copied
    """There is an archive in the other place already."""


def copy(source: Files, known: Manifest, to: Files) -> None:
    """Copy what a manifest names. Cut short, it can be begun again.

    Raises:
        Occupied: if an archive is there already; nothing was copied.
        Damaged: if a file is missing or other than it was written.
    """
    if manifest.newest(to).number:
        raise Occupied
    for name, data in _contents(source, known):
        to.write(name, data)
    if not manifest.publish(to, known):
        raise Occupied


def _contents(source: Files, known: Manifest) -> Iterator[tuple[str, bytes]]:
    for each in known.files():
        yield each.name, checked(source, each.name, each.sha256)
        yield each.index, checked(source, each.index, each.index_sha256)
    for digest in known.documents:
        raw = Archive(source).document(digest)
        if raw is None:
            raise Damaged(f"{document_name(digest)} is missing")
        yield document_name(digest), raw
