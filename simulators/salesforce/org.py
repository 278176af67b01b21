"""A simulated org: schema, tables, users and rules."""

import random
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from heapq import heappop, heappush
from typing import Any

from simulators.clock import Clock
from simulators.counters import Counters
from simulators.salesforce import times
from simulators.salesforce.formula import compile_formula
from simulators.salesforce.formula_functions import Context, Evaluator
from simulators.salesforce.ids import Ids
from simulators.salesforce.rules import Automation, Rules
from simulators.salesforce.schema import NUMBER_TYPES, Field, Schema, SObject
from simulators.salesforce.settings import OrgSettings
from simulators.salesforce.store import Record, Table

_HOURS = 24
_ADDRESS_PARTS = {
    "City": "city",
    "Country": "country",
    "GeocodeAccuracy": "geocodeAccuracy",
    "Latitude": "latitude",
    "Longitude": "longitude",
    "PostalCode": "postalCode",
    "State": "state",
    "Street": "street",
}


@dataclass(slots=True)
class Actor:
    """Who writes, and with which of the request headers that change a save; `api`: permissions apply."""

    user_id: str
    api: bool = True
    allow_duplicates: bool = False
    duplicate_details: bool = False
    auto_assign: bool = True
    row_error_share: float = 0.0
    without_rules: bool = False


@dataclass(slots=True)
class Later:
    """An automation to run on a record after its commit."""

    rule: Automation
    record_id: str


