"""Importing from Salesforce: the leads and contacts that meet a condition are to be in HubSpot too.

HubSpot gets the address first, and everything else by itself if the person may sync. Few records are
asked for page by page, many by one bulk query. What was read and is not appended yet is read again after a
crash: the place names the page and how much of it was taken.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from domain.book import Table, decode
from domain.errors import Misconfigured, Rejected
from domain.events import AnyEvent, SyncRequested
from domain.identity import Crm, RecordRef
from domain.links import match_key, match_values, taken
from domain.policy import KindPolicy
from domain.state import Contact, Priority
from workers.connection import Lane, observed
from workers.ports import ChangesPage, ExportGateway, ReadRecord

CAUSE = "import"
BULK_ABOVE = 10_000
"""Records beyond which one bulk query is cheaper than pages of 2,000."""

WAIT_SECONDS = 2.0
"""How often a bulk query is asked whether it is done, where somebody waits for it."""


NOT_UNDERSTOOD = frozenset({"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR"})
"""Salesforce's codes for a condition that it cannot make sense of."""

NOBODY = "No record with an e-mail address meets that."


class NotUnderstood(Exception):  # noqa: N818 - names what happened
    """Salesforce cannot make sense of a condition; the text is what it says about it."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far an import has come."""

    number: int = 0  #: of the object
    begun: bool = False  #: whether it is decided how this object is read
    job: str = ""  #: of the bulk query; empty: page by page
    after: str | None = None  #: the key of the page
    offset: int = 0  #: records of the page that were taken


class Portion(NamedTuple):
    """The next records of an import."""

    events: list[AnyEvent]
    place: str | None  #: where to go on; None: that was all
    records: int
    creates: int  #: of them, those that HubSpot lacks by what is known


class Survey(NamedTuple):
    """What an import would do, by what is known."""

    creates: int
    exist: int  #: in HubSpot already: linked if need be, and synced if they may
    no_email: int
    same_email: int  #: further records with an address that another one has
    converted: int


