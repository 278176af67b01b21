"""Kinds of entities: which objects of the two CRMs stand for the same thing, and how they find each other.

The kind is a value. Folding, deciding and delivering read it and know no kind by name, so another kind
is another value here, and nothing else.
"""

import msgspec

from domain.identity import Crm


class Conversion(msgspec.Struct, frozen=True):
    """How one Salesforce object turns into another (a lead into a contact)."""

    flag: str  #: boolean field that says it happened
    id_field: str  #: field that holds the id of the record that goes on
    object: str  #: its object


class ObjectKind(msgspec.Struct, frozen=True):
    """One kind of entity."""

    name: str  #: the section of the configuration
    hubspot: str  #: object name in HubSpot's paths
    salesforce: tuple[str, ...]  #: objects of Salesforce that may stand for it
    match: dict[str, tuple[str, ...]]  #: object -> fields by which records find each other, best first
    hubspot_key: str  #: unique HubSpot property that holds the Salesforce id
    salesforce_key: str  #: unique Salesforce field that holds the HubSpot id
    match_required: bool = True  #: whether an entity without a match value may sync
    extra: dict[str, tuple[str, ...]] = {}  #: object -> fields that folding itself needs
    conversions: dict[str, Conversion] = {}  #: Salesforce object -> how it turns into another
    native_ids: dict[str, str] = {}
    """Properties in which HubSpot's own integration keeps the partner's id, best first -> its object."""
    triggers: dict[str, dict[str, tuple[str, ...]]] = {}
    """What may start a sync beside mapped fields: trigger -> object -> fields whose change shows it."""

    def objects(self, crm: Crm) -> tuple[str, ...]:
        return (self.hubspot,) if crm is Crm.HUBSPOT else self.salesforce

    def key_field(self, crm: Crm) -> str:
        """The unique field in ``crm`` that holds the other CRM's id."""
        return self.hubspot_key if crm is Crm.HUBSPOT else self.salesforce_key


CAMPAIGN_ADDED = "campaign_added"
"""The trigger that a record was added to an active campaign, which no field of its own shows."""

CONTACTS = ObjectKind(
    name="contacts",
    hubspot="contacts",
    salesforce=("Lead", "Contact"),
    match={
        "contacts": ("email", "hs_additional_emails"),
        "Lead": ("Email",),
        "Contact": ("Email",),
    },
    hubspot_key="salesforce_record_id",
    salesforce_key="HubSpot_Contact_Id__c",
    extra={"Lead": ("IsConverted", "ConvertedContactId")},
    conversions={"Lead": Conversion("IsConverted", "ConvertedContactId", "Contact")},
    native_ids={"salesforcecontactid": "Contact", "salesforceleadid": "Lead"},
    triggers={
        "form_submission": {"contacts": ("recent_conversion_date", "num_conversion_events")},
        "owner_change": {"contacts": ("hubspot_owner_id",), "Lead": ("OwnerId",), "Contact": ("OwnerId",)},
        "lifecycle_stage": {"contacts": ("lifecyclestage",)},
        CAMPAIGN_ADDED: {},
        "marketing_emails": {
            "contacts": ("hs_email_last_send_date", "hs_email_last_open_date", "hs_email_last_click_date")
        },
        "sales_emails": {
            "contacts": (
                "hs_sales_email_last_opened",
                "hs_sales_email_last_clicked",
                "hs_sales_email_last_replied",
            )
        },
        "meetings": {"contacts": ("hs_latest_meeting_activity", "engagements_last_meeting_booked")},
        "documents": {"contacts": ("hs_document_last_revisited",)},
        "calls_notes_tasks": {"contacts": ("notes_last_updated",)},
    },
)

KINDS = {CONTACTS.name: CONTACTS}
