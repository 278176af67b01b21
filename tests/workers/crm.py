"""A CRM account in memory, playing the gateway port."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from domain.identity import Crm, Fields
from domain.outcomes import Outcome, OutcomeClass
from domain.owners import Owner
from domain.schema import ObjectSchema
from domain.state import Priority
from tests.world import SCHEMAS
from workers.ports import ChangesPage, Particulars, ReadAnswer, ReadRecord, Search, WriteRow

Written = Callable[[Sequence[WriteRow]], list[Outcome]]


def accepted(rows: Sequence[WriteRow]) -> list[Outcome]:
    """Every row is stored; a new record is named after its key."""
    return [
        Outcome(OutcomeClass.DELIVERED, record_id=row.id or f"new-{row.key_value}", created=row.id is None)
        for row in rows
    ]


def nothing() -> None:
    """Happens before a call unless told otherwise."""


UNNAMED = Particulars("", "UTC")


@dataclass
class FakeCrm:
    """Records by object and id. ``calls`` keeps each call's name and its first arguments, in order."""

    crm: Crm
    records: dict[tuple[str, str], ReadRecord] = field(default_factory=dict)
    now_ms: int = 1_767_225_600_000
    page: int = 2
    batch_size: int = 10
    mixes_objects: bool = False
    on_write: Written = accepted
    before: Callable[[], object] = nothing  #: called before every call that reads; may raise
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    written: list[WriteRow] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)  #: what the next calls to ``wait_ms`` answer; then 0
    particulars: Particulars = UNNAMED
    schemas: dict[str, ObjectSchema] = field(default_factory=dict)
    people: list[Owner] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schemas = self.schemas or {each.object: each for each in SCHEMAS if each.crm is self.crm}

    def put(
        self, name: str, record_id: str, *, at: int = 0, deleted: bool = False, **fields: Any
    ) -> ReadRecord:
        """Store a record, stamped now unless told otherwise."""
        record = ReadRecord(name, record_id, fields, at or self.now_ms, deleted=deleted)
        self.records[name, record_id] = record
        return record

    # -- the port

    def at(self, priority: Priority) -> Self:  # noqa: ARG002 - one allowance for all
        return self

    def wait_ms(self) -> int:
        return self.waits.pop(0) if self.waits else 0

    def read(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> ReadAnswer:
        self._called("read", object_name, tuple(ids))
        found = [self.records[object_name, each] for each in ids if (object_name, each) in self.records]
        missing = [each for each in ids if (object_name, each) not in self.records]
        return ReadAnswer([_narrowed(each, fields) for each in found], missing, self.now_ms)

    def look_up(self, searches: Sequence[Search]) -> list[ReadAnswer]:
        return [self._found(*each) for each in searches]

    def _found(
        self, object_name: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> ReadAnswer:
        self._called("look_up", object_name, field, tuple(values))
        found = [
            ReadRecord(each.object, each.id, _narrowed(each, fields).fields, each.modified_at, asked_id=value)
            for each in self._of(object_name)
            for value in values
            if str(each.fields.get(field)).lower() == value.lower()
        ]
        hit = {each.asked_id for each in found}
        return ReadAnswer(found, [each for each in values if each not in hit], self.now_ms)

    def write(self, rows: Sequence[WriteRow]) -> list[Outcome]:
        self.calls.append(("write", tuple(row.id for row in rows)))
        self.written += rows
        return self.on_write(rows)

    def changes(
        self, object_name: str, *, since: int, until: int, after: str | None, fields: Sequence[str]
    ) -> ChangesPage:
        self._called("changes", object_name, since, until, after)
        found = sorted(
            (each for each in self._of(object_name) if since <= each.modified_at < until),
            key=_key,
        )
        page = [each for each in found if after is None or _key(each) > after]
        shown = [_narrowed(each, fields) for each in page[: self.page]]
        return ChangesPage(shown, _key(shown[-1]) if len(page) > self.page else None, self.now_ms)

    def ids(self, object_name: str, *, after: str | None, archived: bool = False) -> ChangesPage:
        self._called("ids", object_name, after, archived)
        found = [each for each in self._of(object_name) if each.deleted is archived]
        page = sorted((each for each in found if after is None or each.id > after), key=lambda each: each.id)
        shown = [_narrowed(each, ()) for each in page[: self.page]]
        return ChangesPage(shown, shown[-1].id if len(page) > self.page else None, self.now_ms)

    def describe(self, object_name: str) -> ObjectSchema:
        self._called("describe", object_name)
        return self.schemas[object_name]

    def owners(self) -> list[Owner]:
        self._called("owners")
        return self.people

    def server_time(self) -> int:
        self._called("server_time")
        return self.now_ms

    def account(self) -> Particulars:
        self._called("account")
        return self.particulars

    # -- helpers

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        self.before()

    def _of(self, object_name: str) -> list[ReadRecord]:
        return [each for (name, _), each in self.records.items() if name == object_name]


def _key(record: ReadRecord) -> str:
    return f"{record.modified_at:015}/{record.id}"


def _narrowed(record: ReadRecord, fields: Sequence[str]) -> ReadRecord:
    """The record with the fields that were asked for."""
    asked: Fields = {name: record.fields.get(name) for name in fields}
    return ReadRecord(record.object, record.id, asked, record.modified_at, deleted=record.deleted)
