"""What a CRM's refusal can mean: for the machine (its class), and for a person (cause and remedy)."""

from enum import StrEnum
from typing import NamedTuple

from domain.outcomes import OutcomeClass

_, TRANSIENT, THROTTLED, RESOLVE, REJECTED, MISCONFIGURED, UNKNOWN = OutcomeClass


class Category(StrEnum):
    """The headings under which a CRM admin finds a sync error; HubSpot's own words where it has one."""

    ASSOCIATIONS = "Associations"
    CUSTOM_CODE = "Custom code"
    DUPLICATES = "Duplicates"
    PERMISSIONS = "Permissions"
    PROPERTY_VALUES = "Property values"
    MAPPINGS = "Mappings"
    CONVERTED_LEAD = "Converted lead"
    DELETED_OR_MERGED = "Deleted or merged"
    RECORD_LOCKED = "Record locked"
    API_LIMIT = "API limit"
    AUTHENTICATION = "Authentication"
    OUTAGE = "Outage"
    OTHER = "Other"


class Diagnosis(NamedTuple):
    """One line of the catalogue, as it applies to an answer."""

    outcome: OutcomeClass
    category: Category
    cause: str
    remedy: str
    suspends: bool = False  #: misconfigured only: stops the whole target, not just the fields that are blamed
    wait_ms: int | None = None  #: throttled, and locks: the least time to wait
    heals: bool = True  #: it may be over without another value, so that it is tried again by itself


_SECOND = 1_000
_MINUTE = 60 * _SECOND

