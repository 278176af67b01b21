"""What the stages need from the outside, as protocols. Gateways and storage play these parts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from domain.identity import Fields
from domain.outcomes import Outcome
from domain.owners import Owner
from domain.rules import RuleText, Runner
from domain.schema import ObjectSchema
from domain.state import Priority


class ReadRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as one read saw it. ``fields`` holds every field that was asked for and answered."""

    object: str
    id: str  #: the id the CRM answers to now (18 characters for Salesforce)
    fields: Fields
    modified_at: int  #: the CRM's modified stamp, epoch ms (Salesforce: SystemModstamp)
    created_at: int = 0  #: epoch ms
    deleted: bool = False  #: in the recycle bin or archived
    merged_into: str | None = None  #: the record that survived, if this one lost a merge
    merged_ids: tuple[str, ...] = ()  #: records that were merged into this one, where the CRM says so
    converted_to: str | None = None  #: a converted lead's contact; "" if the lead does not say which
    asked_id: str | None = None  #: the id asked for, where it differs from ``id``; the value of a look-up
    modified_by: str | None = None  #: the user who wrote it last, where the CRM says so


class ReadAnswer(NamedTuple):
    """What a read brought. An id in neither list was not asked for."""

    records: list[ReadRecord]
    missing: list[str]  #: ids that the CRM does not know or will not show
    server_time: int  #: the CRM's clock when it answered, epoch ms, from its Date header; 0 if it never said


class Particulars(NamedTuple):
    """What an account says of itself."""

    id: str
    zone: str  #: its time zone by IANA's name; "UTC" if it does not say
    user_id: str = ""  #: Salesforce: who makes our calls; empty: it does not say
    calls_per_day: int | None = None  #: that it takes of all programs together; None: it does not say
    calls_used: int = 0  #: of them, today


class ChangesPage(NamedTuple):
    """One page of a poll, in the keyset's order."""

    records: list[ReadRecord]
    last: str | None  #: the key to go on from; None when the window holds no more
    server_time: int


class WriteRow(msgspec.Struct, frozen=True):
    """One record to write or delete. ``id`` None means: create it, as an upsert on the unique key."""

    row: str  #: our name for the row, unique in the batch; HubSpot gets it as objectWriteTraceId
    object: str
    id: str | None
    fields: Fields  #: target field -> value; None clears
    key_field: str | None = None
    #: creates: the unique field of the upsert; with ``id``: what the fields' own call names the record by
    key_value: str | None = None  #: its value: for creates the other CRM's record id
    delete: bool = False  #: HubSpot only: move the record to the recycle bin; there are no fields then
    into: str = ""  #: with ``delete``: merge the record into the one of this id instead


class Search(NamedTuple):
    """Records of an object to look for by the values of one field: e-mail, or a unique key."""

    object: str
    field: str
    values: Sequence[str]
    fields: Sequence[str]  #: what to read of the records that are found


class CrmGateway(Protocol):
    """One CRM account, through its official client. Every call is bounded in time.

    Calls other than ``write`` raise the errors of ``domain.errors``: ``Transient``,
    ``Throttled``, ``Misconfigured`` or ``Rejected``. ``write`` never raises for what a
    CRM or the network can do: each row gets an outcome, ``UNKNOWN`` where no answer came
    after the request may have left.
    """

    def at(self, priority: Priority) -> Self:
        """The same account at another priority; a gateway starts as ``live``."""

    def wait_ms(self) -> int:
        """How long to wait before a call would be allowed; 0 if it is now."""

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        """Read records by id, any number, in as few calls as the CRM allows.

        Deleted ones are included where the CRM still shows them (Salesforce's recycle bin).
        """

    def look_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        """Find records, in as few calls as the CRM allows; an answer for each search.

        One record per value and match, with ``asked_id`` the value. HubSpot's e-mail look-up covers
        secondary addresses. ``missing`` holds the values that found nothing; letter case does not count.
        Deleted records are not found.
        """

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        """Write at most ``batch_size`` rows; answers in the order of ``rows``.

        Updates, creates and deletions take one call each, and so do several objects unless updates may be
        mixed; so does every merge, whose outcome names the record that goes on. A batch that the CRM refuses
        as a whole is halved and sent again, until the guilty row stands alone: such a refusal means that
        nothing was written. Deleting what is not there succeeds.
        """

    def changes(
        self, object_name: str, *, since: int, until: int, after: str | None, fields: Sequence[str]
    ) -> ChangesPage:
        """One page of records modified in ``[since, until)``, epoch ms, from behind the key ``after``.

        Deleted and merged ones are included where the CRM can list them (Salesforce).
        """

    def ids(self, object_name: str, *, after: str | None, archived: bool = False) -> ChangesPage:
        """One page of all records with no field but the stamp, for reconciling ids."""

    def describe(self, object_name: str) -> ObjectSchema:
        """The fields the connection's user can see."""

    def owners(self) -> list[Owner]:
        """Everybody, inactive ones included."""

    def server_time(self) -> int:
        """The CRM's clock, epoch ms, by the cheapest call."""

    def account(self) -> Particulars:
        """What the account says of itself."""

    @property
    def batch_size(self) -> int:
        """How many rows one write call takes."""

    @property
    def mixes_objects(self) -> bool:
        """Whether one call may update records of several objects."""


