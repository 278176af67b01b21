"""The configuration as decisions read it: compiled once per set of documents, then only looked up."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from domain.checking import Place
from domain.conditions import Expression
from domain.convert import Fold
from domain.fielding import Options
from domain.identity import Crm
from domain.inclusion import InclusionFilter
from domain.kinds import ObjectKind
from domain.mapping import MappedField, Start, SyncRule
from domain.owners import OwnerOptions
from domain.routing import Route
from domain.rules import ObjectRules, Rule
from domain.schema import FieldSchema, ObjectSchema


class FieldMapping(msgspec.Struct, frozen=True):
    """One configured mapping."""

    hubspot: str
    salesforce: dict[str, str]  #: object -> its field; one entry per object that has it
    rule: SyncRule
    options: Options = Options()


class Computed(msgspec.Struct, frozen=True):
    """A field that a formula over the other side's record fills."""

    object: str  #: Salesforce object, whether it is the one that is read or the one that is written
    target: Crm
    field: str
    formula: str


class RoutingRule(msgspec.Struct, frozen=True):
    """What a new HubSpot record becomes, if it meets a condition."""

    when: str  #: formula over the HubSpot record
    create_as: str | None  #: Salesforce object; None: create nothing there


class Section(msgspec.Struct, frozen=True):
    """The configuration of one kind of entity."""

    kind: ObjectKind
    mappings: tuple[FieldMapping, ...]
    create_as: str | None = None  #: Salesforce object of new records; None: create nothing there
    create_in_hubspot: tuple[str, ...] | None = None  #: Salesforce objects of which that is done; None: all
    delete_in_hubspot: tuple[str, ...] = ()  #: Salesforce objects whose deletion deletes in HubSpot
    delete_outside_list: bool = False  #: whether deletions and merges reach who is not on the inclusion list
    merge_in_hubspot: bool = False  #: whether a merge in Salesforce merges the HubSpot records too
    follow_latest: bool = False  #: whether the link moves to the duplicate that was updated last
    inclusion_list: str | None = None  #: name or id; None: everybody
    guards: dict[str, int] = {}  #: ``creates``, ``deletes``, ``blanked`` -> per hour
    zone: str = "UTC"  #: which day a moment belongs to, where a datetime meets a date
    defaults: dict[str, dict[str, str]] = {}  #: object -> field -> value for creates that lack one
    salesforce_filter: dict[str, str] = {}  #: Salesforce object -> formula; records that fail it do not sync
    routing: tuple[RoutingRule, ...] = ()  #: the first that is met counts before ``create_as``
    triggers: tuple[str, ...] = ()  #: which of the kind's triggers are on
    computed: tuple[Computed, ...] = ()
    shadow: bool = False  #: everything is decided, and nothing is sent
    owners: OwnerOptions = OwnerOptions()
    currency: str = ""  #: of HubSpot's amounts; Salesforce's in another one do not sync; empty: not looked at

    def creates_in_hubspot(self, salesforce_object: str) -> bool:
        """Whether a new record of the object is to have a partner in HubSpot."""
        return self.create_in_hubspot is None or salesforce_object in self.create_in_hubspot


KEPT = 200
"""How many closed decisions each contact keeps, where no configuration says otherwise."""


class Document(msgspec.Struct, frozen=True):
    """The part of the configuration that decisions read. Lies in the log under its digest."""

    connection: str
    sections: tuple[Section, ...]
    kept: int | None = KEPT  #: how many closed decisions each contact keeps, the newest; None: all
    decision_days: int | None = None  #: after so many without one a contact's decisions go; None: they stay
    letter_days: int | None = None  #: after so many a sync error is closed; None: it stays until mended


Formulas = Sequence[tuple[Computed, Expression]]


@dataclass(frozen=True, slots=True)
class KindPolicy:
    """All that decisions about one kind of entity read."""

    digest: str  #: of the configuration it comes from
    section: Section
    kind: ObjectKind
    fields: dict[str, tuple[MappedField, ...]]  #: Salesforce object -> its mapped fields
    marks: dict[str, dict[str, None]]  #: Salesforce object -> what is agreed on if both hold all of it
    mapped: dict[tuple[str, Crm], dict[str, MappedField]]  #: (Salesforce object, CRM) -> field -> its mapping
    starts: dict[
        tuple[str, Crm], tuple[Start, ...]
    ]  #: (Salesforce object, CRM) -> what a new record starts with
    absent: dict[str, tuple[MappedField, ...]]  #: Salesforce object -> those that one side does not have
    watched: dict[Place, dict[str, Fold]]  #: (CRM, object) -> field whose change triggers -> its comparison
    prompts: dict[Place, dict[str, str]]  #: (CRM, object) -> unmapped watched field -> trigger
    needed: dict[Place, frozenset[str]]  #: (CRM, object) -> fields to be known before deciding
    told: dict[Place, frozenset[str]]  #: (CRM, object) -> fields taken from the answer to an update
    schemas: dict[Place, ObjectSchema]
    required: dict[Place, tuple[str, ...]]  #: fields that a new record must have
    dependent: dict[
        Place, tuple[FieldSchema, ...]
    ]  #: picklists that depend on another field, where there are any
    apart: dict[
        Place, dict[str, str]
    ]  #: where there are any: mapped field that takes a call of its own -> what names the record there
    rules: dict[str, ObjectRules]  #: Salesforce object -> its validation rules, where it has any
    inclusion: InclusionFilter | None
    inclusion_key: str  #: names the list with its filters as they are now; empty without one
    inclusion_missing: str  #: why the configured list cannot be asked; empty if it can, or none is configured
    zone: ZoneInfo
    routes: tuple[Route, ...]
    amounts: dict[
        str, frozenset[str]
    ]  #: Salesforce object -> mapped fields whose currency is looked at, if any
    filters: dict[str, Expression]  #: Salesforce object -> what its records must meet to sync
    computed: dict[str, tuple[MappedField, ...]]  #: Salesforce object -> what is computed from it or for it


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration in force. Empty before the first one is applied."""

    digest: str
    kinds: dict[str, KindPolicy]
    by_object: dict[Place, KindPolicy]
    ready: bool  #: every object that a kind uses was read once in full
    kept: int | None = KEPT  #: how many closed decisions each contact keeps, the newest; None: all
    decision_days: int | None = None  #: after so many without one a contact's decisions go; None: they stay
    letter_days: int | None = None  #: after so many a sync error is closed; None: it stays until mended

    @property
    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """Salesforce's validation rules, by object."""
        return {name: of.rules for kind in self.kinds.values() for name, of in kind.rules.items()}


EMPTY = Policy("", {}, {}, ready=False)
