"""One contact per way in which a decision can end or wait, made by the events that lead there."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain import events as e
from domain.fielding import Options
from domain.mapping import SyncRule
from domain.outcomes import Outcome, OutcomeClass
from domain.policy import Computed, FieldMapping, RoutingRule, Section
from domain.reasons import Reason, Wait
from domain.retry import ATTEMPTS
from domain.rules import RuleText
from domain.translating import Translation
from tests.domain.inclusion.builders import FORM, a_list, all_of, prop
from tests.domain.test_opting_out import NO_SCOPE
from tests.domain.test_opting_out import linked as opting
from tests.workers.configurations import BADGES
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, ready, text
from workers.explain import Evidence, Explanation, explain

replace = msgspec.structs.replace

ADA = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
LONG = "Ada" * 20

STAGE = prop(
    "lifecyclestage",
    "ENUMERATION",
    "IS_ANY_OF",
    values=["customer", "opportunity"],
    includeObjectsWithNoValueSet=False,
)
LIST = a_list(all_of(STAGE), list_id="7", name="Sync to Salesforce")
FORM_LIST = a_list(all_of(FORM), list_id="7", name="Sync to Salesforce")
LIMITED = replace(SECTION, inclusion_list="Sync to Salesforce")
HUBSPOT_WINS = replace(
    SECTION,
    mappings=(
        *(each for each in MAPPINGS if each.hubspot != "city"),
        FieldMapping("city", {"Lead": "City"}, SyncRule.ALWAYS_HUBSPOT),
    ),
)

Told = tuple[World, str]


def explained(told: Told, decision: str = "") -> Explanation:
    """What is said about a contact at the end of its events."""
    world, entity = told
    book = world.projection.book
    letters = {each.crm: each for each in world.letters.values() if each.entity == entity and not each.field}
    closed = world.closed.get(entity, [])
    policy = world.projection.policy()
    evidence = Evidence(world.contact(entity), book.connection, policy, closed, letters, world.now)
    return explain(evidence, decision)


# -- words


def linked(section: Section = SECTION) -> Told:
    """A pair that agrees on everything."""
    world = ready(section)
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    world.deliver(entity, SF)
    world.lead("00Q1", **LEAD, HubSpot_Contact_Id__c="1")
    return world, entity


def limited(definition: dict[str, object], section: Section = LIMITED) -> World:
    """A connection whose inclusion list is known."""
    world = World()
    named = e.ListObserved(list_id="7", name=str(definition["name"]), digest=world.document(definition))
    world.append(named)
    world.configure(section).baseline()
    contacts = next(each for each in SCHEMAS if each.crm is HS)
    shown = replace(contacts, fields={**contacts.fields, "lifecyclestage": text("lifecyclestage")})
    world.append(e.SchemaObserved(crm=HS, object="contacts", digest=world.document(shown)))
    return world


def edited(section: Section = SECTION, **fields: str | None) -> Told:
    """A pair of which somebody has changed HubSpot's side."""
    world, entity = linked(section)
    world.hubspot("1", **fields)
    return world, entity


def answered(told: Told, kind: OutcomeClass, code: str, message: str = "", *fields: str) -> Told:
    """The write that was waiting is answered by Salesforce."""
    world, entity = told
    world.claim(entity, SF)
    world.answer(entity, SF, Outcome(kind, code=code, message=message, fields=fields))
    return told


# -- how a decision ends


def salesforce_filter() -> Told:
    world, entity = linked(replace(SECTION, salesforce_filter={"Lead": 'City <> "Vienna"'}))
    world.lead("00Q1", **LEAD, City="Vienna", HubSpot_Contact_Id__c="1")
    return world, entity


