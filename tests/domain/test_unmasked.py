"""Which fields stay as they are in a bundle, and why."""

from msgspec.structs import replace

from domain import events as e
from domain.fielding import Options
from domain.identity import HUBSPOT, SALESFORCE, Crm
from domain.mapping import SyncRule
from domain.policy import Computed, FieldMapping, RoutingRule, Section
from domain.schema import FieldKind, Option
from domain.translating import Translation
from domain.unmasked import Field, Unmasked, unmasked
from tests.domain.crms import LIST
from tests.domain.test_rules import ATLANTIS, world
from tests.world import HS, MAPPINGS, SCHEMAS, SECTION, SF, World, ready, schema, text

EMAIL: Field = (HUBSPOT, "contacts", "email")
CITY: Field = (HUBSPOT, "contacts", "city")


def of(made: World) -> Unmasked:
    return unmasked([made.projection.policy()])


def in_section(**changes: object) -> Unmasked:
    return of(ready(replace(SECTION, **changes)))


def lead(name: str) -> Field:
    return SALESFORCE, "Lead", name


def test_a_persons_values_do_not_stay() -> None:
    found = in_section()
    assert not {EMAIL, CITY, lead("Email"), lead("LastName"), lead("City")} & found.whole.keys()
    assert not found.keeps(CITY, "Wien")


def test_ids_of_records_stay() -> None:
    found = in_section()
    ids = {
        (HUBSPOT, "contacts", "salesforce_record_id"),
        lead("HubSpot_Contact_Id__c"),
        lead("ConvertedContactId"),
    }
    assert {found.whole.get(each) for each in ids} == {"an id"}


def test_what_a_list_reads_stays() -> None:
    made = ready(replace(SECTION, inclusion_list="Sync"))
    made.append(e.ListObserved(list_id="7", name="Sync", digest=made.document(LIST)))
    assert of(made).whole[HUBSPOT, "contacts", "stage"] == "the inclusion list reads it"


def test_what_a_routing_rule_reads_stays_and_so_do_the_fields_it_is_mapped_to() -> None:
    found = in_section(routing=(RoutingRule('CONTAINS(email, "@acme.com")', None),))
    assert found.whole[EMAIL] == "a rule of create_as reads it"
    assert found.whole[lead("Email")] == "goes with hubspot contacts email: a rule of create_as reads it"
    assert (SALESFORCE, "Contact", "Email") in found.whole
    assert (HUBSPOT, "contacts", "hs_additional_emails") in found.whole
    assert CITY not in found.whole


def test_what_a_filter_reads_stays() -> None:
    found = in_section(salesforce_filter={"Lead": 'City <> "Atlantis"'})
    assert found.whole[lead("City")] == "the filter of Lead reads it"
    assert {CITY, (SALESFORCE, "Contact", "MailingCity")} <= found.whole.keys()


def test_what_a_computed_field_is_computed_from_stays_and_what_comes_of_it() -> None:
    found = in_section(computed=(Computed("Lead", SF, "Company", 'lastname & " & Co"'),))
    assert found.whole[lead("Company")] == "it is computed"
    assert found.whole[HUBSPOT, "contacts", "lastname"] == "Company is computed from it"
    assert lead("LastName") in found.whole


def test_what_a_validation_rule_reads_stays_once_it_stops_writes() -> None:
    assert of(world(ATLANTIS, trusted=True)).whole[lead("City")] == "the validation rule No_Atlantis reads it"
    assert lead("City") not in of(world(ATLANTIS)).whole


def test_the_currency_of_amounts_stays() -> None:
    made = ready(replace(SECTION, currency="EUR"))
    revenue = replace(text("Company", FieldKind.NUMBER), native="currency")
    made.append_schema(schema(SF, "Lead", *SCHEMAS[1].fields.values(), revenue))
    assert lead("CurrencyIsoCode") in of(made).whole


def test_owners_stay_and_of_checkboxes_whether_they_are_ticked() -> None:
    made = ready()
    more = text("OwnerId", FieldKind.REFERENCE), text("DoNotCall", FieldKind.BOOLEAN)
    made.append_schema(schema(SF, "Lead", *SCHEMAS[1].fields.values(), *more))
    found = of(made)
    assert found.whole[lead("OwnerId")] == "an id"
    assert [found.keeps(lead("DoNotCall"), word) for word in ("true", "false", "Ada")] == [True, True, False]


def mapped(**translation: object) -> Section:
    options = Options(translation=Translation(**translation))  # type: ignore[arg-type]  # as the caller says
    city = FieldMapping("city", {"Lead": "City"}, SyncRule.TWO_WAY, options)
    others = [each for each in MAPPINGS if each.hubspot != "city"]
    return replace(SECTION, mappings=(*others, city))


def test_of_a_mapped_value_only_what_the_configuration_names_stays() -> None:
    found = of(ready(mapped(values=(("W", "Wien"),), default={SF: "Nowhere"})))
    assert CITY not in found.whole
    for field in (CITY, lead("City")):
        assert [found.keeps(field, word) for word in ("W", " wien", "Nowhere", "Graz")] == [
            True,
            True,
            True,
            False,
        ]
    assert found.keeps(lead("Company"), "Unknown")


def test_options_stay_on_both_sides_of_a_mapping() -> None:
    made = ready()
    city = text("City", FieldKind.PICKLIST, options=(Option("W", "Wien"),), default="G")
    made.append_schema(schema(SF, "Lead", *SCHEMAS[1].fields.values(), city))
    found = of(made)
    assert all(found.keeps(CITY, word) for word in ("W", "Wien", "G"))
    assert not found.keeps(CITY, "Linz")


def test_what_any_configuration_needed_that_was_in_force_stays() -> None:
    one, other = (ready(replace(SECTION, salesforce_filter=each)) for each in ({"Lead": 'City = "A"'}, {}))
    found = unmasked([one.projection.policy(), other.projection.policy()])
    assert lead("City") in found.whole


def test_the_field_is_known_by_which_somebody_is_searched() -> None:
    assert in_section().addresses == {
        "contacts": EMAIL,
        "Lead": lead("Email"),
        "Contact": (SF, "Contact", "Email"),
    }
    assert HS is Crm.HUBSPOT
