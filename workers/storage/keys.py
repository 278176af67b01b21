"""Every Redis key there is, by name, type, meaning, writer and lifetime.

All keys of a connection carry the hash tag ``{connection}``, so that one script may touch any of them and
a Redis Cluster spreads connections over its nodes. What is derived from the log lies under a *generation*
(``{acme}:g1:...``), so that a rebuild fills a new one beside the old and one write switches over.
"""

import re
from typing import NamedTuple

from domain.book import Table

CONNECTIONS = "crmsync:connections"
"""The names of all connections on this server."""

PASTS = "crmsync:pasts"
"""The past states beside connections. These two are the only keys outside a hash tag."""

DAYS = 3
"""Id sets in rotation: today's and those of the two days before, which is two full days at least."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Key(NamedTuple):
    """One line of the table of keys."""

    name: str  #: ``<...>`` stands for a part that varies
    type: str  #: as the command TYPE names it
    meaning: str
    writer: str
    lifetime: str


_TABLES = {
    Table.CONTACTS: "contact id to what is known of the contact",
    Table.REFS: "record key to contact id",
    Table.MATCHES: "kind and value that records are matched by, to record keys",
    Table.OUTBOX: "intent key to the write that is to be sent",
    Table.READS: "request key to the read that is asked for",
    Table.LETTERS: "intent key, and the field where one is held back, to the sync error",
    Table.META: "`connection` to what is known of the connection as a whole",
    Table.ERASED: "keyed hash of a record or an address to the person who was erased",
}

ALL: tuple[Key, ...] = (
    Key(CONNECTIONS, "set", "names of the connections on this server", "bootstrap", "for ever"),
    Key(PASTS, "hash", "name of a past state to the connection that it is of", "rebuild", "until removed"),
    Key(
        "{c}:log", "stream", "the events, one field `event` each, packed", "every appender", "until archived"
    ),
    Key("{c}:begins", "string", "position up to which the log is trimmed", "archiver", "for ever"),
    Key("{c}:dictionaries", "hash", "name to what events are packed by", "projector", "for ever"),
    Key("{c}:documents", "hash", "digest to document that events name", "every appender", "for ever"),
    Key("{c}:ids:<0-2>", "set", "ids of the events appended on a day", "every appender", "three days"),
    Key("{c}:tickets", "string", "the last ticket drawn", "readers, deliverers", "for ever"),
    Key("{c}:cursors", "hash", "how far each CRM has been read", "pollers", "for ever"),
    Key("{c}:lease:<name>", "string", "who may do a thing now", "whoever does it", "its time to live"),
    Key("{c}:asked:<name>", "string", "a lease that others ask for", "whoever asks", "its time to live"),
    Key("{c}:bell:<name>", "string", "a doorbell that is rung", "sweeper, stages", "its time to live"),
    Key("{c}:answer:<id>", "string", "what a batch of claims was answered", "deliverers", "a minute"),
    Key("{c}:limit:<crm>:<state/day>", "hash", "the account's call allowance", "limiter", "two days"),
    Key("{c}:limit:<crm>:<live/retry/backfill/search>", "zset", "calls lately made", "limiter", "two days"),
    Key(
        "{c}:generation",
        "hash",
        "`current`, `building`, `last`, and who commits",
        "rebuild, epochs",
        "for ever",
    ),
    Key("{c}:g<n>:checkpoint", "string", "position committed up to", "projector", "its generation"),
    *(
        Key(f"{{c}}:g<n>:{table}", "hash", meaning, "projector", "its generation")
        for table, meaning in _TABLES.items()
    ),
    Key("{c}:g<n>:queue:<queue>", "zset", "members by score", "projector, claims", "its generation"),
    Key("{c}:g<n>:decisions:<contact>", "list", "the newest closed decisions", "projector", "its generation"),
    Key("{c}:g<n>:counters", "hash", "counter to its value", "projector", "its generation"),
)
"""The table; ``c`` stands for the connection, ``n`` for the number of a generation."""


class NoName(ValueError):  # noqa: N818 - says what the text is
    """A text that cannot name a connection."""


class Keys:
    """The names of one connection's keys.

    Raises:
        NoName: if the connection's name would not make a hash tag or a pattern.
    """

    def __init__(self, connection: str) -> None:
        if not _NAME.fullmatch(connection):
            raise NoName(f"{connection!r} cannot name a connection: use letters, digits, '.', '_', '-'.")
        self._tag = f"{{{connection}}}"
        self.log = f"{self._tag}:log"
        self.begins = f"{self._tag}:begins"
        self.dictionaries = f"{self._tag}:dictionaries"
        self.documents = f"{self._tag}:documents"
        self.ids = [f"{self._tag}:ids:{day}" for day in range(DAYS)]
        self.tickets = f"{self._tag}:tickets"
        self.cursors = f"{self._tag}:cursors"
        self.generation = f"{self._tag}:generation"
        self.every = f"{self._tag}:*"  #: a pattern for all of them

    def lease(self, name: str) -> str:
        return f"{self._tag}:lease:{name}"

    def asked(self, name: str) -> str:
        return f"{self._tag}:asked:{name}"

    def bell(self, name: str) -> str:
        return f"{self._tag}:bell:{name}"

    def answer(self, request: str) -> str:
        return f"{self._tag}:answer:{request}"

    def of(self, generation: int | str) -> "GenerationKeys":
        """The keys of a generation; of all of them, as a pattern, for ``*``."""
        return GenerationKeys(f"{self._tag}:g{generation}:")


class GenerationKeys:
    """The names of one generation's keys."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.checkpoint = f"{prefix}checkpoint"
        self.counters = f"{prefix}counters"

    def table(self, table: Table) -> str:
        return f"{self.prefix}{table}"

    def queue(self, name: str) -> str:
        return f"{self.prefix}queue:{name}"

    def decisions(self, entity: str) -> str:
        return f"{self.prefix}decisions:{entity}"


def generation_of(key: bytes) -> int:
    """The number of the generation that a key belongs to."""
    return int(key.split(b":")[1].removeprefix(b"g"))
