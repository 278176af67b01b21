"""Events as the server keeps them: JSON, compressed by what events of the connection look like.

A poll names the same fields every time. A *dictionary* holds those names, in events without values, so that
an entry needs to hold little more than the values. Entries stand for themselves, each is read alone.

A packed entry is one byte, the number of its dictionary, and a Zstandard frame; any other is plain.
Dictionaries are never changed and never thrown away.
"""

from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import redis
from zstandard import (
    DICT_TYPE_RAWCONTENT,
    FORMAT_ZSTD1_MAGICLESS,
    ZstdCompressionDict,
    ZstdCompressionParameters,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdError,
)

from workers.storage.server import do

LEVEL = -1
"""Below 0, letters are not coded by how frequent they are: a tenth more bytes, half the time to unpack."""

DICTIONARIES = 31
"""As many there may be, because no text begins with such a byte. Then the last one goes on."""

LAST = bytes([DICTIONARIES])

CURRENT = b"current"
"""Where the hash of dictionaries keeps the number of the one in use."""


class LostDictionary(Exception):  # noqa: N818 - says what happened
    """An entry cannot be read, because somebody has thrown away the dictionary that it was packed by."""


class Packed(NamedTuple):
    """Events as they are to be kept."""

    number: int  #: of the dictionary that they are packed by; 0: they are plain
    length: int  #: of that dictionary, in bytes
    events: list[bytes]


LOST = -1
"""What a script answers that was sent entries which are packed by a dictionary that the server lacks."""


class Packing:
    """Packs and unpacks the entries of one log. Threads may share it.

    Args:
        client: the log's server.
        key: of the hash that keeps the dictionaries by number.
    """

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._lock = Lock()  # a compressor is for one thread at a time
        self._current = 0  #: 0: none is known
        self._compress = cache(self._compressing)
        self._decompress = cache(self._decompressing)

    def learn(self, dictionary: bytes) -> None:
        """Pack by another dictionary from now on; it must hold nobody's values, for it is kept for ever."""
        found: dict[bytes, bytes] = do(self._client, "HGETALL", self._key)
        found.pop(CURRENT, None)
        number = next((each for each, content in found.items() if content == dictionary), None)
        if number is None and len(found) < DICTIONARIES:
            number = b"%d" % (len(found) + 1)
            do(self._client, "HSETNX", self._key, number, dictionary)
        if number is not None:
            do(self._client, "HSET", self._key, CURRENT, number)
        self._current = 0

    def kept(self, events: Sequence[bytes], keep: Callable[[Packed], Any]) -> Any:
        """What keeping events packed is answered; they go plain where the server lost its dictionaries."""
        while (answer := keep(self._pack(events))) == LOST:
            self._forget()
        return answer

    def _forget(self) -> None:
        """Ask anew for everything: this is another server, or an older copy of it."""
        with self._lock:
            self._current = 0
            self._compress.cache_clear()
            self._decompress.cache_clear()

    def _pack(self, events: Sequence[bytes]) -> Packed:
        """Events as they are to be kept."""
        with self._lock:
            if not self._current:  # one may have been learned meanwhile
                self._current = int(do(self._client, "HGET", self._key, CURRENT) or 0)
            number = self._current
            if not number:
                return Packed(0, 0, list(events))
            (compress, length), mark = self._compress(number), bytes([number])
            packed = ((each, mark + compress(each)) for each in events)
            return Packed(number, length, [min(plain, short, key=len) for plain, short in packed])

    def unpack(self, entries: Sequence[bytes], wanted: bytes | None = None) -> list[bytes]:
        """Entries as the events that they hold; where ``wanted`` is 0, as they are. Raises LostDictionary."""
        marks = b"\1" * len(entries) if wanted is None else wanted.ljust(len(entries), b"\1")
        with self._lock:
            return [
                self._unpacked(each) if mark and each[:1] <= LAST else each
                for each, mark in zip(entries, marks, strict=False)
            ]

    def _unpacked(self, entry: bytes) -> bytes:
        """The event of a packed entry; the entry itself if it is neither packed nor an event."""
        try:
            return self._decompress(entry[0])(entry[1:]) if entry else entry
        except ZstdError:
            return entry

    def _load(self, number: int) -> ZstdCompressionDict:
        content: bytes | None = do(self._client, "HGET", self._key, number)
        if content is None:
            raise LostDictionary(f"{self._key} has no dictionary {number}")
        return ZstdCompressionDict(content, dict_type=DICT_TYPE_RAWCONTENT)

    def _compressing(self, number: int) -> tuple[Callable[[bytes], bytes], int]:
        dictionary, how = self._load(number), _parameters()
        dictionary.precompute_compress(compression_params=how)
        compressor = ZstdCompressor(dict_data=dictionary, compression_params=how)
        return compressor.compress, len(dictionary)

    def _decompressing(self, number: int) -> Callable[[bytes], bytes]:
        return ZstdDecompressor(dict_data=self._load(number), format=FORMAT_ZSTD1_MAGICLESS).decompress


def _parameters() -> Any:
    return ZstdCompressionParameters.from_level(
        LEVEL, format=FORMAT_ZSTD1_MAGICLESS, write_content_size=True, write_dict_id=False
    )