@dataclass
class Importer:
    """Reads what is to be imported, and asks for it contact by contact."""

    lane: Lane
    gateway: ExportGateway
    bulk_above: int = BULK_ABOVE
    _pages: dict[tuple[str, Place], ChangesPage] = field(default_factory=dict, repr=False)

    def portion(self, name: str, objects: Sequence[str], where: str, place: str, limit: int) -> Portion:
        """The next records of the import of that name, at most so many; none while Salesforce works on it.

        ``place``: empty at the beginning. Raises what Salesforce raises.
        """
        at = msgspec.json.decode(place, type=Place) if place else Place()
        object_name = objects[at.number]
        condition = self.condition(object_name, where)
        if not at.begun:
            at = self._begin(object_name, condition, at)
        if at == Place(at.number, begun=True, job=at.job) and at.job and not self.gateway.is_done(at.job):
            return Portion([], _encode(at), 0, 0)
        page = self._page(name, object_name, condition, at)
        records = page.records[at.offset : at.offset + limit]
        onward = self._onward(at, page, len(records), len(objects))
        events, creates = self._events(object_name, records, name)
        return Portion(events, None if onward is None else _encode(onward), len(records), creates)

    def condition(self, object_name: str, where: str) -> str:
        """What the records must meet: they have an address, are not converted, and meet ``where``."""
        kind = self._kind(object_name)
        conversion = kind.kind.conversions.get(object_name)
        parts = [f"{kind.kind.match[object_name][0]} != null"]
        parts += [f"{conversion.flag} = false"] if conversion else []
        return " AND ".join([*parts, *([f"({where})"] if where else [])])

    def count(self, objects: Sequence[str], where: str) -> int:
        """How many records would be asked for. Raises NotUnderstood, and what Salesforce raises."""
        with _understood():
            return sum(self.gateway.count(name, self.condition(name, where)) for name in objects)

    def _kind(self, object_name: str) -> KindPolicy:
        return self.lane.policy().by_object[Crm.SALESFORCE, object_name]

    def _begin(self, object_name: str, condition: str, at: Place) -> Place:
        many = self.gateway.count(object_name, condition) > self.bulk_above
        job = self.gateway.begin(object_name, condition, self._fields(object_name)) if many else ""
        return Place(at.number, begun=True, job=job)

    def _fields(self, object_name: str) -> list[str]:
        return sorted(self._kind(object_name).needed[Crm.SALESFORCE, object_name])

    def _page(self, name: str, object_name: str, condition: str, at: Place) -> ChangesPage:
        """The page of a place; the last one is kept, because it is taken in portions."""
        key = (name, msgspec.structs.replace(at, offset=0))
        if key not in self._pages:
            fields = self._fields(object_name)
            self._ticket = self.lane.coordination.tickets()
            if at.job:
                page = self.gateway.results(object_name, at.job, after=at.after, fields=fields)
            else:
                page = self.gateway.page(object_name, condition, after=at.after, fields=fields)
            self._pages = {key: page}
        return self._pages[key]

    @staticmethod
    def _onward(at: Place, page: ChangesPage, taken: int, objects: int) -> Place | None:
        """The place behind so many more records of a page."""
        offset = at.offset + taken
        if offset < len(page.records):
            return msgspec.structs.replace(at, offset=offset)
        if page.last is not None:
            return msgspec.structs.replace(at, after=page.last, offset=0)
        return Place(at.number + 1) if at.number + 1 < objects else None

    def _events(
        self, object_name: str, records: Sequence[ReadRecord], request: str
    ) -> tuple[list[AnyEvent], int]:
        events: list[AnyEvent] = []
        known = self._contacts(object_name, records)
        for record in records:
            key = RecordRef(Crm.SALESFORCE, object_name, record.id).key
            contact = known.get(key)
            if contact is None or contact.records[key].seen[0] < record.modified_at:
                events.append(observed(Crm.SALESFORCE, record, ticket=self._ticket, source=CAUSE))
            events.append(
                SyncRequested(
                    entity=key, cause=CAUSE, by=request, priority=Priority.BACKFILL, request=request
                )
            )
        there = sum(taken(contact, Crm.HUBSPOT) for contact in known.values())
        return events, len(records) - there

    def _contacts(self, object_name: str, records: Sequence[ReadRecord]) -> dict[str, Contact]:
        """The contacts that are known of some records, by the records' keys."""
        keys = [RecordRef(Crm.SALESFORCE, object_name, each.id).key for each in records]
        tables = self.lane.tables()
        found = dict(zip(keys, tables.fetch(Table.REFS, keys), strict=True))
        entities = {key: decode(Table.REFS, raw) for key, raw in found.items() if raw is not None}
        raws = tables.fetch(Table.CONTACTS, list(entities.values()))
        return {
            key: decode(Table.CONTACTS, raw)
            for key, raw in zip(entities, raws, strict=True)
            if raw is not None
        }

    # -- what it would do

    def survey(self, objects: Sequence[str], where: str) -> Iterator[Survey]:
        """Say what an import would do, page by page; the last word is the whole. Nothing is asked for.

        Raises as ``count`` does.
        """
        with _understood():
            yield from self._survey(objects, where)

    def _survey(self, objects: Sequence[str], where: str) -> Iterator[Survey]:
        found = Survey(0, 0, 0, 0, 0)
        seen: set[str] = set()
        for name in objects:
            kind = self._kind(name)
            lacking, converted = self._left_out(name, where)
            found = found._replace(no_email=found.no_email + lacking, converted=found.converted + converted)
            for page in self._all(name, self.condition(name, where), kind.kind.match[name]):
                fresh = [each for each in page.records if not self._is_repeat(kind, each, seen)]
                there = self._known_in_hubspot(kind, name, fresh)
                found = found._replace(
                    creates=found.creates + len(fresh) - there,
                    exist=found.exist + there,
                    same_email=found.same_email + len(page.records) - len(fresh),
                )
                yield found
        yield found

    def _left_out(self, object_name: str, where: str) -> tuple[int, int]:
        """How many records meet the condition and have no address, and how many others are converted."""
        kind = self._kind(object_name).kind
        conversion, address = kind.conversions.get(object_name), kind.match[object_name][0]
        given = f" AND ({where})" if where else ""
        living = f" AND {conversion.flag} = false" if conversion else ""
        lacking = self.gateway.count(object_name, f"{address} = null{living}{given}")
        converted = self.gateway.count(object_name, f"{conversion.flag} = true{given}") if conversion else 0
        return lacking, converted

    def _all(self, object_name: str, condition: str, fields: Sequence[str]) -> Iterator[ChangesPage]:
        """All pages, waiting for a bulk query if there are many."""
        job = ""
        if self.gateway.count(object_name, condition) > self.bulk_above:
            job = self.gateway.begin(object_name, condition, fields)
            while not self.gateway.is_done(job):
                self.lane.clock.sleep(WAIT_SECONDS)
        after, more = None, True
        while more:
            if job:
                page = self.gateway.results(object_name, job, after=after, fields=fields)
            else:
                page = self.gateway.page(object_name, condition, after=after, fields=fields)
            yield page
            after, more = page.last, page.last is not None

    @staticmethod
    def _is_repeat(kind: KindPolicy, record: ReadRecord, seen: set[str]) -> bool:
        """Whether a record before had the same address."""
        ref = RecordRef(Crm.SALESFORCE, record.object, record.id)
        values = match_values(kind.kind, ref, record.fields)[:1]
        repeat = not seen.isdisjoint(values)
        seen.update(values)
        return repeat

    def _known_in_hubspot(self, kind: KindPolicy, object_name: str, records: Sequence[ReadRecord]) -> int:
        """How many of some records have a partner in HubSpot, or will find one by their address."""
        known = self._contacts(object_name, records)
        refs = [RecordRef(Crm.SALESFORCE, object_name, each.id) for each in records]
        others = [
            match_key(kind.kind, value)
            for ref, record in zip(refs, records, strict=True)
            if ref.key not in known or not taken(known[ref.key], Crm.HUBSPOT)
            for value in match_values(kind.kind, ref, record.fields)
        ]
        matches = self.lane.tables().fetch(Table.MATCHES, others)
        found = sum(raw is not None and _in_hubspot(decode(Table.MATCHES, raw)) for raw in matches)
        return len(records) - len(others) + found


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (Misconfigured, Rejected) as error:
        if error.code not in NOT_UNDERSTOOD:
            raise
        raise NotUnderstood(error.message) from None


def _encode(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def _in_hubspot(keys: Sequence[str]) -> bool:
    return any(RecordRef.parse(key).crm is Crm.HUBSPOT for key in keys)
