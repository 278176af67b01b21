"""Taking over from HubSpot's own integration: its pairs come from the ids that it keeps in HubSpot."""

from itertools import permutations

import pytest

from domain import events as e
from tests.world import BLANKS, HS, SCHEMAS, SF, World, schema, text

C1, L1 = "003000000000001AAA", "00Q000000000001EAA"
NAMES = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Byron", "company": "Unknown"}
LEAD = {"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Company": "Unknown"}
CONTACT = {"Email": "work@example.com", "FirstName": "Ada", "LastName": "Byron"}
NATIVE = ("salesforcecontactid", "salesforceleadid")


def portal() -> World:
    """A portal that HubSpot's own integration was connected to."""
    world = World().configure()
    ours = schema(HS, "contacts", *SCHEMAS[0].fields.values(), *map(text, NATIVE))
    world.append(e.SchemaObserved(crm=HS, object="contacts", digest=world.document(ours)))
    return world


def hubspot(world: World, source: str = "baseline", **native: str) -> str:
    return world.hubspot(
        "1", source=source, **{**BLANKS["contacts"], **dict.fromkeys(NATIVE), **NAMES, **native}
    )


def pair(world: World) -> dict[str, str]:
    entity = world.projection.book.entity_of("hubspot/contacts/1")
    assert entity is not None
    return {crm.value: key for crm, key in world.contact(entity).pair.items()}


@pytest.mark.rule(53)
@pytest.mark.parametrize("order", list(permutations("HCL")), ids="".join)
def test_the_remembered_id_counts_before_the_address_whatever_is_read_first(order: tuple[str, ...]) -> None:
    world = portal()
    reads = {
        "H": lambda: hubspot(world, salesforcecontactid=C1),
        "C": lambda: world.sf_contact(C1, source="baseline", **CONTACT),
        "L": lambda: world.lead(L1, source="baseline", **LEAD),
    }
    for each in order:
        reads[each]()
    assert pair(world) == {"hubspot": "hubspot/contacts/1", "salesforce": f"salesforce/Contact/{C1}"}


def test_a_contact_goes_before_the_lead_that_it_was() -> None:
    world = portal()
    world.sf_contact(C1, source="baseline", **CONTACT)
    world.lead(L1, source="baseline", **LEAD)
    hubspot(world, salesforcecontactid=C1, salesforceleadid=L1)
    assert pair(world)["salesforce"] == f"salesforce/Contact/{C1}"


def test_an_id_of_fifteen_characters_is_the_same_record() -> None:
    world = portal()
    hubspot(world, salesforceleadid=L1[:15])
    world.lead(L1, source="baseline", **{**LEAD, "Email": "other@example.com"})
    assert pair(world)["salesforce"] == f"salesforce/Lead/{L1}"


def test_where_the_id_is_of_nobody_a_search_links_by_the_address() -> None:
    world = portal()
    hubspot(world, salesforceleadid="00Q000000000009EAA")
    lead = world.lead(L1, source="baseline", **LEAD)
    assert "salesforce" not in pair(world)

    world.baseline()
    world.hubspot("1", city="Bonn")
    world.look_up(SF, ("Lead", L1, {**LEAD, "HubSpot_Contact_Id__c": None}))
    assert pair(world)["salesforce"] == lead


def test_without_ids_the_address_links_at_once() -> None:
    world = portal()
    hubspot(world)
    lead = world.lead(L1, source="baseline", **LEAD)
    assert pair(world)["salesforce"] == lead


def test_a_portal_without_these_properties_is_not_asked_for_them() -> None:
    world = World().configure()
    needed = world.projection.policy().kinds["contacts"].needed[HS, "contacts"]
    assert needed.isdisjoint(NATIVE)
    assert set(NATIVE) <= portal().projection.policy().kinds["contacts"].needed[HS, "contacts"]