class ExportGateway(Protocol):
    """Salesforce's records by a condition in the words of SOQL. Raises as ``CrmGateway`` does."""

    def count(self, object_name: str, where: str) -> int:
        """How many records meet the condition."""

    def page(self, object_name: str, where: str, *, after: str | None, fields: Sequence[str]) -> ChangesPage:
        """One page of them, by id, from behind the id ``after``."""

    def begin(self, object_name: str, where: str, fields: Sequence[str]) -> str:
        """Begin a bulk query, which Salesforce works on by itself and keeps for days; returns its id."""

    def is_done(self, job: str) -> bool:
        """Whether a bulk query has found all. Raises Rejected if it failed."""

    def results(self, object_name: str, job: str, *, after: str | None, fields: Sequence[str]) -> ChangesPage:
        """One page of what a bulk query found, from behind the key ``after``."""


class ListGateway(Protocol):
    """HubSpot lists, for the inclusion list."""

    def lists(self) -> list[dict[str, Any]]:
        """All contact lists: ``listId``, ``name``, ``processingType``, ``processingStatus``."""

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        """One list with its ``filterBranch``, by name, id or legacy id. Raises Misconfigured if absent."""

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:
        """One page of record ids and the key to go on from."""

    def memberships(self, record_ids: Sequence[str]) -> dict[str, set[str]]:
        """The ids of the lists each record is on now."""


class RuleGateway(Protocol):
    """Salesforce's validation rules. Raises as ``CrmGateway`` does, where the user may not read them too."""

    def rules(self, object_name: str, known: Mapping[str, RuleText]) -> tuple[RuleText, ...]:
        """An object's active rules; of those ``known``, by id, only what changed is read again."""

    def runner(self, names: Collection[str]) -> Runner:
        """Our user, with those of his fields that the names of globals ask for (``$User.Title``)."""


class KeyField(msgspec.Struct, frozen=True):
    """A unique text field that holds the id of the record on the other side."""

    object: str
    name: str  #: the API name
    label: str
    description: str


class ProvisioningGateway(Protocol):
    """What setting up an account takes besides reading and writing records. Raises as ``CrmGateway`` does."""

    def create_key_field(self, field: KeyField) -> None:
        """Create the field. Raises Rejected if one of that name exists, even hidden from our user."""

    def lacking(self, objects: Sequence[str], *, opt_outs: bool) -> list[str]:
        """What the credential lacks to sync these objects, in the CRM's own names for rights.

        Empty as well where the CRM does not say. ``opt_outs``: whether people are to be unsubscribed too.
        """


class Grant(NamedTuple):
    """Leave to call, or none yet."""

    wait_ms: int  #: 0: granted; else how long to wait before asking again
    own: int = 0  #: our calls in the running window, this one included; ``observe`` wants it back
    daily: bool = False  #: refused because the day's budget is used up


class Limiter(Protocol):
    """Call allowance of one CRM account, shared by all workers."""

    def acquire(self, calls: int, *, priority: Priority, search: bool = False) -> Grant:
        """Take allowance for ``calls``. ``search``: HubSpot's search calls have an allowance of their own."""

    def wait_ms(self, *, priority: Priority) -> int:
        """How long ``acquire`` would ask to wait for one call now; takes nothing."""

    def observe(
        self, grant: Grant, *, headers: Mapping[str, str], wait_ms: int | None, search: bool = False
    ) -> None:
        """Learn the true remaining allowance, and pauses, from an answer.

        Header names in lower case. ``wait_ms``: how long the answer asks everybody to wait, if it does.
        """
