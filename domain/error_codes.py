"""The catalogue of CRM error codes: what each means for the machine and for a person.

Codes are the CRMs' own; what has none gets one of ours, in lower case: ``http_503``, ``timeout``,
``row_missing``. Sources: HubSpot's "Error handling" and "Usage guidelines" pages; Salesforce's "Status
Codes and Error Responses" and "Core Data Types Used in API Calls" (StatusCode) pages.
"""

from enum import StrEnum
from typing import NamedTuple

from domain.identity import Crm
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


class Pattern(NamedTuple):
    """A catalogue line's key: the code, and words that its message must contain (a regular expression)."""

    code: str
    words: str
    diagnosis: Diagnosis


_SECOND = 1_000
_MINUTE = 60 * _SECOND

_LOCKED = Diagnosis(
    TRANSIENT,
    Category.RECORD_LOCKED,
    "Another process was changing the record, or its account, at the same moment.",
    "Nothing: it is tried again. If it stays, look for bulk jobs or automation on the same records.",
    wait_ms=2 * _SECOND,
)
_APPROVAL = Diagnosis(
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
_LOGIN = Diagnosis(
    MISCONFIGURED,
    Category.AUTHENTICATION,
    "The CRM does not accept our login.",
    "Renew the credential, check that the integration user is active, then clear the suspension.",
    suspends=True,
)
_NO_API = Diagnosis(
    MISCONFIGURED,
    Category.AUTHENTICATION,
    "API access is switched off for the organisation or the integration user.",
    "Enable API access for the integration user, then clear the suspension.",
    suspends=True,
)
_SCOPES = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The HubSpot app lacks a scope that this call needs.",
    "Grant the scope that the message names to the app, then clear the suspension.",
    suspends=True,
)
_OBJECT_RIGHT = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The integration user cannot see the object.",
    "Grant the integration user read, create and edit on the object, then clear the suspension.",
    suspends=True,
)
_FIELD_RIGHT = Diagnosis(
    MISCONFIGURED,
    Category.PERMISSIONS,
    "The field cannot be written: no field-level permission, or it is read-only.",
    "Give the integration user edit access to the field, or let the mapping always use this side.",
)
_RECORD_RIGHT = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "The integration user may not edit this record.",
    "Check sharing rules, page restrictions and the record's owner.",
)
_REFERENCE_RIGHT = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "A record that this one refers to is missing, or hidden from the integration user.",
    "Give access to the referenced record (owner, account, campaign), or correct the value.",
)
_OWNER = Diagnosis(
    REJECTED,
    Category.PERMISSIONS,
    "The new owner is inactive or may not own this record.",
    "Choose an active owner who has access to the object.",
)
_UNMATCHED_OWNER = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "Nobody on the other side stands for the owner.",
    "Give both the same e-mail address and make them active, or name the two under owners.table.",
)
_UNMAPPED = Diagnosis(
    MISCONFIGURED,
    Category.MAPPINGS,
    "A mapped field does not exist, or the integration user cannot see it.",
    "Refresh the schema, then correct the mapping or the field's visibility.",
)
_KEY_FIELD = Diagnosis(
    MISCONFIGURED,
    Category.MAPPINGS,
    "The unique field that holds the other CRM's record id is missing or not usable as a key.",
    "Run the setup for this connection, or create the field as unique external id.",
    suspends=True,
)
_DUPLICATE_RULE = Diagnosis(
    REJECTED,
    Category.DUPLICATES,
    "A duplicate rule of the CRM found a similar record.",
    "Link or merge the records, or let the rule pass writes of the integration user.",
)
_DUPLICATE_KEY = Diagnosis(
    RESOLVE,
    Category.DUPLICATES,
    "Another record already holds this unique value.",
    "The record that holds it is looked up. If the error stays, free the value or merge the records.",
)
_SEVERAL_MATCHES = Diagnosis(
    REJECTED,
    Category.DUPLICATES,
    "More than one record holds this key.",
    "Merge the records, or clear the key on all but one.",
)
_GONE = Diagnosis(
    RESOLVE,
    Category.DELETED_OR_MERGED,
    "The record was deleted, or merged into another one.",
    "The record is read again. Restore it in the CRM, or resync the contact.",
)
_CONVERTED = Diagnosis(
    RESOLVE,
    Category.CONVERTED_LEAD,
    "The lead was converted and cannot be changed any more.",
    "The contact that it became is linked instead.",
)
_SAVE_RULE = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A validation rule of the CRM refused the record; the message is the rule's own.",
    "Correct the values that the message names, or exempt the integration user from the rule.",
)
_OWN_RULE = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A validation rule of Salesforce would refuse the record; the message is the rule's own.",
    "Correct the values that the message names. It syncs by itself when the rule is met.",
)
_AUTOMATION = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "A trigger or flow of the CRM failed while saving the record.",
    "Have the CRM's admin correct the trigger or flow that the message names, then resync.",
)
_VALUE = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value has a form that the field does not take.",
    "Correct the value in the other CRM, or change the mapping.",
    heals=False,
)
_INCONSISTENT = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value does not go with another one: a state with its country, a date with its range, a lookup.",
    "Correct the pair of values in the other CRM, or map both fields.",
)
_LOOKUP_FILTER = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A lookup field does not accept the record that the value names: its filter is not met.",
    "Choose another record, or have the CRM's admin change the lookup's filter.",
)
_TOO_LONG = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value is longer than the field.",
    "Shorten the value, or make the field longer.",
    heals=False,
)
_OPTION = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A value is not among the options of the field.",
    "Add the option in the CRM, or choose a listed one.",
)
_REQUIRED = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "A field that the CRM requires is empty.",
    "Fill the field, map it, or give the mapping a default.",
)
_CHANGED_BACK = Diagnosis(
    REJECTED,
    Category.CUSTOM_CODE,
    "Something in the CRM changes the value back after each write.",
    "Find the workflow or flow there that sets the field, or let the mapping always use that CRM.",
    heals=False,
)
_E_MAIL = Diagnosis(
    REJECTED,
    Category.PROPERTY_VALUES,
    "The e-mail address is not valid for this CRM.",
    "Correct the address.",
    heals=False,
)
_BAD_ID = Diagnosis(
    REJECTED,
    Category.ASSOCIATIONS,
    "A reference holds an id of the wrong object or form.",
    "Correct or clear the reference.",
    heals=False,
)
_SOON = Diagnosis(
    THROTTLED,
    Category.API_LIMIT,
    "The CRM's call limit for a short time is used up.",
    "Nothing: calls go on after a pause.",
    wait_ms=10 * _SECOND,
)
_TODAY = Diagnosis(
    THROTTLED,
    Category.API_LIMIT,
    "The CRM's call limit for the day is used up.",
    "Raise the limit, or lower what other programs use. Calls go on when the CRM allows.",
    wait_ms=15 * _MINUTE,
)
_STORAGE = Diagnosis(
    MISCONFIGURED,
    Category.OTHER,
    "The CRM's storage is full.",
    "Free or buy storage, then clear the suspension.",
    suspends=True,
)
_POLICY = Diagnosis(
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
_PENDING = Diagnosis(
    RESOLVE,
    Category.OTHER,
    "The CRM's answer does not mention the record.",
    "Nothing: the record is read, then decided again.",
)

_MEANWHILE = Diagnosis(
    RESOLVE,
    Category.OTHER,
    "Somebody changed the record in the CRM at the same moment.",
    "Nothing: the record is read, then decided again.",
)

# The nested texts of triggers and flows come first: what is inside says more than what is around.
_NESTED = "UNABLE_TO_LOCK_ROW|unable to obtain exclusive access|CPU time limit"
_SALESFORCE = (
    Pattern("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", _NESTED, _LOCKED),
    Pattern("CANNOT_EXECUTE_FLOW_TRIGGER", _NESTED, _LOCKED),
    Pattern("FIELD_CUSTOM_VALIDATION_EXCEPTION", _NESTED, _LOCKED),
    Pattern("REQUEST_LIMIT_EXCEEDED", "Concurrent", _SOON),
    Pattern("NOT_FOUND", "external ID field", _KEY_FIELD),
    Pattern("INVALID_FIELD", "external ID|foreign key", _KEY_FIELD),
)
_HUBSPOT = (
    Pattern("VALIDATION_ERROR", "by non-unique|is not a unique property", _KEY_FIELD),
    Pattern("VALIDATION_ERROR", "does not exist", _UNMAPPED),
    Pattern("VALIDATION_ERROR", "read.only", _FIELD_RIGHT),
)

_SALESFORCE_CODES = {
    _LOCKED: "UNABLE_TO_LOCK_ROW",
    _APPROVAL: "ENTITY_IS_LOCKED",
    OUTAGE: "SERVER_UNAVAILABLE UNKNOWN_EXCEPTION QUERY_TIMEOUT FAILED_WRITE INVALID_QUERY_LOCATOR "
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED",
    _LOGIN: "INVALID_SESSION_ID INVALID_LOGIN INVALID_AUTH_HEADER invalid_grant invalid_client "
    "invalid_client_id invalid_app_access inactive_user inactive_org",
    _NO_API: "API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED FUNCTIONALITY_NOT_ENABLED",
    _OBJECT_RIGHT: "INVALID_TYPE",
    _FIELD_RIGHT: "INVALID_FIELD_FOR_INSERT_UPDATE",
    _RECORD_RIGHT: "INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS",
    _REFERENCE_RIGHT: "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    _OWNER: "TRANSFER_REQUIRES_READ INACTIVE_OWNER_OR_USER",
    _POLICY: "TXN_SECURITY_NO_ACCESS",
    _UNMAPPED: "INVALID_FIELD MALFORMED_QUERY",
    _DUPLICATE_RULE: "DUPLICATES_DETECTED",
    _DUPLICATE_KEY: "DUPLICATE_VALUE",
    _SEVERAL_MATCHES: "DUPLICATE_EXTERNAL_ID http_300",
    _GONE: "ENTITY_IS_DELETED NOT_FOUND INVALID_CROSS_REFERENCE_KEY",
    _CONVERTED: "CANNOT_UPDATE_CONVERTED_LEAD",
    _SAVE_RULE: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    _AUTOMATION: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER APEX_ERROR",
    _VALUE: "NUMBER_OUTSIDE_VALID_RANGE INVALID_TYPE_ON_FIELD_IN_RECORD JSON_PARSER_ERROR",
    _INCONSISTENT: "FIELD_INTEGRITY_EXCEPTION",
    _LOOKUP_FILTER: "FIELD_FILTER_VALIDATION_EXCEPTION",
    _TOO_LONG: "STRING_TOO_LONG",
    _OPTION: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    _REQUIRED: "REQUIRED_FIELD_MISSING",
    _E_MAIL: "INVALID_EMAIL_ADDRESS",
    _BAD_ID: "MALFORMED_ID",
    _TODAY: "REQUEST_LIMIT_EXCEEDED",
    _STORAGE: "STORAGE_LIMIT_EXCEEDED",
}
_HUBSPOT_CODES = {
    OUTAGE: "INTERNAL_ERROR",
    _LOCKED: "http_423",
    _LOGIN: "INVALID_AUTHENTICATION EXPIRED_AUTHENTICATION BAD_REFRESH_TOKEN invalid_grant",
    _SCOPES: "MISSING_SCOPES",
    _UNMAPPED: "PROPERTY_DOESNT_EXIST",
    _FIELD_RIGHT: "READ_ONLY_VALUE",
    _DUPLICATE_KEY: "CONFLICT CONFLICTING_UNIQUE_VALUE",
    _GONE: "OBJECT_NOT_FOUND",
    _VALUE: "INVALID_INTEGER INVALID_LONG INVALID_DATE INVALID_NUMBER INVALID_BOOLEAN VALIDATION_ERROR",
    _OPTION: "INVALID_OPTION",
    _E_MAIL: "INVALID_EMAIL",
    _REQUIRED: "REQUIRED_FIELD",
    _SOON._replace(wait_ms=_SECOND): "SECONDLY",
    _SOON: "TEN_SECONDLY_ROLLING RATE_LIMIT RATE_LIMITS http_477",
    _TODAY: "DAILY",
}
_OUR_CODES = {
    OUTAGE: "not_sent lease_lost login_unavailable no_server_time http_501 http_503 http_521 http_523",
    NO_ANSWER: "timeout connection_lost unreadable_answer claim_expired deliverer_lost http_408 http_500 "
    "http_502 http_504 http_520 http_522 http_524",
    _LOGIN: "http_401",
    _NO_API: "http_403",
    _GONE: "http_404 http_410",
    _MEANWHILE: "http_412",
    _DUPLICATE_KEY: "http_409",
    _SOON: "http_429 allowance",
    _TODAY: "daily_budget",
    _PENDING: "row_missing",
    _VALUE: "validation unconvertible",
    _UNMATCHED_OWNER: "owner_unmatched",
    _REQUIRED: "required",
    _CHANGED_BACK: "ping_pong",
    _OWN_RULE: "validation_rule",
}


def _by_code(table: dict[Diagnosis, str]) -> dict[str, Diagnosis]:
    return {code: diagnosis for diagnosis, codes in table.items() for code in codes.split()}


CATALOGUE: dict[Crm, dict[str, Diagnosis]] = {
    Crm.HUBSPOT: _by_code(_OUR_CODES) | _by_code(_HUBSPOT_CODES),
    Crm.SALESFORCE: _by_code(_OUR_CODES) | _by_code(_SALESFORCE_CODES),
}
"""Every code we know, by CRM."""

PATTERNS = {Crm.HUBSPOT: _HUBSPOT, Crm.SALESFORCE: _SALESFORCE}
"""Codes whose meaning depends on the message; the first that fits counts, before `CATALOGUE`."""
