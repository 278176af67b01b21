"""Mappings that do more than copy: value maps, defaults, cutting, stages, opt-outs, formulas."""

from typing import Any

import msgspec
import pytest

from domain.fielding import Options
from domain.identity import Crm, Fields
from domain.mapping import SyncRule
from domain.policy import Computed, FieldMapping
from domain.reasons import Reason
from domain.schema import FieldKind, FieldSchema, Option
from domain.translating import Translation
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, text

STAGES = ("subscriber", "lead", "customer")
ADA: Fields = {"Email": "ada@example.com", "LastName": "Byron", "Company": "Engines"}


def stages(name: str) -> FieldSchema:
    return text(name, FieldKind.PICKLIST, options=tuple(Option(each, each) for each in STAGES))


FIELDS: dict[tuple[Crm, str], FieldSchema] = {
    (HS, "stage"): stages("stage"),
    (SF, "Stage__c"): stages("Stage__c"),
    (HS, "optout"): text("optout", FieldKind.BOOLEAN),
    (SF, "OptOut__c"): text("OptOut__c", FieldKind.BOOLEAN),
    (SF, "Full_Name__c"): text("Full_Name__c", length=20),
    (SF, "Revenue__c"): text("Revenue__c", FieldKind.NUMBER),
    (HS, "tier"): text("tier"),
}


def world_of(*mappings: FieldMapping, computed: tuple[Computed, ...] = ()) -> World:
    """A connection whose contacts and leads have these fields besides the usual ones."""
    replaced = {mapping.hubspot for mapping in mappings}
    kept = tuple(each for each in MAPPINGS if each.hubspot not in replaced)
    world = World()
    for known in SCHEMAS:
        fields = {
            name: each
            for (crm, name), each in FIELDS.items()
            if crm is known.crm and known.object != "Contact"
        }
        world.append_schema(msgspec.structs.replace(known, fields={**known.fields, **fields}))
    section = msgspec.structs.replace(SECTION, mappings=(*kept, *mappings), computed=computed)
    return world.apply(section).baseline()


def mapping(hubspot: str, salesforce: str, rule: SyncRule, **options: Any) -> FieldMapping:
    return FieldMapping(hubspot, {"Lead": salesforce}, rule, Options(**options))


def person(world: World, **fields: Any) -> str:
    """A contact in HubSpot, seen in full."""
    known = {"email": "ada@example.com", "lastname": "Byron", "company": "Engines"}
    blanks = dict.fromkeys(name for crm, name in FIELDS if crm is HS)
    return world.hubspot("1", **blanks | known | fields)


def pair(world: World, ours: Fields | None = None, theirs: Fields | None = None) -> str:
    """A contact in HubSpot whose lead is found, both seen in full."""
    entity = person(world, **(ours or {}))
    lead = dict.fromkeys(name for crm, name in FIELDS if crm is SF) | (theirs or {})
    world.look_up(SF, ("Lead", "00Q7", ADA | lead))
    return entity


def agreed(world: World, ours: Fields, theirs: Fields) -> str:
    """A pair that agrees on everything."""
    entity = pair(world, ours, theirs)
    assert not world.outbox
    return entity


def written(world: World, entity: str, crm: Crm) -> Fields:
    """What waits to be written to one side."""
    intent = world.intent(entity, crm)
    return intent.fields if intent else {}


# -- values, defaults, cutting


SOMEWHERE = mapping("city", "City", SyncRule.TWO_WAY, translation=Translation(default={SF: "Nowhere"}))

STATUS = mapping(
    "city", "City", SyncRule.TWO_WAY, translation=Translation(values=(("vie", "Vienna"), ("lon", "London")))
)


def test_a_mapped_value_arrives_in_the_others_words_and_does_not_come_back() -> None:
    world = world_of(STATUS)
    entity = pair(world, {"city": "vie"})
    assert written(world, entity, SF) == {"City": "Vienna"}
    world.deliver(entity, SF)
    world.lead("00Q7", City="Vienna")
    assert not world.outbox
    world.lead("00Q7", City="London")
    assert written(world, entity, HS)["city"] == "lon"


