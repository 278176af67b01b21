"""Hashes that two stores agree on exactly if they hold the same."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Protocol

from domain.book import Table


class Readable(Protocol):
    """Tables that can be read in full; nothing may be committed meanwhile."""

    def scan(self, table: Table) -> Iterable[tuple[str, bytes]]: ...

    def queues(self) -> Iterable[tuple[str, Iterable[tuple[str, int]]]]: ...

    def all_decisions(self) -> Iterable[tuple[str, Sequence[bytes]]]: ...

    def counters(self) -> dict[str, int]: ...


def fingerprint(tables: Readable) -> dict[str, str]:
    """A hash for each table, each queue that has members, the decisions and the counters."""
    return {**of_rows(tables), **of_decisions(tables)}


def of_rows(tables: Readable) -> dict[str, str]:
    """The fingerprint without the decisions, about as much work as they are."""
    hashes = {
        str(table): _hash((key.encode(), value) for key, value in tables.scan(table)) for table in Table
    }
    for name, members in tables.queues():
        hashes[f"queue:{name}"] = _hash(_pair(member, score) for member, score in members)
    hashes["counters"] = _hash(_pair(name, value) for name, value in tables.counters().items())
    return hashes


def of_decisions(tables: Readable) -> dict[str, str]:
    """The fingerprint of the decisions alone."""
    closed = tables.all_decisions()
    return {"decisions": _hash((entity.encode(), *decisions) for entity, decisions in closed)}


def added(fingerprints: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The fingerprint of all that several tables hold, which have no row, member or counter in common."""
    totals: dict[str, int] = {}
    for name, hashed in chain.from_iterable(each.items() for each in fingerprints):
        totals[name] = totals.get(name, 0) + int(hashed, 16)
    return {name: _in_hex(total) for name, total in totals.items()}


def _pair(name: str, value: int) -> tuple[bytes, bytes]:
    return name.encode(), b"%d" % value


def _hash(rows: Iterable[Sequence[bytes]]) -> str:
    """The sum of the rows' hashes, in 32 hex digits; a row that a scan shows twice counts once."""
    total = sum(int.from_bytes(digest) for digest in set(map(_digest, rows)))
    return _in_hex(total)


def _in_hex(total: int) -> str:
    return f"{total % 2**128:032x}"


_EMPTY = blake2b(digest_size=16)


def _digest(row: Sequence[bytes]) -> bytes:
    digest = _EMPTY.copy()
    for part in row:
        digest.update(len(part).to_bytes(4))
        digest.update(part)
    return digest.digest()
