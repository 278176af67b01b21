"""Keyed hashes of erased people: enough to know one who comes back, and nobody learns from them who it was.

The key lies in the archive's manifest. All machines of an installation share it there, and it outlives the
loss of the log's server; without it the hashes tell nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest

from msgspec.structs import replace

from domain.book import Table
from domain.erasing import TELLING, blank
from domain.events import AnyEvent, RecordGone, RecordObserved
from domain.groups import Pointers, about, is_address, pointers
from workers.archive import manifest
from workers.archive.files import Files
from workers.clock import new_key
from workers.connection import Lane


@dataclass
class Marks:
    """Marks names, and refuses who bears a marked one."""

    files: Files
    _key: bytes = field(default=b"", repr=False)

    def of(self, names: Iterable[str]) -> tuple[str, ...]:
        """The keyed hashes of some names, in their order."""
        key = self._known_key() or self._make_key()
        return tuple(digest(key, name.encode(), sha256).hex()[:32] for name in names)

    def _known_key(self) -> bytes:
        if not self._key:
            self._key = bytes.fromhex(manifest.newest(self.files).key)
        return self._key

    def _make_key(self) -> bytes:
        """Draw a key; of two that draw one at once, one wins."""
        while not self._known_key():
            known = manifest.newest(self.files)
            manifest.publish(self.files, replace(known, number=known.number + 1, key=new_key().hex()))
        return self._key

    def refuse(self, lane: Lane, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        """The events without an erased person's values; a look says no more than that he is erased."""
        telling = [event for event in events if isinstance(event, TELLING)]
        if not telling or not lane.tables().count(Table.ERASED):
            return events
        known = pointers(kind.kind for kind in lane.policy().kinds.values())
        named = {id(event): self.of(sorted(_names(event, known))) for event in telling}
        marks = [mark for each in named.values() for mark in each]
        found = zip(marks, lane.tables().fetch(Table.ERASED, marks), strict=True)
        erased = {mark for mark, entity in found if entity is not None}
        return [_silent(event, known) if erased & {*named.get(id(event), ())} else event for event in events]


def _names(event: AnyEvent, known: Pointers) -> set[str]:
    """Whom an event tells of: of a look, whoever has one of its addresses too."""
    names = about(event, known)
    return {names[0], *filter(is_address, names)} if isinstance(event, RecordObserved) else {names[0]}


def _silent(event: AnyEvent, known: Pointers) -> AnyEvent:
    return _erased(event) if isinstance(event, RecordObserved) else blank(event, known)


def _erased(look: RecordObserved) -> RecordGone:
    return RecordGone(
        crm=look.crm,
        object=look.object,
        id=look.id,
        cause="erased",
        at=look.modified_at,
        ticket=look.ticket,
        request=look.request,
    )