def test_values_that_stand_for_each_other_agree_at_first_sight() -> None:
    world = world_of(STATUS)
    entity = pair(world, {"city": "vie"}, {"City": "Vienna"})
    assert "city" not in written(world, entity, HS)
    assert not written(world, entity, SF)


def test_a_value_that_is_cleared_becomes_the_default_of_the_other_side() -> None:
    world = world_of(
        mapping("city", "City", SyncRule.TWO_WAY, translation=Translation(default={SF: "Nowhere"}))
    )
    entity = agreed(world, {"city": "Vienna"}, {"City": "Vienna"})
    world.hubspot("1", city=None)
    assert written(world, entity, SF) == {"City": "Nowhere"}
    world.deliver(entity, SF)
    world.lead("00Q7", City="Nowhere")
    assert not world.outbox


def test_a_new_record_gets_the_default_of_its_side_where_it_would_be_blank() -> None:
    world = world_of(
        mapping("city", "City", SyncRule.TWO_WAY, translation=Translation(default={SF: "Nowhere"}))
    )
    entity = person(world)
    world.look_up(SF)
    assert written(world, entity, SF)["City"] == "Nowhere"


@pytest.mark.rule(44)
def test_a_default_fills_a_required_field() -> None:
    last = FieldMapping(
        "lastname",
        {"Lead": "LastName"},
        SyncRule.TWO_WAY,
        Options(Translation(default={SF: "(unknown)"})),
    )
    world = world_of(last)
    entity = person(world, lastname=None)
    world.look_up(SF)
    assert written(world, entity, SF)["LastName"] == "(unknown)"


@pytest.mark.rule(86)
def test_a_text_that_is_too_long_is_cut_if_it_may_be_and_the_cut_one_does_not_come_back() -> None:
    long = "x" * 60
    world = world_of(mapping("city", "City", SyncRule.TWO_WAY, translation=Translation(cut=True)))
    entity = pair(world, {"city": long})
    assert written(world, entity, SF) == {"City": "x" * 40}
    world.deliver(entity, SF)
    world.lead("00Q7", City="x" * 40)
    assert not world.outbox
    assert "city" not in world.contact(entity).holds.get(HS, {})


@pytest.mark.rule(86)
def test_otherwise_it_is_held_back_and_the_rest_goes() -> None:
    world = world_of()
    entity = pair(world, {"city": "x" * 60, "firstname": "Ada"})
    assert written(world, entity, SF) == {"FirstName": "Ada"}
    assert "40" in world.contact(entity).holds[SF]["City"].message


# -- stages


@pytest.mark.rule(100)
@pytest.mark.parametrize(
    ("guarded", "ours", "theirs", "goes"),
    [
        ((HS, SF), "lead", "customer", {}),
        ((HS, SF), None, "customer", {}),
        ((HS,), "lead", "customer", {"Stage__c": "lead"}),
        ((HS, SF), "customer", "lead", {"Stage__c": "customer"}),
        ((HS, SF), "other", "lead", {"Stage__c": "other"}),
    ],
)
def test_a_stage_moves_forward_only_where_it_is_told_to(
    guarded: tuple[Crm, ...], ours: str | None, theirs: str, goes: Fields
) -> None:
    world = world_of(mapping("stage", "Stage__c", SyncRule.TWO_WAY, forward_only=guarded))
    entity = agreed(world, {"stage": theirs}, {"Stage__c": theirs})
    world.hubspot("1", stage=ours)
    assert written(world, entity, SF) == goes


@pytest.mark.rule(100)
def test_what_fell_behind_catches_up_when_the_other_moves_on() -> None:
    world = world_of(mapping("stage", "Stage__c", SyncRule.TWO_WAY, forward_only=(HS, SF)))
    entity = agreed(world, {"stage": "lead"}, {"Stage__c": "lead"})
    world.hubspot("1", stage="subscriber")
    assert not world.outbox
    world.lead("00Q7", Stage__c="customer")
    assert written(world, entity, HS) == {"stage": "customer"}


def test_the_order_may_be_another_than_the_options() -> None:
    world = world_of(
        mapping("stage", "Stage__c", SyncRule.TWO_WAY, forward_only=(SF,), order=("customer", "lead"))
    )
    entity = agreed(world, {"stage": "customer"}, {"Stage__c": "customer"})
    world.hubspot("1", stage="lead")
    assert written(world, entity, SF) == {"Stage__c": "lead"}


