"""What may stand in a connection's file: its keys, their types and their defaults.

Values arrive as text, exactly as they stand in the file. Names are those of HubSpot's own screens.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from domain.fielding import Options
from domain.identity import Crm
from domain.mapping import ALWAYS, SyncRule
from domain.owners import MatchBy, OwnerOptions
from domain.policy import KEPT
from domain.translating import Transform, Translation
from workers.configuration import values as v

DO_NOTHING = "do_nothing"
SHADOW = "shadow"


class Model(BaseModel):
    """A mapping of the file. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiCallLimit(Model):
    """How much of an account's daily calls may be used; the smaller of the two counts."""

    share: Annotated[int, BeforeValidator(v.percent), Field(ge=1, le=100)] = 80  #: percent
    per_day: Annotated[int, Field(ge=1, le=v.MOST)] | None = None


class HubSpot(Model):
    """How to reach HubSpot. All three credentials are a token that does not expire."""

    credential: Literal["project_app", "private_app", "service_key"] = "project_app"
    api_call_limit: ApiCallLimit = ApiCallLimit()


class ValidationRules(Model):
    """How Salesforce's validation rules are checked before a write."""

    trust_after: Annotated[Annotated[int, Field(ge=1, le=v.MOST)] | None, BeforeValidator(v.never)] = 5
    """Answers that must agree with us before a rule stops writes; ``None``: it never does."""


class Salesforce(Model):
    """How to reach Salesforce."""

    login: Literal["client_credentials", "jwt"] = "client_credentials"
    domain: Annotated[str, BeforeValidator(v.domain)]  #: My Domain, as in ``acme.my``
    username: v.Text | None = None  #: with ``jwt`` only
    api_call_limit: ApiCallLimit = ApiCallLimit()
    validation_rules: ValidationRules = ValidationRules()

    @model_validator(mode="after")
    def _complete(self) -> "Salesforce":
        if self.login == "jwt" and self.username is None:
            raise v.wrong(
                "The login jwt needs a username.", "Add the integration user's: username: crmsync@acme.com."
            )
        if self.login != "jwt" and self.username is not None:
            raise v.wrong(
                "The login client_credentials takes no username.",
                "Delete it: the app's own settings name the user it runs as.",
            )
        if self.login != "jwt" and self.domain in {"login", "test"}:
            raise v.wrong(
                f'The login client_credentials does not work on "{self.domain}".',
                'Write My Domain as in "acme.my" or "acme--dev.sandbox.my".',
            )
        return self


class Polling(Model):
    """How often both CRMs are asked for changes, in seconds."""

    interval: Annotated[int, BeforeValidator(v.seconds), Field(ge=5, le=3600)] = 15
    check: Annotated[int, BeforeValidator(v.seconds), Field(ge=60, le=86_400)] = 900


class Webhooks(Model):
    """Whether HubSpot may call us. ``None``: yes, if the credential can."""

    enabled: bool | None = None


class RouteEntry(Model):
    """One rule of what a new HubSpot record becomes."""

    when: Annotated[v.Text, BeforeValidator(v.formula)] | None = None  #: None: always
    create: v.Text


class LimitSync(Model):
    """Which records sync at all."""

    inclusion_list: Annotated[v.Text | None, BeforeValidator(v.given)] = None  #: name or id of an active list
    salesforce_filter: Annotated[str | dict[str, str] | None, BeforeValidator(v.condition)] = None

    def filters(self, objects: tuple[str, ...]) -> dict[str, str]:
        """Object -> the formula that its records must meet."""
        return _of_each(self.salesforce_filter, objects) if self.salesforce_filter else {}


class SyncTriggers(Model):
    """What starts a sync beside a change of mapped values. Names are those of the kind's triggers."""

    form_submission: bool = True
    owner_change: bool = True
    lifecycle_stage: bool = True
    campaign_added: bool = True
    activities: tuple[
        Literal["marketing_emails", "sales_emails", "meetings", "documents", "calls_notes_tasks"], ...
    ] = ()

    def names(self) -> tuple[str, ...]:
        """The triggers that are on."""
        switches = self.model_dump(exclude={"activities"})
        return (*(name for name, on in switches.items() if on), *self.activities)


class Guards(Model):
    """How much may happen within an hour before somebody is asked. ``None``: no limit."""

    creates_per_hour: v.Count = 5000
    deletes_per_hour: v.Count = 50
    blanked_per_hour: v.Count = 500


class MappingEntry(Model):
    """One property and its field."""

    hubspot: v.Text
    salesforce: Annotated[str | dict[str, str], BeforeValidator(v.fields)]
    sync_rule: SyncRule = SyncRule.PREFER_SALESFORCE
    values: Annotated[tuple[tuple[str, str], ...] | Literal["by_label"], BeforeValidator(v.value_map)] = ()
    default: dict[Crm, v.Text] = {}
    transform: Annotated[dict[Crm, tuple[Transform, ...]], BeforeValidator(v.by_target)] = {}
    too_long: Literal["refuse", "cut"] = "refuse"
    forward_only: Annotated[tuple[Crm, ...], BeforeValidator(v.targets)] = ()
    order: tuple[v.Text, ...] = ()

    def by_object(self, objects: tuple[str, ...]) -> dict[str, str]:
        """Object -> field, before anybody knows which objects have the field."""
        return _of_each(self.salesforce, objects)

    @property
    def options(self) -> Options:
        translation = Translation(
            values=() if isinstance(self.values, str) else self.values,
            by_label=isinstance(self.values, str),
            default=self.default,
            transform=self.transform,
            cut=self.too_long == "cut",
        )
        return Options(translation, self.forward_only, self.order)

    def passes(self, target: Crm) -> bool:
        """Whether the rule lets values pass to this side."""
        return self.sync_rule is not SyncRule.DONT_SYNC and ALWAYS.get(self.sync_rule) is not target


