"""What the CRMs' error codes mean, for the machine and for a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.diagnoses import Diagnosis
from domain.error_codes import CATALOGUE, PATTERNS
from domain.errors import (
    Category,
    Misconfigured,
    Rejected,
    SyncError,
    Throttled,
    Transient,
    classify,
    error_for,
    may_have_committed,
)
from domain.identity import Crm
from domain.outcomes import OutcomeClass

SF, HS = Crm.SALESFORCE, Crm.HUBSPOT
LOCK = "unable to obtain exclusive access to this record or 1 records: 0015e00000XyZ"

CLASSES = [
    (SF, "INVALID_SESSION_ID", "Session expired or invalid", "misconfigured", "Authentication"),
    (SF, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "throttled", "API limit"),
    (SF, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", "throttled", "API limit"),
    (SF, "UNABLE_TO_LOCK_ROW", LOCK, "transient", "Record locked"),
    (SF, "ENTITY_IS_LOCKED", "", "transient", "Record locked"),
    (SF, "SERVER_UNAVAILABLE", "", "transient", "Outage"),
    (SF, "DUPLICATES_DETECTED", "Use one of these records?", "rejected", "Duplicates"),
    (SF, "DUPLICATE_VALUE", "duplicate value found", "resolve", "Duplicates"),
    (SF, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Give a phone.", "rejected", "Custom code"),
    (SF, "FIELD_CUSTOM_VALIDATION_EXCEPTION", f"addError: {LOCK}", "transient", "Record locked"),
    (SF, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: execution of BeforeInsert", "rejected", "Custom code"),
    (SF, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "UNABLE_TO_LOCK_ROW, x", "transient", "Record locked"),
    (
        SF,
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "Apex CPU time limit exceeded",
        "transient",
        "Record locked",
    ),
    (SF, "CANNOT_EXECUTE_FLOW_TRIGGER", "the process failed", "rejected", "Custom code"),
    (SF, "REQUIRED_FIELD_MISSING", "", "rejected", "Property values"),
    (SF, "STRING_TOO_LONG", "", "rejected", "Property values"),
    (SF, "INVALID_EMAIL_ADDRESS", "", "rejected", "Property values"),
    (SF, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "", "rejected", "Property values"),
    (SF, "INVALID_FIELD_FOR_INSERT_UPDATE", "", "misconfigured", "Permissions"),
    (SF, "INVALID_FIELD", "No such column 'X__c' on entity 'Contact'", "misconfigured", "Mappings"),
    (SF, "INVALID_TYPE", "", "misconfigured", "Permissions"),
    (SF, "ENTITY_IS_DELETED", "entity is deleted", "resolve", "Deleted or merged"),
    (SF, "NOT_FOUND", "The requested resource does not exist", "resolve", "Deleted or merged"),
    (SF, "NOT_FOUND", "Provided external ID field does not exist: X", "misconfigured", "Mappings"),
    (SF, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "resolve", "Deleted or merged"),
    (SF, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", "resolve", "Converted lead"),
    (SF, "INSUFFICIENT_ACCESS_OR_READONLY", "", "rejected", "Permissions"),
    (SF, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "", "rejected", "Permissions"),
    (SF, "STORAGE_LIMIT_EXCEEDED", "", "misconfigured", "Other"),
    (SF, "API_DISABLED_FOR_ORG", "", "misconfigured", "Authentication"),
    (SF, "invalid_grant", "inactive user", "misconfigured", "Authentication"),
    (SF, "MALFORMED_ID", "", "rejected", "Associations"),
    (SF, "A_CODE_OF_NEXT_YEAR", "", "rejected", "Other"),
    (HS, "CONFLICT", "Contact already exists. Existing ID: 51234", "resolve", "Duplicates"),
    (HS, "CONFLICTING_UNIQUE_VALUE", "", "resolve", "Duplicates"),
    (HS, "OBJECT_NOT_FOUND", "", "resolve", "Deleted or merged"),
    (HS, "PROPERTY_DOESNT_EXIST", "", "misconfigured", "Mappings"),
    (HS, "READ_ONLY_VALUE", "", "misconfigured", "Permissions"),
    (HS, "INVALID_EMAIL", "", "rejected", "Property values"),
    (HS, "INVALID_OPTION", "", "rejected", "Property values"),
    (HS, "VALIDATION_ERROR", "something else", "rejected", "Property values"),
    (HS, "VALIDATION_ERROR", "Unable to perform upsert by non-unique x", "misconfigured", "Mappings"),
    (HS, "MISSING_SCOPES", "", "misconfigured", "Permissions"),
    (HS, "EXPIRED_AUTHENTICATION", "", "misconfigured", "Authentication"),
    (HS, "TEN_SECONDLY_ROLLING", "", "throttled", "API limit"),
    (HS, "DAILY", "", "throttled", "API limit"),
    (HS, "row_missing", "", "resolve", "Other"),
    (HS, "timeout", "", "unknown", "Outage"),
    (HS, "not_sent", "", "transient", "Outage"),
]


BY_CODE_ALONE = [
    ("both", "not_sent lease_lost login_unavailable no_server_time", "transient", "Outage"),
    ("both", "http_501 http_503 http_521 http_523", "transient", "Outage"),
    ("both", "timeout connection_lost unreadable_answer claim_expired deliverer_lost", "unknown", "Outage"),
    ("both", "http_408 http_500 http_502 http_504 http_520 http_522 http_524", "unknown", "Outage"),
    ("both", "http_401 http_403", "misconfigured", "Authentication"),
    ("both", "http_404 http_410", "resolve", "Deleted or merged"),
    ("both", "http_409", "resolve", "Duplicates"),
    ("both", "http_412 row_missing", "resolve", "Other"),
    ("both", "http_429 allowance daily_budget", "throttled", "API limit"),
    ("both", "validation unconvertible required", "rejected", "Property values"),
    ("both", "field_absent", "misconfigured", "Mappings"),
    ("both", "ping_pong validation_rule", "rejected", "Custom code"),
    ("both", "owner_unmatched", "rejected", "Property values"),
    (HS, "INTERNAL_ERROR", "transient", "Outage"),
    (HS, "http_423", "transient", "Record locked"),
    (HS, "INVALID_AUTHENTICATION BAD_REFRESH_TOKEN invalid_grant", "misconfigured", "Authentication"),
    (
        HS,
        "INVALID_INTEGER INVALID_LONG INVALID_DATE INVALID_NUMBER INVALID_BOOLEAN REQUIRED_FIELD",
        "rejected",
        "Property values",
    ),
    (HS, "SECONDLY RATE_LIMIT RATE_LIMITS http_477", "throttled", "API limit"),
    (
        SF,
        (
            "UNKNOWN_EXCEPTION QUERY_TIMEOUT FAILED_WRITE ALL_OR_NONE_OPERATION_ROLLED_BACK "
            "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE PROCESSING_HALTED INVALID_QUERY_LOCATOR"
        ),
        "transient",
        "Outage",
    ),
    (
        SF,
        (
            "INVALID_LOGIN INVALID_AUTH_HEADER invalid_client invalid_client_id invalid_app_access "
            "inactive_user inactive_org API_CURRENTLY_DISABLED FUNCTIONALITY_NOT_ENABLED"
        ),
        "misconfigured",
        "Authentication",
    ),
    (
        SF,
        "INSUFFICIENT_ACCESS TRANSFER_REQUIRES_READ INACTIVE_OWNER_OR_USER TXN_SECURITY_NO_ACCESS",
        "rejected",
        "Permissions",
    ),
    (HS, "opt_out_scope", "rejected", "Permissions"),
    (SF, "MALFORMED_QUERY", "misconfigured", "Mappings"),
    (SF, "DUPLICATE_EXTERNAL_ID http_300", "rejected", "Duplicates"),
    (SF, "APEX_ERROR", "rejected", "Custom code"),
    (
        SF,
        (
            "NUMBER_OUTSIDE_VALID_RANGE INVALID_TYPE_ON_FIELD_IN_RECORD JSON_PARSER_ERROR "
            "FIELD_INTEGRITY_EXCEPTION FIELD_FILTER_VALIDATION_EXCEPTION"
        ),
        "rejected",
        "Property values",
    ),
]
CLASSES += [
    (crm, code, "", outcome, category)
    for side, codes, outcome, category in BY_CODE_ALONE
    for crm in (Crm if side == "both" else [Crm(side)])
    for code in codes.split()
]


def test_every_code_of_the_catalogue_has_its_case() -> None:
    known = {(crm, code) for crm, codes in CATALOGUE.items() for code in codes}

    assert known <= {(crm, code) for crm, code, *_ in CLASSES}


@pytest.mark.rule(130)
@pytest.mark.parametrize(
    ("crm", "code"),
    [
        (SF, "API_DISABLED_FOR_ORG"),
        (SF, "API_CURRENTLY_DISABLED"),
        (SF, "INVALID_SESSION_ID"),
        (SF, "INVALID_TYPE"),
        (HS, "MISSING_SCOPES"),
        (HS, "EXPIRED_AUTHENTICATION"),
    ],
)
def test_what_an_operator_must_mend_for_all_records_suspends_the_crm(crm: Crm, code: str) -> None:
    diagnosis = classify(crm, None, code, "")

    assert diagnosis.suspends
    assert "suspension" in diagnosis.remedy


VALUES_ALONE = {
    *(
        "STRING_TOO_LONG",
        "INVALID_EMAIL_ADDRESS",
        "INVALID_EMAIL",
        "MALFORMED_ID",
        "NUMBER_OUTSIDE_VALID_RANGE",
    ),
    *("INVALID_TYPE_ON_FIELD_IN_RECORD", "JSON_PARSER_ERROR", "INVALID_INTEGER", "INVALID_LONG"),
    *("INVALID_DATE", "INVALID_NUMBER", "INVALID_BOOLEAN", "VALIDATION_ERROR"),
    *("validation", "unconvertible", "ping_pong"),
}


@pytest.mark.rule(126)
def test_only_what_another_value_alone_can_mend_does_not_heal() -> None:
    found = {code for codes in CATALOGUE.values() for code, each in codes.items() if not each.heals}

    assert found == VALUES_ALONE


@pytest.mark.parametrize(("crm", "code", "message", "outcome", "category"), CLASSES)
def test_a_code_has_a_class_and_a_heading(
    crm: Crm, code: str, message: str, outcome: str, category: str
) -> None:
    diagnosis = classify(crm, None, code, message)

    assert (diagnosis.outcome.value, diagnosis.category.value) == (outcome, category)


EVERY = [
    *(diagnosis for codes in CATALOGUE.values() for diagnosis in codes.values()),
    *(pattern.diagnosis for patterns in PATTERNS.values() for pattern in patterns),
]


@pytest.mark.parametrize("diagnosis", dict.fromkeys(EVERY), ids=lambda diagnosis: diagnosis.cause[:40])
def test_every_line_says_cause_and_remedy_in_sentences(diagnosis: Diagnosis) -> None:
    assert diagnosis.cause.endswith(".")
    assert diagnosis.remedy.endswith(".")
    assert diagnosis.outcome is not OutcomeClass.DELIVERED
    assert not diagnosis.suspends or diagnosis.outcome is OutcomeClass.MISCONFIGURED
    assert diagnosis.outcome is not OutcomeClass.THROTTLED or diagnosis.wait_ms


@pytest.mark.parametrize("status", [408, 500, 502, 504, 520, 522, 524, 599])
def test_after_these_statuses_a_write_may_have_happened_whatever_the_body_says(status: int) -> None:
    assert classify(SF, status, "UNABLE_TO_LOCK_ROW", "").outcome is OutcomeClass.UNKNOWN


@pytest.mark.parametrize("status", [503, 521, 523])
def test_these_server_errors_are_given_before_anything_is_done(status: int) -> None:
    assert not may_have_committed(status)
    assert classify(HS, status, f"http_{status}", "").outcome is OutcomeClass.TRANSIENT


def test_an_unknown_code_falls_back_on_its_status() -> None:
    assert classify(SF, 403, "A_CODE_OF_NEXT_YEAR", "").outcome is OutcomeClass.MISCONFIGURED
    assert classify(HS, 429, "", "").outcome is OutcomeClass.THROTTLED
    assert classify(HS, 400, "", "").category is Category.OTHER


@given(st.sampled_from(Crm), st.none() | st.integers(100, 999), st.text(), st.text())
def test_there_is_an_answer_to_everything(crm: Crm, status: int | None, code: str, message: str) -> None:
    assert classify(crm, status, code, message).remedy


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("timeout", Transient),
        ("UNABLE_TO_LOCK_ROW", Transient),
        ("REQUEST_LIMIT_EXCEEDED", Throttled),
        ("INVALID_SESSION_ID", Misconfigured),
        ("NOT_FOUND", Rejected),
        ("STRING_TOO_LONG", Rejected),
    ],
)
def test_a_read_raises_by_class_and_shows_the_code_only(code: str, error: type[SyncError]) -> None:
    raised = error_for(classify(SF, None, code, "ada@example.com"), code, "ada@example.com")

    assert type(raised) is error
    assert str(raised) == code
    assert "ada" not in repr(raised)


def test_the_crms_own_wait_outweighs_ours() -> None:
    diagnosis = classify(HS, 429, "TEN_SECONDLY_ROLLING", "")

    assert error_for(diagnosis, "x", "").wait_ms == 10_000
    assert error_for(diagnosis, "x", "", wait_ms=3_000).wait_ms == 3_000
