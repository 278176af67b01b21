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
from domain.erasing import addresses_in
from domain.events import AnyEvent, RecordGone, RecordObserved
from domain.groups import Pointers, pointers, record_name
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
        """The events, with what is shown of an erased person replaced by the fact that he is erased."""
        looks = [event for event in events if isinstance(event, RecordObserved)]
        if not looks or not lane.tables().count(Table.ERASED):
            return events
        known = pointers(kind.kind for kind in lane.policy().kinds.values())
        named = {id(look): self.of(sorted(_names(look, known))) for look in looks}
        marks = [mark for each in named.values() for mark in each]
        found = zip(marks, lane.tables().fetch(Table.ERASED, marks), strict=True)
        erased = {mark for mark, entity in found if entity is not None}
        return [
            _erased(event) if isinstance(event, RecordObserved) and erased & {*named[id(event)]} else event
            for event in events
        ]


def _names(look: RecordObserved, known: Pointers) -> set[str]:
    return {record_name(look.crm, look.id), *addresses_in(look, known)}


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
