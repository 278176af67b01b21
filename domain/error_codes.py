"""The catalogue of CRM error codes: what each means for the machine and for a person.

Codes are the CRMs' own; what has none gets one of ours, in lower case: ``http_503``, ``timeout``,
``row_missing``. Sources: HubSpot's "Error handling" and "Usage guidelines" pages; Salesforce's "Status
Codes and Error Responses" and "Core Data Types Used in API Calls" (StatusCode) pages.
"""

from typing import NamedTuple

from domain import diagnoses as d
from domain.identity import Crm


class Pattern(NamedTuple):
    """A catalogue line's key: the code, and words that its message must contain (a regular expression)."""

    code: str
    words: str
    diagnosis: d.Diagnosis


# The nested texts of triggers and flows come first: what is inside says more than what is around.
_NESTED = "UNABLE_TO_LOCK_ROW|unable to obtain exclusive access|CPU time limit"
_SALESFORCE = (
    Pattern("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", _NESTED, d.LOCKED),
    Pattern("CANNOT_EXECUTE_FLOW_TRIGGER", _NESTED, d.LOCKED),
    Pattern("FIELD_CUSTOM_VALIDATION_EXCEPTION", _NESTED, d.LOCKED),
    Pattern("REQUEST_LIMIT_EXCEEDED", "Concurrent", d.SOON),
    Pattern("NOT_FOUND", "external ID field", d.KEY_FIELD),
    Pattern("INVALID_FIELD", "external ID|foreign key", d.KEY_FIELD),
)
_HUBSPOT = (
    Pattern("VALIDATION_ERROR", "by non-unique|is not a unique property", d.KEY_FIELD),
    Pattern("VALIDATION_ERROR", "does not exist", d.UNMAPPED),
    Pattern("VALIDATION_ERROR", "read.only", d.FIELD_RIGHT),
)

_SALESFORCE_CODES = {
    d.LOCKED: "UNABLE_TO_LOCK_ROW",
    d.APPROVAL: "ENTITY_IS_LOCKED",
    d.OUTAGE: "SERVER_UNAVAILABLE UNKNOWN_EXCEPTION QUERY_TIMEOUT FAILED_WRITE INVALID_QUERY_LOCATOR "
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED",
    d.LOGIN: "INVALID_SESSION_ID INVALID_LOGIN INVALID_AUTH_HEADER invalid_grant invalid_client "
    "invalid_client_id invalid_app_access inactive_user inactive_org",
    d.NO_API: "API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED FUNCTIONALITY_NOT_ENABLED",
    d.OBJECT_RIGHT: "INVALID_TYPE",
    d.FIELD_RIGHT: "INVALID_FIELD_FOR_INSERT_UPDATE",
    d.RECORD_RIGHT: "INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS",
    d.REFERENCE_RIGHT: "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    d.OWNER: "TRANSFER_REQUIRES_READ INACTIVE_OWNER_OR_USER",
    d.POLICY: "TXN_SECURITY_NO_ACCESS",
    d.UNMAPPED: "INVALID_FIELD MALFORMED_QUERY",
    d.DUPLICATE_RULE: "DUPLICATES_DETECTED",
    d.DUPLICATE_KEY: "DUPLICATE_VALUE",
    d.SEVERAL_MATCHES: "DUPLICATE_EXTERNAL_ID http_300",
    d.GONE: "ENTITY_IS_DELETED NOT_FOUND INVALID_CROSS_REFERENCE_KEY",
    d.CONVERTED: "CANNOT_UPDATE_CONVERTED_LEAD",
    d.SAVE_RULE: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    d.AUTOMATION: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER APEX_ERROR",
    d.VALUE: "NUMBER_OUTSIDE_VALID_RANGE INVALID_TYPE_ON_FIELD_IN_RECORD JSON_PARSER_ERROR",
    d.INCONSISTENT: "FIELD_INTEGRITY_EXCEPTION",
    d.LOOKUP_FILTER: "FIELD_FILTER_VALIDATION_EXCEPTION",
    d.TOO_LONG: "STRING_TOO_LONG",
    d.OPTION: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    d.REQUIRED: "REQUIRED_FIELD_MISSING",
    d.E_MAIL: "INVALID_EMAIL_ADDRESS",
    d.BAD_ID: "MALFORMED_ID",
    d.TODAY: "REQUEST_LIMIT_EXCEEDED",
    d.STORAGE: "STORAGE_LIMIT_EXCEEDED",
}
_HUBSPOT_CODES = {
    d.OUTAGE: "INTERNAL_ERROR",
    d.LOCKED: "http_423",
    d.LOGIN: "INVALID_AUTHENTICATION EXPIRED_AUTHENTICATION BAD_REFRESH_TOKEN invalid_grant",
    d.SCOPES: "MISSING_SCOPES",
    d.OPT_OUT_SCOPE: "opt_out_scope",
    d.UNMAPPED: "PROPERTY_DOESNT_EXIST",
    d.FIELD_RIGHT: "READ_ONLY_VALUE",
    d.DUPLICATE_KEY: "CONFLICT CONFLICTING_UNIQUE_VALUE",
    d.GONE: "OBJECT_NOT_FOUND",
    d.VALUE: "INVALID_INTEGER INVALID_LONG INVALID_DATE INVALID_NUMBER INVALID_BOOLEAN VALIDATION_ERROR",
    d.OPTION: "INVALID_OPTION",
    d.E_MAIL: "INVALID_EMAIL",
    d.REQUIRED: "REQUIRED_FIELD",
    d.VERY_SOON: "SECONDLY",
    d.SOON: "TEN_SECONDLY_ROLLING RATE_LIMIT RATE_LIMITS http_477",
    d.TODAY: "DAILY",
}
_OUR_CODES = {
    d.OUTAGE: "not_sent lease_lost login_unavailable no_server_time http_501 http_503 http_521 http_523",
    d.UNREADABLE: "unreadable_answer",
    d.NO_ANSWER: "timeout connection_lost claim_expired deliverer_lost http_408 http_500 "
    "http_502 http_504 http_520 http_522 http_524",
    d.LOGIN: "http_401",
    d.NO_API: "http_403",
    d.GONE: "http_404 http_410",
    d.MEANWHILE: "http_412",
    d.DUPLICATE_KEY: "http_409",
    d.SOON: "http_429 allowance",
    d.TODAY: "daily_budget",
    d.PENDING: "row_missing",
    d.VALUE: "validation unconvertible",
    d.UNMATCHED_OWNER: "owner_unmatched",
    d.REQUIRED: "required",
    d.UNMAPPED: "field_absent",
    d.CHANGED_BACK: "ping_pong",
    d.OWN_RULE: "validation_rule",
}


def _by_code(table: dict[d.Diagnosis, str]) -> dict[str, d.Diagnosis]:
    return {code: diagnosis for diagnosis, codes in table.items() for code in codes.split()}


CATALOGUE: dict[Crm, dict[str, d.Diagnosis]] = {
    Crm.HUBSPOT: _by_code(_OUR_CODES) | _by_code(_HUBSPOT_CODES),
    Crm.SALESFORCE: _by_code(_OUR_CODES) | _by_code(_SALESFORCE_CODES),
}
"""Every code we know, by CRM."""

PATTERNS = {Crm.HUBSPOT: _HUBSPOT, Crm.SALESFORCE: _SALESFORCE}
"""Codes whose meaning depends on the message; the first that fits counts, before `CATALOGUE`."""
