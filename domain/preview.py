"""What a sync of a contact would do if some facts came into the log first, such as another configuration.

The fold itself answers: the facts are folded on top of the contact as it stands, then a request to sync it,
and what comes of that is looked at and thrown away. So the answer is what would happen, as far as the log
knows the contact's records; the search before a create is taken to find nobody.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from domain.answer import Draft
from domain.asking import look_up_key
from domain.book import CONNECTION_KEY, Table, decode, decode_closed, encode
from domain.checking import Documents
from domain.events import AnyEvent, LookedUp, SyncRequested
from domain.identity import CRMS, Crm, Fields, RecordRef
from domain.plan import plan
from domain.projection import Projection
from domain.reasons import Reason, Wait
from domain.state import Connection, Contact, Intent, ReadRequest


class Act(StrEnum):
    """What a sync may come to for a contact."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    HOLD = "hold"  #: fields that are held back, with the reason for a value
    READ = "read"  #: fields that nobody has read yet; the rest is decided after the read
    ASK = "ask"  #: HubSpot is asked whether the contact is on a list; the rest is decided after the answer
    MEMBER = "member"  #: the contact is on the inclusion list
    STOP = "stop"  #: nothing is sent, and why


class Line(NamedTuple):
    """One thing that comes of a sync."""

    act: Act
    crm: Crm | None
    object: str  #: of the CRM; for ``ASK`` the list, for ``STOP`` the reason


Outlook = Mapping[Line, Fields]
"""All that comes of a sync of one contact: the fields that it is about, with their values."""


class Preview:
    """Looks ahead from a connection as it stands.

    Args:
        connection: its state.
        documents: finds the documents of the log, and those that the facts name.
        now: the moment at which everything happens, epoch ms.
        facts: what comes into the log first.
    """

    def __init__(
        self, connection: Connection, documents: Documents, now: int, facts: Iterable[AnyEvent] = ()
    ) -> None:
        self._now, self._number = now, 0
        self._rows: dict[tuple[Table, str], bytes] = {}
        self._projection = Projection(lambda table, key: self._rows.get((table, key)), documents)
        self._stand(connection)
        for each in facts:
            self._fold(each)
        self.connection = self._projection.book.connection  #: as it would be after the facts
        self.policy = self._projection.policy()
        self._stand(self.connection)

    def _stand(self, connection: Connection) -> None:
        """Forget what was folded, and stand on this connection."""
        self._rows = {(Table.META, CONNECTION_KEY): encode(connection)}
        self._projection.take_changes()
        self._projection.book.put_by()

    def _fold(self, event: AnyEvent) -> str:
        self._number += 1
        position = f"{self._now}-{self._number}"
        self._projection.fold(position, event)
        return position

    def sync(self, entity: str, raw: bytes) -> Outlook:
        """What comes of a request to sync everybody, for the contact that is stored so."""
        self._rows[Table.CONTACTS, entity] = raw
        position = self._fold(SyncRequested(entity=entity, cause="all", by="preview"))
        contact = self._searched(self._contact(entity))
        changes = self._projection.take_changes()
        self._projection.book.put_by()
        del self._rows[Table.CONTACTS, entity]
        requests = [decode(Table.READS, each) for each in changes.puts.get(Table.READS, {}).values()]
        closed = [decode_closed(each) for each in changes.decisions.get(entity, [])]
        following = plan(contact, self._projection.policy(), self._now).following if contact.intents else {}
        lines = [*_intents(contact, following), *_holds(contact), *self._reads(contact, requests)]
        lines += [(Line(Act.STOP, None, each.reason), {}) for each in closed if each.id == position]
        if contact.member:
            lines.append((Line(Act.MEMBER, Crm.HUBSPOT, contact.kind), {}))
        return {line: fields for line, fields in lines if line.object != Reason.ALREADY_IN_SYNC}

    def _contact(self, entity: str) -> Contact:
        contact = self._projection.book.contact(entity)
        assert contact is not None
        return contact

    def _searched(self, contact: Contact) -> Contact:
        """The contact after every search that it waits for has found nobody."""
        for crm in CRMS:
            request = self._projection.book.request(look_up_key(crm, contact.id))
            if contact.wait is Wait.LOOK_UP and request is not None:
                self._fold(
                    LookedUp(
                        entity=contact.id,
                        crm=crm,
                        value=request.id,
                        found=(),
                        ticket=0,
                        request=request.asked,
                    )
                )
                contact = self._contact(contact.id)
        return contact

    def _reads(self, contact: Contact, requests: Iterable[ReadRequest]) -> Iterator[tuple[Line, Fields]]:
        kind = self._projection.policy().kinds.get(contact.kind)
        for each in requests:
            if each.kind == "membership":
                yield Line(Act.ASK, each.crm, each.object), {}
            elif each.kind == "record" and kind is not None:
                record = contact.records.get(RecordRef(each.crm, each.object, each.id).key)
                known = record.values.keys() if record else frozenset()
                absent = kind.needed[each.crm, each.object] - known
                yield Line(Act.READ, each.crm, each.object), dict.fromkeys(sorted(absent))


def _intents(contact: Contact, following: Mapping[Crm, Draft]) -> Iterator[tuple[Line, Fields]]:
    """``following``: what will be written after the intents."""
    for crm, intent in contact.intents.items():
        more = following[crm].fields if crm in following else {}
        yield Line(_act(intent), crm, intent.object), intent.fields | more


def _act(intent: Intent) -> Act:
    if intent.delete:
        return Act.DELETE
    return Act.CREATE if intent.record_id is None else Act.UPDATE


def _holds(contact: Contact) -> Iterator[tuple[Line, Fields]]:
    for crm, holds in contact.holds.items():
        key = contact.pair.get(crm)
        if holds:
            name = RecordRef.parse(key).object if key else ""
            yield Line(Act.HOLD, crm, name), {field: hold.message for field, hold in holds.items()}