class ComputedEntry(Model):
    """A property or a field that a formula over the other side's record fills."""

    hubspot: v.Text | None = None
    salesforce: Annotated[str | dict[str, str] | None, BeforeValidator(v.fields)] = None
    formula: Annotated[str | dict[str, str], BeforeValidator(v.condition)]

    @model_validator(mode="after")
    def _one_side(self) -> "ComputedEntry":
        if (self.hubspot is None) == (self.salesforce is None):
            raise v.wrong(
                "A computed field is either HubSpot's or Salesforce's.",
                "Write hubspot for a property that is computed from the Salesforce record, salesforce for a "
                "field that is computed from the HubSpot record.",
            )
        return self

    def by_object(self, objects: tuple[str, ...]) -> dict[str, str]:
        """Object -> field."""
        return _of_each(self.salesforce, objects) if self.salesforce else {}

    def formulas(self, objects: tuple[str, ...]) -> dict[str, str]:
        """Object -> formula."""
        return _of_each(self.formula, objects)


def _of_each(given: str | dict[str, str], objects: tuple[str, ...]) -> dict[str, str]:
    return dict(given) if isinstance(given, dict) else dict.fromkeys(objects, given)


class OwnersEntry(Model):
    """How HubSpot owners and Salesforce users find each other."""

    match_by: MatchBy = MatchBy.EMAIL
    when_unmatched: Literal["hold", "restore"] = "hold"
    table: dict[v.Text, v.Text] = {}

    @property
    def options(self) -> OwnerOptions:
        return OwnerOptions(self.match_by, self.when_unmatched == "restore", self.table)


class SectionEntry(Model):
    """How one kind of entity syncs."""

    create_as: Annotated[tuple[RouteEntry, ...], BeforeValidator(v.routes)] = ()  #: none: the kind's first
    when_salesforce_record_created: Annotated[
        str | dict[str, str], v.choice("when_salesforce_record_created", "create_in_hubspot", DO_NOTHING)
    ] = "create_in_hubspot"
    when_salesforce_record_deleted: Annotated[
        str | dict[str, str], v.choice("when_salesforce_record_deleted", DO_NOTHING, "delete_in_hubspot")
    ] = DO_NOTHING
    when_salesforce_records_merged: Literal["do_nothing", "merge_in_hubspot"] = "do_nothing"
    deletes_reach: Literal["list_members", "everybody"] = "list_members"
    when_salesforce_has_duplicates: Literal["keep_link", "link_latest"] = "keep_link"
    limit_sync: LimitSync = LimitSync()
    sync_triggers: SyncTriggers = SyncTriggers()
    guards: Guards = Guards()
    defaults: dict[v.Text, dict[v.Text, v.Text]] = {}
    hubspot_key: v.Text | None = None
    salesforce_key: v.Text | None = None
    native_ids: dict[v.Text, v.Text] | None = None  #: Salesforce object -> property; None: the kind's own
    standard_mappings: bool = False
    field_mappings: tuple[MappingEntry, ...] = ()
    computed_fields: tuple[ComputedEntry, ...] = ()
    owners: OwnersEntry = OwnersEntry()
    currency: Annotated[v.Text | None, BeforeValidator(v.currency)] = None

    def creates_in_hubspot(self, name: str) -> bool:
        """Whether a new record of a Salesforce object becomes one of HubSpot."""
        return _of_object(self.when_salesforce_record_created, name, "create_in_hubspot") != DO_NOTHING

    def deletes_in_hubspot(self, name: str) -> bool:
        """Whether the deletion of a record of a Salesforce object is repeated in HubSpot."""
        return _of_object(self.when_salesforce_record_deleted, name, DO_NOTHING) != DO_NOTHING


def _of_object(choice: str | dict[str, str], name: str, default: str) -> str:
    return choice if isinstance(choice, str) else choice.get(name, default)


Bound = Annotated[Annotated[int, Field(ge=1, le=v.MOST)] | None, BeforeValidator(v.limit)]
"""A number, or ``unlimited``."""

Days = Annotated[Annotated[int, Field(ge=1, le=v.CENTURY)] | None, BeforeValidator(v.limit)]
"""A number of days, or ``unlimited``."""


class Retention(Model):
    """How long what is derived from the log is kept. ``None``: for ever."""

    decisions: Bound = KEPT
    decision_days: Days = None
    sync_error_days: Days = None


class ConnectionEntry(Model):
    """The file without its sections."""

    connection: Annotated[str, BeforeValidator(v.connection)]
    mode: Literal["live", "shadow"] = "live"  #: in shadow everything is decided and nothing is written
    time_zone: Annotated[str, BeforeValidator(v.zone)] = "UTC"
    hubspot: HubSpot = HubSpot()
    salesforce: Salesforce
    polling: Polling = Polling()
    webhooks: Webhooks = Webhooks()
    retention: Retention = Retention()

    @property
    def accepts_webhooks(self) -> bool:
        able = self.hubspot.credential != "service_key"
        return able if self.webhooks.enabled is None else self.webhooks.enabled