def validation_rule() -> Told:
    """A rule of Salesforce's that is enforced stops the write."""
    world, entity = linked()
    rule = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "We do not deliver to Atlantis.", "City")
    world.append(e.RulesObserved(object="Lead", digest=world.document((rule,))))
    world.append(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
    world.hubspot("1", city="Atlantis")
    return world, entity


def unrouted() -> Told:
    """No rule is met, and one cannot be evaluated."""
    rules = (RoutingRule('company = "Engines"', "Contact"), RoutingRule("VALUE(city) > 1", "Lead"))
    world = ready(replace(SECTION, create_as=None, routing=rules))
    return world, world.hubspot("1", **ADA, city="London")


def translated() -> Told:
    """A value that is mapped and one that is computed are on their way."""
    options = Options(Translation(values=(("lon", "London"),), cut=True))
    section = replace(
        SECTION,
        mappings=(
            *(each for each in MAPPINGS if each.hubspot not in {"city", "company"}),
            FieldMapping("city", {"Lead": "City"}, SyncRule.TWO_WAY, options),
        ),
        computed=(Computed("Lead", SF, "Company", 'UPPER(lastname) & " of " & city'),),
    )
    return edited(section, city="lon")


def opt_out_follows() -> Told:
    """An opt-out takes a call of its own, after the others."""
    world, entity = opting()
    world.lead("00Q7", HasOptedOutOfEmail="true", City="Graz")
    return world, entity


def opt_out_lacks_a_scope() -> Told:
    world, entity = opting()
    world.lead("00Q7", HasOptedOutOfEmail="true")
    world.claim(entity, HS)
    world.answer(entity, HS, NO_SCOPE)
    return world, entity


def delivered() -> Told:
    world, entity = edited(city="London")
    world.deliver(entity, SF)
    return world, entity


def partly_delivered() -> Told:
    world, entity = edited(city="London", firstname=LONG)
    world.deliver(entity, SF)
    return world, entity


def already_in_sync() -> Told:
    world, entity = linked()
    world.append(e.SyncRequested(entity=entity, cause="manual", by="ann"))
    world.read(HS)
    world.read(SF)
    return world, entity


def superseded() -> Told:
    world, entity = edited(city="London")
    world.hubspot("1", city="Paris")
    return world, entity


def withdrawn() -> Told:
    world, entity = edited(city="London")
    world.hubspot("1", city=None)
    return world, entity


def no_email() -> Told:
    world = ready()
    return world, world.hubspot("1", lastname="Byron")


def not_in_inclusion_list() -> Told:
    world = limited(LIST)
    return world, world.hubspot("1", **ADA, lifecyclestage="subscriber")


def validation() -> Told:
    return edited(firstname=LONG)


def rejected() -> Told:
    refusal = "We do not deliver to Atlantis."
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    return answered(edited(city="Atlantis"), OutcomeClass.REJECTED, code, refusal, "City")


def ping_pong() -> Told:
    world, entity = edited(HUBSPOT_WINS, city="London")
    while world.intent(entity, SF) is not None:
        world.deliver(entity, SF)
        world.lead("00Q1", City="London")
        world.now += 60_000
        world.lead("00Q1", City="LONDON (GB)", at=world.now)
    return world, entity


def creation_off() -> Told:
    world = ready(replace(SECTION, create_as=None))
    return world, world.hubspot("1", **ADA)


def record_deleted() -> Told:
    world, entity = linked()
    at = world.now + 60_000
    world.append(e.RecordGone(crm=SF, object="Lead", id="00Q1", cause="deleted", at=at, ticket=world.draw()))
    return world, entity


def shadow() -> Told:
    world = ready(replace(SECTION, shadow=True))
    world.hubspot("1", source="baseline", **ADA)
    world.lead("00Q1", source="baseline", **LEAD)
    return world, world.hubspot("1", company="Unknown", city="Graz")


def guard() -> Told:
    world = ready(replace(SECTION, guards={"creates": 1}))
    for number in (1, 2):
        entity = world.hubspot(str(number), **{**ADA, "email": f"ada{number}@example.com"})
        world.look_up(SF)
    return world, entity


def field_held() -> Told:
    told = edited(HUBSPOT_WINS, city="London", firstname="Augusta")
    answered(told, OutcomeClass.REJECTED, "STRING_TOO_LONG", "City: data value too large", "City")
    world, entity = told
    world.deliver(entity, SF)
    world.lead("00Q1", FirstName="Augusta", City="Bonn")
    return world, entity


def erased() -> Told:
    world, entity = edited(city="London")
    gone = {"crm": HS, "object": "contacts", "id": "1", "cause": "erased"}
    world.append(e.RecordGone(**gone, at=world.now, ticket=world.draw()))  # type: ignore[arg-type]  # by name
    return world, entity


def engine_fault() -> Told:
    """A value that no gateway may let through breaks the folding of its event."""
    world, entity = edited(city="London")
    world.show(HS, "contacts", "1", email=5)
    return world, entity


def exhausted() -> Told:
    told = edited(city="London")
    for _ in range(ATTEMPTS):
        answered(told, OutcomeClass.TRANSIENT, "SERVER_UNAVAILABLE", "try later")
    return told


def not_configured() -> Told:
    world, entity = linked()
    world.configure(Section(kind=BADGES, mappings=()))
    world.append(e.SyncRequested(entity=entity, cause="manual", by="ann"))
    return world, entity


# -- what an open one waits for


def baseline() -> Told:
    world = World().configure()
    return world, world.hubspot("1", **ADA)


def awaiting_read() -> Told:
    world = ready()
    return world, world.hubspot("1", full=False, email="ada@example.com")


def awaiting_look_up() -> Told:
    world = ready()
    return world, world.hubspot("1", **ADA)


def awaiting_membership() -> Told:
    world = limited(FORM_LIST)
    return world, world.hubspot("1", **ADA)


def awaiting_delivery() -> Told:
    return edited(city="London", firstname="Augusta")


# -- what else an explanation can say


def paused() -> Told:
    world, entity = edited(city="London")
    world.append(e.Paused(by="ann", why="migration"))
    return world, entity


def suspended() -> Told:
    return answered(edited(city="London"), OutcomeClass.MISCONFIGURED, "INVALID_SESSION_ID", "expired")


def retried() -> Told:
    return answered(edited(city="London"), OutcomeClass.TRANSIENT, "UNABLE_TO_LOCK_ROW", "locked")


def conflict() -> Told:
    """Both sides change the last name while writing is paused; the rule prefers Salesforce."""
    world, entity = linked()
    world.hubspot("1", lastname="King")
    world.lead("00Q1", LastName="Lovelace")
    world.deliver(entity, HS)
    return world, entity


def joined_since() -> Told:
    """Skipped, and then everybody is let in by another configuration."""
    world, entity = not_in_inclusion_list()
    world.configure(SECTION)
    return world, entity


def list_unknown() -> Told:
    world = ready(LIMITED)
    return world, world.hubspot("1", **ADA)


def creation_lacks_a_field() -> Told:
    world = ready(replace(SECTION, defaults={}))
    entity = world.hubspot("1", **ADA)
    world.look_up(SF)
    return world, entity


def orphaned(**more: Any) -> Told:
    """Salesforce's record is deleted, and HubSpot's is to follow; looked at before that."""
    world, entity = linked(replace(SECTION, delete_in_hubspot=("Lead", "Contact"), **more))
    at = world.now + 60_000
    world.append(e.RecordGone(crm=SF, object="Lead", id="00Q1", cause="deleted", at=at, ticket=world.draw()))
    return world, entity


def deletion_waits() -> Told:
    world, entity = orphaned()
    world.read(HS)
    return world, entity


def deletion_delivered() -> Told:
    world, entity = deletion_waits()
    world.deliver(entity, HS)
    return world, entity


def deletion_guarded() -> Told:
    world, entity = orphaned(guards={"deletes": 0})
    world.read(HS)
    return world, entity


def deletion_spared() -> Told:
    """Not on the list when Salesforce's record is deleted."""
    world = limited(LIST, replace(LIMITED, delete_in_hubspot=("Lead", "Contact")))
    entity = world.hubspot("1", **ADA, lifecyclestage="customer")
    world.look_up(SF)
    world.deliver(entity, SF)
    world.lead("00Q1", **LEAD, HubSpot_Contact_Id__c="1")
    world.hubspot("1", lifecyclestage="subscriber")
    world.lead("00Q1", deleted=True)
    world.read(HS)
    return world, entity


def deletion_refused() -> Told:
    world, entity = deletion_waits()
    for _ in range(ATTEMPTS):
        world.claim(entity, HS)
        world.answer(entity, HS, Outcome(OutcomeClass.TRANSIENT, code="http_503"))
    return world, entity


def nothing_decided() -> Told:
    world = World().configure()
    return world, world.hubspot("1", source="baseline", **ADA)


def erased_undecided() -> Told:
    world, entity = nothing_decided()
    gone = {"crm": HS, "object": "contacts", "id": "1", "cause": "erased"}
    world.append(e.RecordGone(**gone, at=world.now, ticket=world.draw()))  # type: ignore[arg-type]  # by name
    return world, entity


BY_CODE: dict[str, Callable[[], Told]] = {
    Reason.DELIVERED: delivered,
    Reason.PARTLY_DELIVERED: partly_delivered,
    Reason.ALREADY_IN_SYNC: already_in_sync,
    Reason.SUPERSEDED: superseded,
    Reason.WITHDRAWN: withdrawn,
    Reason.NO_EMAIL: no_email,
    Reason.NOT_IN_INCLUSION_LIST: not_in_inclusion_list,
    Reason.SALESFORCE_FILTER: salesforce_filter,
    Reason.VALIDATION: validation,
    Reason.VALIDATION_RULE: validation_rule,
    Reason.REJECTED: rejected,
    Reason.PING_PONG: ping_pong,
    Reason.CREATION_OFF: creation_off,
    Reason.RECORD_DELETED: record_deleted,
    Reason.GUARD: guard,
    Reason.SHADOW: shadow,
    Reason.FIELD_HELD: field_held,
    Reason.ERASED: erased,
    Reason.ENGINE_FAULT: engine_fault,
    Reason.EXHAUSTED: exhausted,
    Reason.NOT_CONFIGURED: not_configured,
    Wait.BASELINE: baseline,
    Wait.READ: awaiting_read,
    Wait.LOOK_UP: awaiting_look_up,
    Wait.MEMBERSHIP: awaiting_membership,
    Wait.DELIVERY: awaiting_delivery,
}

OTHERS: dict[str, Callable[[], Told]] = {
    each.__name__: each
    for each in (
        unrouted,
        translated,
        opt_out_follows,
        opt_out_lacks_a_scope,
        paused,
        suspended,
        retried,
        conflict,
        joined_since,
        list_unknown,
        creation_lacks_a_field,
        orphaned,
        deletion_waits,
        deletion_delivered,
        deletion_guarded,
        deletion_spared,
        deletion_refused,
        nothing_decided,
        erased_undecided,
    )
}