# -- opt-outs


OPT_OUT = mapping("optout", "OptOut__c", SyncRule.OPT_OUT)


def opted(world: World, ours: str | None, theirs: str) -> str:
    return agreed(world, {"optout": ours}, {"OptOut__c": theirs})


@pytest.mark.rule(68)
def test_opting_out_on_either_side_opts_out_on_the_other() -> None:
    world = world_of(OPT_OUT)
    entity = opted(world, None, "false")
    world.hubspot("1", optout="true")
    assert written(world, entity, SF) == {"OptOut__c": "true"}
    world = world_of(OPT_OUT)
    entity = opted(world, None, "false")
    world.lead("00Q7", OptOut__c="true")
    assert written(world, entity, HS) == {"optout": "true"}


@pytest.mark.rule(68)
def test_clearing_the_box_in_salesforce_opts_nobody_in() -> None:
    world = world_of(OPT_OUT)
    entity = opted(world, "true", "true")
    world.lead("00Q7", OptOut__c="false")
    assert not world.outbox
    world.hubspot("1", firstname="Ada")
    assert written(world, entity, SF) == {"FirstName": "Ada"}


@pytest.mark.rule(68)
def test_whoever_opts_in_again_in_hubspot_is_not_opted_out_by_the_old_box() -> None:
    world = world_of(OPT_OUT)
    opted(world, "true", "true")
    world.hubspot("1", optout="false")
    world.lead("00Q7", FirstName="Ada")
    assert all("optout" not in intent.fields for intent in world.outbox.values())


@pytest.mark.rule(68)
def test_on_the_first_link_an_opt_out_counts_whatever_side_it_stands_on() -> None:
    world = world_of(OPT_OUT)
    entity = pair(world, {"optout": "true"}, {"OptOut__c": "false"})
    assert written(world, entity, SF) == {"OptOut__c": "true"}


# -- computed fields


FULL_NAME = Computed("Lead", SF, "Full_Name__c", 'TRIM(firstname & " " & lastname)')
TIER = Computed("Lead", HS, "tier", 'IF(Revenue__c > 100, "A", "B")')


def test_a_computed_field_follows_what_it_is_computed_from() -> None:
    world = world_of(computed=(FULL_NAME,))
    entity = pair(world, {"firstname": "Ada"})
    assert written(world, entity, SF) == {"FirstName": "Ada", "Full_Name__c": "Ada Byron"}
    world.deliver(entity, SF)
    world.lead("00Q7", FirstName="Ada", Full_Name__c="Ada Byron")
    assert not world.outbox
    world.hubspot("1", firstname="Augusta")
    assert written(world, entity, SF) == {"FirstName": "Augusta", "Full_Name__c": "Augusta Byron"}


def test_a_computed_property_is_computed_from_the_salesforce_record() -> None:
    world = world_of(computed=(TIER,))
    entity = pair(world, theirs={"Revenue__c": "500"})
    assert written(world, entity, HS)["tier"] == "A"
    world.deliver(entity, HS)
    world.lead("00Q7", Revenue__c="50")
    assert written(world, entity, HS) == {"tier": "B"}


def test_a_change_of_a_computed_field_itself_is_overwritten() -> None:
    world = world_of(computed=(FULL_NAME,))
    entity = pair(world, {"firstname": "Ada"}, {"FirstName": "Ada", "Full_Name__c": "Ada Byron"})
    world.lead("00Q7", Full_Name__c="Countess")
    assert written(world, entity, SF) == {"Full_Name__c": "Ada Byron"}


def test_a_computed_blank_clears() -> None:
    world = world_of(computed=(Computed("Lead", SF, "Full_Name__c", "firstname"),))
    entity = agreed(world, {"firstname": "Ada"}, {"FirstName": "Ada", "Full_Name__c": "Ada"})
    world.hubspot("1", firstname=None)
    assert written(world, entity, SF) == {"FirstName": None, "Full_Name__c": None}
    world.deliver(entity, SF)
    world.lead("00Q7", FirstName=None, Full_Name__c=None)
    world.hubspot("1", firstname="Ada")
    assert written(world, entity, SF) == {"FirstName": "Ada", "Full_Name__c": "Ada"}


