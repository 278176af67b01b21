"""Bundles as files: JSON lines, or the same packed by zstd.

The first line is the header, the last one a checksum of all others. Between them stand the documents, then
what happened, in the log's order.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from domain.bundling import Told
from domain.commons import Suspended, Throttled
from domain.events import Event, digest, encode
from domain.slices import Guarded, Happening, Slice
from domain.unmasked import Field
from domain.upcasting import UNDECODABLE, NewerEvent, UnreadableEvent, decode

FORMAT = 1

MASKING = "letters and digits replaced by others, dates moved, by a key that is kept nowhere"
"""How values were masked, for people."""

PACKED = ".zst"
"""How the name of a packed file ends."""

_MAGIC = b"\x28\xb5\x2f\xfd"


class Left(msgspec.Struct, frozen=True):
    """A field whose values were left as they are, all or some of them."""

    crm: str
    object: str
    field: str
    why: str


class Header(msgspec.Struct, frozen=True):
    """What a bundle is about, and what must come of it."""

    bundle: int  #: version of the format
    release: str  #: that wrote it
    connection: str
    contact: str
    until: str  #: the position up to which the log was taken
    now: int  #: the moment of looking at it, epoch ms
    decision: str  #: the one that it is about; empty: nothing was decided yet
    reason: str = ""  #: how that one ended; of an open one, what it waits for
    explanation: str = ""  #: digest of what was said why
    told: Told = Told()  #: all that must be told of the contact
    masking: str = MASKING
    unmasked: tuple[Left, ...] = ()

    def of(self, story: Told, unmasked: tuple[Left, ...]) -> "Header":
        """The header with what must be told of the contact."""
        ended = story.decisions.get(self.decision)
        return msgspec.structs.replace(
            self,
            reason=ended.reason if ended else story.waits_for,
            explanation=digest(ended.explanation if ended else ""),
            told=story,
            unmasked=unmasked,
        )


class BadBundle(ValueError):  # noqa: N818 - says what the file is
    """The file is no bundle, or not a whole one; the message names the line."""


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    digest: str = ""
    document: msgspec.Raw = msgspec.Raw()
    position: str = ""
    event: msgspec.Raw = msgspec.Raw()
    shared: str = ""  #: what another contact changed of the connection, and how
    values: tuple[Any, ...] = ()


class _End(msgspec.Struct, frozen=True):
    lines: int
    sha256: str


class _Format(msgspec.Struct, frozen=True):
    bundle: int


_SHARED = {"throttled": Throttled, "suspended": Suspended, "guarded": Guarded}
_encode = msgspec.json.encode


def left(fields: dict[Field, str]) -> tuple[Left, ...]:
    return tuple(Left(*field, why) for field, why in sorted(fields.items()))


# -- writing


def write(path: Path, header: Header, content: Slice) -> None:
    """Write a bundle that nobody but its owner may read; what was there is replaced."""
    lines = [_encode(header), *_documents(content), *_happenings(content)]
    body = b"".join(line + b"\n" for line in lines)
    raw = body + _encode(_End(len(lines), sha256(body).hexdigest())) + b"\n"
    packed = path.suffix == PACKED
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(raw) if packed else raw)


def _documents(content: Slice) -> Iterator[bytes]:
    for name, document in content.documents.items():
        yield _encode(_Line(digest=name, document=msgspec.Raw(_encode(document))))


def _happenings(content: Slice) -> Iterator[bytes]:
    for position, what in content.entries:
        if isinstance(what, Event):
            yield _encode(_Line(position=position, event=msgspec.Raw(encode(what))))
        else:
            yield _encode(_Line(position=position, shared=type(what).__name__.lower(), values=tuple(what)))


# -- reading


def read(path: Path) -> tuple[Header, Slice]:
    """Read a bundle.

    Raises:
        BadBundle: it is none, was cut off or changed, or is of a newer format.
        NewerEvent: it holds an event of a newer release.
    """
    lines = _unpacked(path.read_bytes()).split(b"\n")
    header = _header(lines[0])
    end = _parsed(lines[-2], _End) if len(lines) > 2 and not lines[-1] else None  # noqa: PLR2004 - header, end
    if end is None:
        raise BadBundle(f"line {len(lines)}: the file ends before the bundle does: it was cut off")
    documents, entries = {}, []
    for number, raw in enumerate(lines[1:-2], 2):
        line = _line(number, raw)
        if line.digest:
            documents[line.digest] = msgspec.json.decode(line.document)
        else:
            entries.append((line.position, _happening(number, line)))
    body = b"".join(line + b"\n" for line in lines[:-2])
    if (end.lines, end.sha256) != (len(lines) - 2, sha256(body).hexdigest()):
        raise BadBundle(f"line {len(lines) - 1}: the checksum is that of another text: the file was changed")
    return header, Slice(entries, documents)


def _unpacked(raw: bytes) -> bytes:
    if not raw.startswith(_MAGIC):
        return raw
    try:
        return zstandard.ZstdDecompressor().decompress(raw)
    except zstandard.ZstdError:
        raise BadBundle("line 1: it cannot be unpacked: the file is cut off or damaged") from None


def _header(raw: bytes) -> Header:
    known = _parsed(raw, _Format)
    if known is None:
        raise BadBundle("line 1: this is no bundle")
    if known.bundle > FORMAT:
        raise BadBundle(f"line 1: format {known.bundle} is of a newer release: upgrade this machine")
    header: Header | None = _parsed(raw, Header)
    if header is None:
        raise BadBundle("line 1: the header is not whole")
    return header


def _parsed(raw: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNDECODABLE:
        return None


def _line(number: int, raw: bytes) -> _Line:
    line: _Line | None = _parsed(raw, _Line)
    if line is None:
        raise BadBundle(f"line {number}: this is not JSON of a bundle")
    return line


def _happening(number: int, line: _Line) -> Happening:
    try:
        if line.shared:
            return msgspec.convert(line.values, _SHARED[line.shared])
        return decode(bytes(line.event))
    except NewerEvent:
        raise
    except (UnreadableEvent, KeyError, msgspec.ValidationError) as error:
        raise BadBundle(f"line {number}: nothing that happens in a log ({error})") from None
