"""Events as the server keeps them: JSON, compressed by what events of the connection look like.

A poll names the same fields every time. A *dictionary* holds those names, in events without values, so that
an entry needs to hold little more than the values. Entries stand for themselves, each is read alone.

A packed entry is a byte that begins no text, the name of its dictionary in four, and a Zstandard frame; any
other is plain. A dictionary is named by its content, so that a process which outlives the server's data goes
by the right one; it is never thrown away.
"""

from collections.abc import Sequence
from hashlib import blake2b
from threading import Lock
from typing import Any

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

LEVEL = 3

PACKED = b"\x01"
"""How a packed entry begins."""

NAMED = 4
"""Bytes of a dictionary's name."""

CURRENT = b"current"
"""Where the hash of dictionaries keeps the name of the one in use."""


class LostDictionary(Exception):  # noqa: N818 - says what happened
    """An entry cannot be read, because somebody has thrown away the dictionary that it was packed by."""


class Packing:
    """Packs and unpacks the entries of one log. Threads may share it.

    Args:
        client: the log's server.
        key: of the hash that keeps the dictionaries by name, in hex.
    """

    def __init__(self, client: redis.Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._lock = Lock()  # a compressor is for one thread at a time
        self._compressors: dict[bytes, ZstdCompressor] = {}
        self._decompressors: dict[bytes, ZstdDecompressor] = {}

    def learn(self, dictionary: bytes) -> None:
        """Pack by a dictionary from now on; it must hold nobody's values, for it is kept for ever."""
        name = blake2b(dictionary, digest_size=NAMED).hexdigest()
        do(self._client, "HSET", self._key, name, dictionary, CURRENT, name)

    def pack(self, events: Sequence[bytes]) -> list[bytes]:
        """Events as they are to be kept, by the dictionary that the server has now: it may be a new one."""
        current: bytes | None = do(self._client, "HGET", self._key, CURRENT)
        if current is None:
            return list(events)
        name = bytes.fromhex(current.decode())
        with self._lock:
            compress, mark = self._compressor(name).compress, PACKED + name
            packed = ((each, mark + compress(each)) for each in events)
            return [min(plain, short, key=len) for plain, short in packed]

    def unpack(self, entries: Sequence[bytes]) -> list[bytes]:
        """Entries as the events that they hold. Raises LostDictionary."""
        with self._lock:
            return [self._unpacked(each) if each.startswith(PACKED) else each for each in entries]

    def _unpacked(self, entry: bytes) -> bytes:
        """The event of a packed entry; the entry itself if it is damaged."""
        start = len(PACKED) + NAMED
        try:
            return self._decompressor(entry[len(PACKED) : start]).decompress(entry[start:])
        except ZstdError:
            return entry

    def _load(self, name: bytes) -> ZstdCompressionDict:
        content: bytes | None = do(self._client, "HGET", self._key, name.hex())
        if content is None:
            raise LostDictionary(f"{self._key} has no dictionary {name.hex()}")
        return ZstdCompressionDict(content, dict_type=DICT_TYPE_RAWCONTENT)

    def _compressor(self, name: bytes) -> ZstdCompressor:
        if name not in self._compressors:
            dictionary, how = self._load(name), _parameters()
            dictionary.precompute_compress(compression_params=how)
            self._compressors[name] = ZstdCompressor(dict_data=dictionary, compression_params=how)
        return self._compressors[name]

    def _decompressor(self, name: bytes) -> ZstdDecompressor:
        if name not in self._decompressors:
            self._decompressors[name] = ZstdDecompressor(
                dict_data=self._load(name), format=FORMAT_ZSTD1_MAGICLESS
            )
        return self._decompressors[name]


def _parameters() -> Any:
    return ZstdCompressionParameters.from_level(
        LEVEL, format=FORMAT_ZSTD1_MAGICLESS, write_content_size=True, write_dict_id=False
    )