LOCKED = Diagnosis(
    TRANSIENT,
    Category.RECORD_LOCKED,
    "Another process was changing the record, or its account, at the same moment.",
    "Nothing: it is tried again. If it stays, look for bulk jobs or automation on the same records.",
    wait_ms=2 * _SECOND,
)
APPROVAL = Diagnosis(
    TRANSIENT,
    Category.RECORD_LOCKED,
    "An approval process holds the record.",
    "Finish the approval, or let the integration user edit locked records. It is tried again.",
    wait_ms=15 * _MINUTE,
)
OUTAGE = Diagnosis(
    TRANSIENT,
    Category.OUTAGE,
    "The CRM was unavailable for a moment.",
    "Nothing: it is tried again. Look at the CRM's status page if it stays.",
)
NO_ANSWER = Diagnosis(
    UNKNOWN,
    Category.OUTAGE,
    "The request was sent and no usable answer came back.",
    "Nothing: the record is read first, then decided again.",
)
UNREADABLE = Diagnosis(
    UNKNOWN,
    Category.OUTAGE,
    "The CRM answered in a shape that is not understood.",
    "If it stays, see whether something else answers at the CRM's address, and whether crmsync is too old.",
)
LOGIN = Diagnosis(
    MISCONFIGURED,
    Category.AUTHENTICATION,
    "The CRM does not accept our login.",
    "Renew the credential, check that the integration user is active, then clear the suspension.",
    suspends=True,
)
NO_API = Diagnosis(
    MISCONFIGURED,
    Category.AUTHENTICATION,
    "API access is switched off for the organisation or the integration user.",
    "Enable API access for the integration user, then clear the suspension.",
    suspends=True,
)
SCOPES = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The HubSpot app lacks a scope that this call needs.",
    "Grant the scope that the message names to the app, then clear the suspension.",
    suspends=True,
)
OPT_OUT_SCOPE = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "The HubSpot app lacks the scope that unsubscribing people takes.",
    "Grant the scope communication_preferences.write to the app; the opt-out is tried again by itself. "
    "Or map hs_email_optout with dont_sync.",
)
OBJECT_RIGHT = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The integration user cannot see the object.",
    "Grant the integration user read, create and edit on the object, then clear the suspension.",
    suspends=True,
)
FIELD_RIGHT = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The field cannot be written: no field-level permission, or it is read-only.",
    "Give the integration user edit access to the field, or let the mapping always use this side. "
    "The rest of the record syncs meanwhile.",
)
RECORD_RIGHT = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "The integration user may not edit this record.",
    "Check sharing rules, page restrictions and the record's owner.",
)
REFERENCE_RIGHT = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "A record that this one refers to is missing, or hidden from the integration user.",
    "Give access to the referenced record (owner, account, campaign), or correct the value.",
)
OWNER = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "The new owner is inactive or may not own this record.",
    "Choose an active owner who has access to the object.",
)
UNMATCHED_OWNER = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "Nobody on the other side stands for the owner.",
    "Give both the same e-mail address and make them active, or name the two under owners.table.",
)
UNMAPPED = Diagnosis(
    MISCONFIGURED,
    Category.MAPPINGS,
    "A mapped field does not exist, or the integration user cannot see it.",
    "Let the integration user see the field, or correct the mapping. The rest of the record syncs meanwhile.",
)
KEY_FIELD = Diagnosis(
    MISCONFIGURED,
    Category.MAPPINGS,
    "The unique field that holds the other CRM's record id is missing or not usable as a key.",
    "Run the setup for this connection, or create the field as unique external id.",
    suspends=True,
)
DUPLICATE_RULE = Diagnosis(
    REJECTED,
    Category.DUPLICATES,
    "A duplicate rule of the CRM found a similar record.",
    "Link or merge the records, or let the rule pass writes of the integration user.",
)
DUPLICATE_KEY = Diagnosis(
    RESOLVE,
    Category.DUPLICATES,
    "Another record already holds this unique value.",
    "The record that holds it is looked up. If the error stays, free the value or merge the records. If two "
    "people swapped addresses, give one of them a third address for a moment.",
)
SEVERAL_MATCHES = Diagnosis(
    REJECTED,
    Category.DUPLICATES,
    "More than one record holds this key.",
    "Merge the records, or clear the key on all but one.",
)
GONE = Diagnosis(
    RESOLVE,
    Category.DELETED_OR_MERGED,
    "The record was deleted, or merged into another one.",
    "The record is read again. Restore it in the CRM, or resync the contact.",
)
CONVERTED = Diagnosis(
    RESOLVE,
    Category.CONVERTED_LEAD,
    "The lead was converted and cannot be changed any more.",
    "The contact that it became is linked instead.",
)
SAVE_RULE = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A validation rule of the CRM refused the record; the message is the rule's own.",
    "Correct the values that the message names, or exempt the integration user from the rule.",
)
OWN_RULE = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A validation rule of Salesforce would refuse the record; the message is the rule's own.",
    "Correct the values that the message names. It syncs by itself when the rule is met.",
)
AUTOMATION = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A trigger or flow of the CRM failed while saving the record.",
    "Have the CRM's admin correct the trigger or flow that the message names, then resync.",
)
VALUE = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value has a form that the field does not take.",
    "Correct the value in the other CRM, or change the mapping.",
    heals=False,
)
INCONSISTENT = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value does not go with another one: a state with its country, a date with its range, a lookup.",
    "Correct the pair of values in the other CRM, or map both fields.",
)
LOOKUP_FILTER = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A lookup field does not accept the record that the value names: its filter is not met.",
    "Choose another record, or have the CRM's admin change the lookup's filter.",
)
TOO_LONG = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value is longer than the field.",
    "Shorten the value, or make the field longer.",
    heals=False,
)
OPTION = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value is not among the options of the field.",
    "Add the option in the CRM, or choose a listed one.",
)
REQUIRED = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A field that the CRM requires is empty.",
    "Fill the field, map it, or give the mapping a default.",
)
CHANGED_BACK = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "Something in the CRM changes the value back after each write.",
    "Find the workflow or flow there that sets the field, or let the mapping always use that CRM.",
    heals=False,
)
E_MAIL = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "The e-mail address is not valid for this CRM.",
    "Correct the address.",
    heals=False,
)
BAD_ID = Diagnosis(
    REJECTED,
    Category.ASSOCIATIONS,
    "A reference holds an id of the wrong object or form.",
    "Correct or clear the reference.",
    heals=False,
)
SOON = Diagnosis(
    THROTTLED,
    Category.API_LIMIT,
    "The CRM's call limit for a short time is used up.",
    "Nothing: calls go on after a pause.",
    wait_ms=10 * _SECOND,
)
VERY_SOON = SOON._replace(wait_ms=_SECOND)
TODAY = Diagnosis(
    THROTTLED,
    Category.API_LIMIT,
    "The CRM's call limit for the day is used up.",
    "Raise the limit, or lower what other programs use. Calls go on when the CRM allows.",
    wait_ms=15 * _MINUTE,
)
STORAGE = Diagnosis(
    MISCONFIGURED,
    Category.OTHER,
    "The CRM's storage is full.",
    "Free or buy storage, then clear the suspension.",
    suspends=True,
)
POLICY = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "A transaction security policy blocked the write.",
    "Have the CRM's admin exempt the integration user.",
)
OTHER = Diagnosis(
    REJECTED,
    Category.OTHER,
    "The CRM refused the record for a reason that we do not know.",
    "Read the CRM's message; resync when it is settled.",
)
PENDING = Diagnosis(
    RESOLVE,
    Category.OTHER,
    "The CRM's answer does not mention the record.",
    "Nothing: the record is read, then decided again.",
)

MEANWHILE = Diagnosis(
    RESOLVE,
    Category.OTHER,
    "Somebody changed the record in the CRM at the same moment.",
    "Nothing: the record is read, then decided again.",
)
