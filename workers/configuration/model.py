"""What may stand in a connection's file: its keys, their types and their defaults.

Values arrive as text, exactly as they stand in the file. Names are those of HubSpot's own screens.
"""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from domain.fielding import Options
from domain.identity import Crm
from domain.mapping import ALWAYS, SyncRule
from domain.owners import MatchBy, OwnerOptions
from domain.policy import KEPT
from domain.translating import Transform, Translation
from workers.configuration.formulas import unparsable
from workers.configuration.problems import did_you_mean

UNITS = {"s": 1, "m": 60, "h": 3600}

DO_NOTHING = "do_nothing"
SHADOW = "shadow"

BY_LABEL = "by_label"
"""Says that options with the same label stand for each other."""

MOST = 1_000_000_000
"""The largest number that may stand anywhere: whoever means more means no limit."""


def wrong(what: str, remedy: str) -> PydanticCustomError:
    """An error of a validator, in whole sentences."""
    return PydanticCustomError("sentence", "{what}", {"what": what, "remedy": remedy})


def _seconds(value: object) -> object:
    found = re.fullmatch(r"(\d{1,6})\s*([smh])", str(value))
    if not found:
        raise wrong(f'"{value}" is not a length of time.', "Write a number and s, m or h: 15s, 15m, 1h.")
    return int(found[1]) * UNITS[found[2]]


def _percent(value: object) -> object:
    found = re.fullmatch(r"(\d{1,3})\s*%", str(value))
    if not found:
        raise wrong(f'"{value}" is not a share.', "Write a percentage such as 80%.")
    return int(found[1])


def _limit(value: object) -> object:
    return None if value == "unlimited" else value


def _connection(value: object) -> object:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", str(value)):
        raise wrong(
            f'"{value}" cannot be the name of a connection.',
            "Use up to 40 small letters, digits and hyphens: it becomes part of the names of variables.",
        )
    return value


def _zone(value: object) -> object:
    try:
        return ZoneInfo(str(value)).key
    except (LookupError, ValueError, OSError):
        raise wrong(
            f'"{value}" is not a time zone.', 'Write a name such as "Europe/Vienna" or "UTC".'
        ) from None


def _domain(value: object) -> object:
    found = re.fullmatch(r"(?:https://)?([a-zA-Z0-9.-]+)\.salesforce\.com/?", str(value))
    if found:
        raise wrong(f'"{value}" is a whole address.', f'Write only its first part: "{found[1]}".')
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.-]*", str(value)):
        raise wrong(f'"{value}" is not a Salesforce domain.', 'Write My Domain as in "acme.my".')
    return value


def _fields(value: object) -> object:
    """A field name for every object that has it, or object -> field."""
    if isinstance(value, dict) and value and all(isinstance(name, str) and name for name in value.values()):
        return value
    if isinstance(value, str) and value:
        return value
    raise wrong(
        "This is no field of Salesforce.",
        "Write a field's API name, or one for each object: {Lead: Street, Contact: MailingStreet}.",
    )


def _formula(value: object) -> object:
    found = unparsable(value) if isinstance(value, str) and value else None
    if found:
        raise wrong(*found)
    return value


def _currency(value: object) -> object:
    if not re.fullmatch(r"[A-Z]{3}", str(value)):
        raise wrong(f'"{value}" is not a currency.', "Write its ISO code, as in EUR.")
    return value


def _given(value: object) -> object:
    if not value:
        raise wrong("inclusion_list is empty.", "Name a list, or delete the key: then nobody is left out.")
    return value


def _filter(value: object) -> object:
    """A formula for the records of every object, or object -> formula."""
    if isinstance(value, str) and value:
        return _formula(value)
    if isinstance(value, dict) and value and all(isinstance(each, str) and each for each in value.values()):
        return {name: _formula(each) for name, each in value.items()}
    raise wrong("This is no formula.", "Write one, or one for each object: {Lead: ..., Contact: ...}.")


