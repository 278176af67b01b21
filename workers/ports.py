"""What the stages need from the outside, as protocols. Gateways and storage play these parts."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from domain.identity import Fields
from domain.outcomes import Outcome
from domain.schema import ObjectSchema


class ReadRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as one read saw it. ``fields`` holds every field that was asked for and answered."""

    object: str
    id: str  #: the id the CRM answers to now (18 characters for Salesforce)
    fields: Fields
    modified_at: int  #: the CRM's modified stamp, epoch ms (Salesforce: SystemModstamp)
    created_at: int = 0  #: epoch ms
    deleted: bool = False  #: in the recycle bin or archived
    merged_into: str | None = None  #: the record that survived, if this one lost a merge
    asked_id: str | None = None  #: the id that was asked for, where it differs from ``id``
    modified_by: str | None = None  #: the user who wrote it last, where the CRM says so


class ReadAnswer(NamedTuple):
    """What a read brought. An id in neither list was not asked for."""

    records: list[ReadRecord]
    missing: list[str]  #: ids that the CRM does not know or will not show
    server_time: int  #: the CRM's clock when it answered, epoch ms, from its Date header


class ChangesPage(NamedTuple):
    """One page of a poll, in the keyset's order."""

    records: list[ReadRecord]
    last: str | None  #: the key to go on from; None when the window holds no more
    server_time: int


class WriteRow(msgspec.Struct, frozen=True):
    """One record to write. ``id`` None means: create it, as an upsert on the unique key."""

    row: str  #: our name for the row, unique in the batch; HubSpot gets it as objectWriteTraceId
    object: str
    id: str | None
    fields: Fields  #: target field -> value; None clears
    key_field: str | None = None  #: creates only: the unique field of the upsert
    key_value: str | None = None  #: creates only: its value, the other CRM's record id


class CrmGateway(Protocol):
    """One CRM account, through its official client. Every call is bounded in time.

    Calls other than ``write`` raise the errors of ``domain.errors``: ``Transient``,
    ``Throttled``, ``Misconfigured`` or ``Rejected``. ``write`` never raises for what a
    CRM or the network can do: each row gets an outcome, ``UNKNOWN`` where no answer came
    after the request may have left.
    """

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        """Read records by id, any number, in as few calls as the CRM allows."""

    def look_up(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> ReadAnswer:
        """Find records by the value of one field (e-mail, or a unique key).

        HubSpot's e-mail look-up covers secondary addresses. ``missing`` holds the values that
        found nothing; letter case of e-mail addresses does not count.
        """

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        """Write at most ``batch_size`` rows of one object in one call; answers in the order of ``rows``."""

    def changes(
        self, object_name: str, *, since: int, until: int, after: str | None, fields: Sequence[str]
    ) -> ChangesPage:
        """One page of records modified in ``[since, until)``, epoch ms, deleted and merged ones included
        where the CRM can list them, from behind the key ``after``.
        """

    def ids(self, object_name: str, *, after: str | None, archived: bool = False) -> ChangesPage:
        """One page of all records with no field but the stamp, for reconciling ids."""

    def describe(self, object_name: str) -> ObjectSchema:
        """The fields the connection's user can see."""

    def server_time(self) -> int:
        """The CRM's clock, epoch ms, by the cheapest call."""

    def account(self) -> dict[str, Any]:
        """The account's own particulars: id, time zone, user, daily limit and usage where known."""

    @property
    def batch_size(self) -> int:
        """How many rows one write call takes."""


class ListGateway(Protocol):
    """HubSpot lists, for the inclusion list."""

    def lists(self) -> list[dict[str, Any]]:
        """All contact lists: ``listId``, ``name``, ``processingType``, ``processingStatus``."""

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        """One list with its ``filterBranch``, by name, new id or legacy id. Raises Misconfigured if absent."""

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:
        """One page of record ids and the key to go on from."""

    def memberships(self, record_ids: Sequence[str]) -> dict[str, set[str]]:
        """The ids of the lists each record is on now."""


class Limiter(Protocol):
    """Call allowance of one CRM account, shared by all workers."""

    def acquire(self, calls: int, *, priority: str) -> int:
        """Take allowance for ``calls``; returns 0 when granted, else the milliseconds to wait first."""

    def observe(self, *, headers: Iterable[tuple[str, str]], status: int, body: str) -> None:
        """Learn the true remaining allowance, and pauses, from what the CRM answered."""
