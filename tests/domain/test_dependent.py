"""What a record's fields say of each other: options that depend on others, and records without an address."""

import msgspec
import pytest

from domain import events as e
from domain.identity import Crm
from domain.mapping import SyncRule
from domain.policy import FieldMapping
from domain.reasons import Reason
from domain.schema import FieldKind, Option
from tests.world import MAPPINGS, SCHEMAS, SECTION, SF, World, ready, schema, text

ADA = "hubspot/contacts/1"
REGION = text(
    "Region__c",
    FieldKind.PICKLIST,
    controller="Country",
    options=(Option("Tirol", "Tirol", valid_for=("Austria",)), Option("Texas", "Texas", valid_for=("USA",))),
)
MAPPED = (
    *MAPPINGS,
    FieldMapping("country", {"Lead": "Country"}, SyncRule.TWO_WAY),
    FieldMapping("state", {"Lead": "Region__c"}, SyncRule.TWO_WAY),
)


def world() -> World:
    made = ready(msgspec.structs.replace(SECTION, mappings=MAPPED))
    lead = next(each for each in SCHEMAS if (each.crm, each.object) == (SF, "Lead"))
    depending = schema(SF, "Lead", *lead.fields.values(), text("Country"), REGION)
    made.append(e.SchemaObserved(crm=SF, object="Lead", digest=made.document(depending)))
    return made


def both(made: World) -> None:
    """Ada is in both CRMs, in Tirol, and in agreement."""
    place = {"country": "Austria", "state": "Tirol"}
    made.hubspot("1", source="baseline", email="a@x.org", lastname="Byron", company="A", **place)
    lead = {"Country": "Austria", "Region__c": "Tirol", "Company": "A"}
    made.lead("00Q1", source="baseline", Email="a@x.org", LastName="Byron", **lead)
    made.append(e.SyncRequested(entity=ADA, cause="all", by="test"))


def held(made: World) -> list[str]:
    return sorted(made.contact(ADA).holds.get(SF, {}))


@pytest.mark.rule(88)
def test_the_dependent_option_is_held_back_and_the_rest_goes() -> None:
    made = world()
    made.hubspot("1", email="a@x.org", lastname="Byron", country="Austria", state="Texas")
    made.look_up(SF)

    intent = made.deliver(ADA, SF)
    made.read(SF, Region__c=None)

    assert intent.fields["Country"] == "Austria"
    assert "Region__c" not in intent.fields
    assert held(made) == ["Region__c"]
    assert made.reasons(ADA) == [Reason.PARTLY_DELIVERED]


def test_a_held_option_goes_as_soon_as_the_other_field_fits_it() -> None:
    made = world()
    both(made)
    made.hubspot("1", state="Texas")
    assert held(made) == ["Region__c"]

    made.hubspot("1", country="USA")

    assert made.deliver(ADA, SF).fields == {"Country": "USA", "Region__c": "Texas"}
    assert held(made) == []


@pytest.mark.rule(88)
def test_a_field_that_would_leave_its_dependent_option_behind_is_held_back() -> None:
    made = world()
    both(made)

    made.hubspot("1", country="USA")

    assert made.intent(ADA, SF) is None
    assert held(made) == ["Country"]
    assert made.reasons(ADA)[-1] == Reason.VALIDATION


def test_the_field_that_options_depend_on_is_read_though_nobody_mapped_it() -> None:
    made = world()
    unmapped = msgspec.structs.replace(SECTION, mappings=(*MAPPINGS, MAPPED[-1]))
    made.configure(unmapped)
    lead = schema(SF, "Lead", text("Country"), REGION)
    made.append(e.SchemaObserved(crm=SF, object="Lead", digest=made.document(lead)))

    policy = made.projection.policy().kinds["contacts"]

    assert "Country" in policy.needed[Crm.SALESFORCE, "Lead"]
    assert "Country" not in policy.watched[Crm.SALESFORCE, "Lead"]


def test_nobody_is_created_without_the_address_that_would_find_him() -> None:
    made = world()
    made.hubspot("1", email="ada.example.com", lastname="Byron", country=None, state=None)

    made.look_up(SF)

    assert made.intent(ADA, SF) is None
    assert made.reasons(ADA) == [Reason.VALIDATION]
    assert "e-mail address" in made.closed[ADA][-1].explanation