def _values(value: object) -> object:
    """Pairs of (HubSpot's, Salesforce's), or ``by_label``."""
    if value == BY_LABEL:
        return value
    if not (isinstance(value, dict) and value):
        raise wrong(
            "This is no map of values.",
            "Write HubSpot's values with Salesforce's behind them: {NEW: Open, OPEN: Working}; or by_label.",
        )
    return [(ours, each) for ours, theirs in value.items() for each in _listed(theirs)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _by_target(value: object) -> object:
    """Target -> transforms; what names no target is for both."""
    given = value if isinstance(value, dict) else {str(crm): value for crm in Crm}
    for each in (name for names in given.values() for name in _listed(names)):
        if each not in list(Transform):
            raise wrong(f'"{each}" is no transform.', did_you_mean(str(each), map(str, Transform)))
    return {target: _listed(each) for target, each in given.items()}


def _targets(value: object) -> object:
    return list(Crm) if value == "both" else _listed(value)


def _routes(value: object) -> object:
    """One object, or rules of which the last may be an object alone."""
    if not isinstance(value, str | list):
        raise wrong("create_as says nothing.", "Write lead, contact, do_nothing, or a list of rules.")
    rules = value if isinstance(value, list) else [value]
    return [{"create": rule} if isinstance(rule, str) else rule for rule in rules]


def _choice(key: str, *words: str) -> BeforeValidator:
    """One of these words for every object of Salesforce, or object -> word."""

    def check(value: object) -> object:
        for each in value.values() if isinstance(value, dict) and value else [value]:
            if each not in words:
                shown = f'"{each}"' if isinstance(each, str) and each else "empty"
                raise wrong(f"{key} cannot be {shown}.", did_you_mean(str(each), words))
        return value

    return BeforeValidator(check)


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[Annotated[int, Field(ge=0, le=MOST)] | None, BeforeValidator(_limit)]


class Model(BaseModel):
    """A mapping of the file. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiCallLimit(Model):
    """How much of an account's daily calls may be used; the smaller of the two counts."""

    share: Annotated[int, BeforeValidator(_percent), Field(ge=1, le=100)] = 80  #: percent
    per_day: Annotated[int, Field(ge=1, le=MOST)] | None = None


class HubSpot(Model):
    """How to reach HubSpot. All three credentials are a token that does not expire."""

    credential: Literal["private_app", "project_app", "service_key"] = "private_app"
    api_call_limit: ApiCallLimit = ApiCallLimit()


def _never(value: object) -> object:
    return None if value == "never" else value


class ValidationRules(Model):
    """How Salesforce's validation rules are checked before a write."""

    trust_after: Annotated[Annotated[int, Field(ge=1, le=MOST)] | None, BeforeValidator(_never)] = 5
    """Answers that must agree with us before a rule stops writes; ``None``: it never does."""


class Salesforce(Model):
    """How to reach Salesforce."""

    login: Literal["client_credentials", "jwt"] = "client_credentials"
    domain: Annotated[str, BeforeValidator(_domain)]  #: My Domain, as in ``acme.my``
    username: Text | None = None  #: with ``jwt`` only
    api_call_limit: ApiCallLimit = ApiCallLimit()
    validation_rules: ValidationRules = ValidationRules()

    @model_validator(mode="after")
    def _complete(self) -> "Salesforce":
        if self.login == "jwt" and self.username is None:
            raise wrong(
                "The login jwt needs a username.", "Add the integration user's: username: crmsync@acme.com."
            )
        if self.login != "jwt" and self.username is not None:
            raise wrong(
                "The login client_credentials takes no username.",
                "Delete it: the app's own settings name the user it runs as.",
            )
        if self.login != "jwt" and self.domain in {"login", "test"}:
            raise wrong(
                f'The login client_credentials does not work on "{self.domain}".',
                'Write My Domain as in "acme.my" or "acme--dev.sandbox.my".',
            )
        return self


class Polling(Model):
    """How often both CRMs are asked for changes, in seconds."""

    interval: Annotated[int, BeforeValidator(_seconds), Field(ge=5, le=3600)] = 15
    check: Annotated[int, BeforeValidator(_seconds), Field(ge=60, le=86_400)] = 900


class Webhooks(Model):
    """Whether HubSpot may call us. ``None``: yes, if the credential can."""

    enabled: bool | None = None


class RouteEntry(Model):
    """One rule of what a new HubSpot record becomes."""

    when: Annotated[Text, BeforeValidator(_formula)] | None = None  #: None: always
    create: Text


class LimitSync(Model):
    """Which records sync at all."""

    inclusion_list: Annotated[Text | None, BeforeValidator(_given)] = None  #: name or id of an active list
    salesforce_filter: Annotated[str | dict[str, str] | None, BeforeValidator(_filter)] = None

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

    creates_per_hour: Count = 5000
    deletes_per_hour: Count = 50
    blanked_per_hour: Count = 500


class MappingEntry(Model):
    """One property and its field."""

    hubspot: Text
    salesforce: Annotated[str | dict[str, str], BeforeValidator(_fields)]
    sync_rule: SyncRule = SyncRule.PREFER_SALESFORCE
    values: Annotated[tuple[tuple[str, str], ...] | Literal["by_label"], BeforeValidator(_values)] = ()
    default: dict[Crm, Text] = {}
    transform: Annotated[dict[Crm, tuple[Transform, ...]], BeforeValidator(_by_target)] = {}
    too_long: Literal["refuse", "cut"] = "refuse"
    forward_only: Annotated[tuple[Crm, ...], BeforeValidator(_targets)] = ()
    order: tuple[Text, ...] = ()

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

    hubspot: Text | None = None
    salesforce: Annotated[str | dict[str, str] | None, BeforeValidator(_fields)] = None
    formula: Annotated[str | dict[str, str], BeforeValidator(_filter)]

    @model_validator(mode="after")
    def _one_side(self) -> "ComputedEntry":
        if (self.hubspot is None) == (self.salesforce is None):
            raise wrong(
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
    table: dict[Text, Text] = {}

    @property
    def options(self) -> OwnerOptions:
        return OwnerOptions(self.match_by, self.when_unmatched == "restore", self.table)


class SectionEntry(Model):
    """How one kind of entity syncs."""

    create_as: Annotated[tuple[RouteEntry, ...], BeforeValidator(_routes)] = ()  #: none: the kind's first
    when_salesforce_record_created: Annotated[
        str | dict[str, str], _choice("when_salesforce_record_created", "create_in_hubspot", DO_NOTHING)
    ] = "create_in_hubspot"
    when_salesforce_record_deleted: Annotated[
        str | dict[str, str], _choice("when_salesforce_record_deleted", DO_NOTHING, "delete_in_hubspot")
    ] = DO_NOTHING
    when_salesforce_records_merged: Literal["do_nothing", "merge_in_hubspot"] = "do_nothing"
    deletes_reach: Literal["list_members", "everybody"] = "list_members"
    when_salesforce_has_duplicates: Literal["keep_link", "link_latest"] = "keep_link"
    limit_sync: LimitSync = LimitSync()
    sync_triggers: SyncTriggers = SyncTriggers()
    guards: Guards = Guards()
    defaults: dict[Text, dict[Text, Text]] = {}
    hubspot_key: Text | None = None
    salesforce_key: Text | None = None
    native_ids: dict[Text, Text] | None = None  #: Salesforce object -> property; None: the kind's own
    standard_mappings: bool = False
    field_mappings: tuple[MappingEntry, ...] = ()
    computed_fields: tuple[ComputedEntry, ...] = ()
    owners: OwnersEntry = OwnersEntry()
    currency: Annotated[Text | None, BeforeValidator(_currency)] = None

    def creates_in_hubspot(self, name: str) -> bool:
        """Whether a new record of a Salesforce object becomes one of HubSpot."""
        return _of_object(self.when_salesforce_record_created, name, "create_in_hubspot") != DO_NOTHING

    def deletes_in_hubspot(self, name: str) -> bool:
        """Whether the deletion of a record of a Salesforce object is repeated in HubSpot."""
        return _of_object(self.when_salesforce_record_deleted, name, DO_NOTHING) != DO_NOTHING


def _of_object(choice: str | dict[str, str], name: str, default: str) -> str:
    return choice if isinstance(choice, str) else choice.get(name, default)


class Retention(Model):
    """How long what is derived from the log is kept. ``None``: for ever."""

    decisions: Annotated[Annotated[int, Field(ge=1, le=MOST)] | None, BeforeValidator(_limit)] = KEPT


class ConnectionEntry(Model):
    """The file without its sections."""

    connection: Annotated[str, BeforeValidator(_connection)]
    mode: Literal["live", "shadow"] = "live"  #: in shadow everything is decided and nothing is written
    time_zone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    hubspot: HubSpot = HubSpot()
    salesforce: Salesforce
    polling: Polling = Polling()
    webhooks: Webhooks = Webhooks()
    retention: Retention = Retention()

    @property
    def accepts_webhooks(self) -> bool:
        able = self.hubspot.credential != "service_key"
        return able if self.webhooks.enabled is None else self.webhooks.enabled