class Org:
    """Everything that `reset` forgets."""

    def __init__(self, settings: OrgSettings, clock: Clock, counters: Counters, rng: random.Random) -> None:
        self.settings = settings
        self.clock = clock
        self.counters = counters
        self.rng = rng
        self.schema = Schema()
        self.tables = {name: Table(described) for name, described in self.schema.objects.items()}
        self.ids = Ids()
        self.rules = Rules()
        self.history: dict[str, deque[dict[str, Any]]] = {}
        self.formulas: dict[str, Evaluator] = {}
        self.tooling_ids: dict[str, str] = {}
        self.schema_stamp = self.stamp()
        self._usage: Counter[int] = Counter()
        self._later: list[tuple[float, int, Later]] = []
        self._seed_setup()

    # time and usage

    def now(self) -> float:
        return self.clock.now()

    def stamp(self) -> str:
        return times.stamp(self.clock.now())

    def count_call(self) -> None:
        self._usage[int(self.now()) // 3600] += 1

    def used_calls(self) -> int:
        """API calls of the last 24 hours."""
        first = int(self.now()) // 3600 - _HOURS
        return sum(count for hour, count in self._usage.items() if hour > first)

    def settle(self) -> None:
        """Let queries see what is due; called before each request."""
        delaying = self.settings.visibility_delay_s > 0
        now = self.now()
        for table in self.tables.values():
            table.settle(now, delaying=delaying)

    def schedule(self, later: Later) -> None:
        heappush(self._later, (self.now() + later.rule.delay_s, len(self._later), later))

    def due(self) -> list[Later]:
        """Automations whose time has come."""
        found = []
        while self._later and self._later[0][0] <= self.now():
            found.append(heappop(self._later)[2])
        return found

    # schema

    def add_field(self, described: SObject, added: Field) -> str:
        """Add a custom field; returns the id of its definition."""
        described.add(added)
        self.schema_stamp = self.stamp()
        if added.formula is not None:
            self.formulas[f"{described.name}.{added.name}"] = compile_formula(added.formula)
        if added.indexed:
            self.tables[described.name].add_index(added.name)
        key = f"{described.name}.{added.name}"
        self.tooling_ids[key] = self.tooling_ids.get(key) or self.ids.next("00N")
        return self.tooling_ids[key]

    def add_object(self, described: SObject) -> None:
        self.schema.add(described)
        self.tables[described.name] = Table(described)

    def sees(self, actor: Actor, entity: str, name: str = "") -> bool:
        hidden = self.rules.hidden
        if name == "RecordTypeId" and not self.has_record_types(entity):
            return False
        return not (actor.api and hidden) or (entity not in hidden and f"{entity}.{name}" not in hidden)

    def has_record_types(self, entity: str) -> bool:
        rows = self.tables["RecordType"].live.by_id.values()
        return any(row.get("SobjectType") == entity for row in rows)

    def may_write(self, actor: Actor, entity: str, name: str = "") -> bool:
        locked = self.rules.locked
        return not (actor.api and locked) or (entity not in locked and f"{entity}.{name}" not in locked)

    def locked_for(self, actor: Actor) -> frozenset[str]:
        """The objects and `Object.Field`s which the caller may only read."""
        return frozenset(self.rules.locked) if actor.api else frozenset()

    def visible_fields(self, actor: Actor, described: SObject) -> list[Field]:
        return [entry for entry in described.fields.values() if self.sees(actor, described.name, entry.name)]

    # reading values

    def value(self, described: SObject, row: Record, entry: Field) -> Any:
        """A field's value as JSON shows it: compound and calculated fields are made here."""
        found = row.get(entry.name)
        if found is not None:
            return found
        if entry.type == "boolean" and entry.formula is None:
            return False
        if entry.type == "address":
            return _address(row, entry.name.removesuffix("Address"))
        if entry.formula is not None:
            return _json(
                self.formulas[f"{described.name}.{entry.name}"](self.context(described, row, None, None))
            )
        if entry.name == "PhotoUrl":
            return f"/services/images/photo/{row['Id']}"
        return None

    def parent(self, described: SObject, row: Record, relationship: str) -> tuple[SObject, Record] | None:
        entry = described.by_relationship.get(relationship.lower())
        target = row.get(entry.name) if entry else None
        parent = self.schema.by_prefix(target) if target else None
        found = self.tables[parent.name].live.by_id.get(target) if parent and target else None
        return (parent, found) if parent and found else None

    def context(
        self,
        described: SObject,
        row: Record,
        before: Record | None,
        actor: Actor | None,
        *,
        is_new: bool = False,
    ) -> Context:
        """A formula's view of a record."""
        user = self.tables["User"].live.by_id.get(actor.user_id if actor else "")
        now = datetime.fromtimestamp(int(self.now()), UTC)
        return Context(
            get=lambda path: self._formula_value(described, row, path, user),
            prior=lambda path: self._formula_value(described, before or {}, path, user),
            is_new=is_new,
            now=now,
        )

    def _formula_value(self, described: SObject, row: Record, path: str, user: Record | None) -> Any:
        head, _, rest = path.partition(".")
        if head == "$Permission":
            return self.has_permission(str(user["Id"]) if user else "", rest)
        if head == "$User":
            return self._formula_value(self.schema.objects["User"], user or {}, rest, None)
        if rest:
            found = self.parent(described, row, head)
            return self._formula_value(*found, rest, user) if found else None
        entry = described.by_lower.get(head.lower())
        if entry is None:
            raise ValueError(f"Field {head} does not exist. Check spelling.")
        value = self.value(described, row, entry)
        if value is None and entry.type in NUMBER_TYPES and self.settings.blank_numbers_are_zero:
            return 0.0
        return _typed(entry, value)

    # custom permissions

    def add_permission(self, name: str, user_id: str) -> str:
        """Make a custom permission that a user holds by a permission set of his own."""
        made = self._setup_row("CustomPermission", DeveloperName=name, MasterLabel=name)
        parent = self._setup_row("PermissionSet", Name=f"Grants_{name}", Label=f"Grants {name}")
        self._setup_row(
            "SetupEntityAccess", ParentId=parent, SetupEntityId=made, SetupEntityType="CustomPermission"
        )
        self._setup_row("PermissionSetAssignment", AssigneeId=user_id, PermissionSetId=parent)
        return made

    def has_permission(self, user_id: str, name: str) -> bool:
        def rows(entity: str) -> Iterable[Record]:
            return self.tables[entity].live.by_id.values()

        sets = {
            row["PermissionSetId"] for row in rows("PermissionSetAssignment") if row["AssigneeId"] == user_id
        }
        held = {row["SetupEntityId"] for row in rows("SetupEntityAccess") if row["ParentId"] in sets}
        names = {row["Id"]: row["DeveloperName"] for row in rows("CustomPermission")}
        return any(names[each].lower() == name.lower() for each in held)

    # what every org has

    def _seed_setup(self) -> None:
        self.organization_id = self._setup_row(
            "Organization", Name="Simulated Org", InstanceName="SIM1", IsSandbox=True
        )
        self.profile_id = self._setup_row("Profile", Name="System Administrator", UserType="Standard")
        self.integration_user = self._user("Integration", "User", self.settings.username)
        self.person_user = self._user("Sam", "Rivera", "sam.rivera@sim.example.com")
        self.process_user = self._user("Automated", "Process", "autoproc@sim.example.com")
        for order, choice in enumerate(self.schema.objects["Lead"].fields["Status"].choices, start=1):
            self._setup_row(
                "LeadStatus",
                MasterLabel=choice.label,
                ApiName=choice.value,
                SortOrder=order,
                IsDefault=choice.default,
                IsConverted=choice.value == "Closed - Converted",
            )

    def _user(self, first: str, last: str, username: str) -> str:
        return self._setup_row(
            "User",
            FirstName=first,
            LastName=last,
            Name=f"{first} {last}",
            Username=username,
            Email=username,
            Alias=first[:8].lower(),
            IsActive=True,
            UserType="Standard",
            ProfileId=self.profile_id,
            TimeZoneSidKey="GMT",
            LocaleSidKey="en_US",
            LanguageLocaleKey="en_US",
            EmailEncodingKey="UTF-8",
        )

    def _setup_row(self, entity: str, **values: Any) -> str:
        table = self.tables[entity]
        record_id = self.ids.next(table.described.prefix)
        at = self.stamp()
        dates = {"CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at}
        table.live.put({"Id": record_id, **{name: value for name, value in values.items() if value}, **dates})
        return record_id


def _address(row: Record, prefix: str) -> dict[str, Any] | None:
    parts = {shown: row.get(prefix + name) for name, shown in _ADDRESS_PARTS.items()}
    return parts if any(part is not None for part in parts.values()) else None


def _typed(entry: Field, value: Any) -> Any:
    if value is None or isinstance(value, date):
        return value
    if entry.type == "date":
        return date.fromisoformat(value)
    if entry.type == "datetime":
        return datetime.fromtimestamp(times.seconds(value), UTC)
    return float(value) if entry.type in NUMBER_TYPES else value


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return times.stamp(value.timestamp())
    return value.isoformat() if isinstance(value, date) else value