def test_a_new_record_starts_with_its_computed_fields() -> None:
    world = world_of(computed=(FULL_NAME, TIER))
    entity = person(world, firstname="Ada")
    world.look_up(SF)
    assert written(world, entity, SF)["Full_Name__c"] == "Ada Byron"
    assert "tier" not in written(world, entity, SF)


def test_a_computed_field_without_answer_is_held_back_and_the_rest_goes() -> None:
    world = world_of(computed=(Computed("Lead", SF, "Revenue__c", "VALUE(city)"),))
    entity = pair(world, {"city": "Vienna"})
    assert written(world, entity, SF) == {"City": "Vienna"}
    assert world.contact(entity).holds[SF]["Revenue__c"].message == (
        "the formula gives no answer: VALUE of a text that is not a number"
    )
    world.deliver(entity, SF)
    world.hubspot("1", city="1010")
    assert written(world, entity, SF) == {"City": "1010", "Revenue__c": "1010"}


def test_a_target_that_keeps_its_own_form_of_a_computed_value_is_left_in_peace() -> None:
    world = world_of(computed=(FULL_NAME,))
    entity = pair(world, {"firstname": "Ada"})
    world.deliver(entity, SF)
    world.show(SF, "Lead", "00Q7", at=world.now, FirstName="Ada", Full_Name__c="ADA BYRON")
    world.hubspot("1", city="Vienna")
    assert written(world, entity, SF) == {"City": "Vienna"}


# -- currencies


def world_with_money(code: str) -> tuple[World, str]:
    """A pair whose lead is in a currency, and HubSpot's amounts are euros."""
    world = World()
    for known in SCHEMAS:
        added = {HS: (text("revenue", FieldKind.NUMBER),), SF: (MONEY, text("CurrencyIsoCode"))}[known.crm]
        more = {each.name: each for each in added} if known.object != "Contact" else {}
        world.append_schema(msgspec.structs.replace(known, fields={**known.fields, **more}))
    mappings = (*MAPPINGS, mapping("revenue", "Revenue__c", SyncRule.TWO_WAY))
    world.apply(msgspec.structs.replace(SECTION, mappings=mappings, currency="EUR")).baseline()
    entity = person(world, revenue=None)
    lead: Fields = {"Revenue__c": "500", "CurrencyIsoCode": code}
    world.look_up(SF, ("Lead", "00Q7", ADA | lead))
    return world, entity


MONEY = msgspec.structs.replace(text("Revenue__c", FieldKind.NUMBER), native="currency")


@pytest.mark.rule(89)
def test_an_amount_in_the_declared_currency_travels() -> None:
    world, entity = world_with_money("EUR")
    assert written(world, entity, HS) == {"revenue": "500"}


@pytest.mark.rule(89)
def test_an_amount_in_another_currency_is_held_back_in_both_directions() -> None:
    world, entity = world_with_money("USD")
    assert not world.outbox
    assert world.contact(entity).holds[HS]["revenue"].message == (
        "the Salesforce record is in another currency than the one declared"
    )
    world.hubspot("1", revenue="70", firstname="Ada")
    assert written(world, entity, SF) == {"FirstName": "Ada"}


@pytest.mark.rule(89)
def test_a_new_hubspot_record_gets_no_amount_of_another_currency() -> None:
    world, _ = world_with_money("EUR")
    entity = world.lead(
        "00Q8", **ADA | {"Email": "bob@example.com", "Revenue__c": "9", "CurrencyIsoCode": "USD"}
    )
    world.look_up(HS)
    assert "revenue" not in written(world, entity, HS)
    assert written(world, entity, HS)["lastname"] == "Byron"


@pytest.mark.rule(102)
def test_a_field_of_leads_alone_stays_with_leads() -> None:
    world = world_of(mapping("stage", "Stage__c", SyncRule.TWO_WAY))
    entity = person(world, stage="lead")
    world.look_up(SF, ("Contact", "003A", {"Email": "ada@example.com", "LastName": "Byron"}))
    assert world.contact(entity).pair[SF] == "salesforce/Contact/003A"
    assert world.reasons(entity) == [Reason.ALREADY_IN_SYNC]
