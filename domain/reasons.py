"""Why a decision ended as it did, and what an open one is waiting for.

These are the closed lists that every interface shows. The value is the code that travels in metrics and
JSON; the texts are for people.
"""

from enum import StrEnum


class Reason(StrEnum):
    """How a decision was closed."""

    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    ALREADY_IN_SYNC = "already_in_sync"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    NO_EMAIL = "no_email"
    NOT_IN_INCLUSION_LIST = "not_in_inclusion_list"
    SALESFORCE_FILTER = "salesforce_filter"
    VALIDATION = "validation"
    VALIDATION_RULE = "validation_rule"
    REJECTED = "rejected"
    PING_PONG = "ping_pong"
    CREATION_OFF = "creation_off"
    RECORD_DELETED = "record_deleted"
    GUARD = "guard"
    SHADOW = "shadow"
    FIELD_HELD = "field_held"
    ERASED = "erased"
    ENGINE_FAULT = "engine_fault"
    EXHAUSTED = "exhausted"
    NOT_CONFIGURED = "not_configured"


UNCONVERTIBLE = "unconvertible"
"""The code of a value that the other side's type cannot hold."""

OWNER_UNMATCHED = "owner_unmatched"
"""The code of an owner for whom nobody stands on the other side."""

REQUIRED = "required"
"""The code of a field that a new record must have and would not."""

ABSENT = "field_absent"
"""The code of a field that the target does not have, or does not show us."""

OWN_RULES = frozenset({Reason.VALIDATION.value, UNCONVERTIBLE, OWNER_UNMATCHED, REQUIRED, ABSENT})
"""Codes of values that we hold back before any CRM sees them."""


class Wait(StrEnum):
    """What an open decision is waiting for."""

    BASELINE = "baseline"
    READ = "awaiting_read"
    LOOK_UP = "awaiting_look_up"
    MEMBERSHIP = "awaiting_membership"
    DELIVERY = "awaiting_delivery"


TEXT: dict[Reason, str] = {
    Reason.DELIVERED: "The change was written to the other CRM.",
    Reason.PARTLY_DELIVERED: "Part of the change was written; the rest is held back and listed.",
    Reason.ALREADY_IN_SYNC: "Both CRMs already hold what the sync rules ask for.",
    Reason.SUPERSEDED: "A newer change of the same contact took this one along.",
    Reason.WITHDRAWN: "What was to be written is no longer wanted.",
    Reason.NO_EMAIL: "The contact has no e-mail address.",
    Reason.NOT_IN_INCLUSION_LIST: "The contact is not on the inclusion list.",
    Reason.SALESFORCE_FILTER: "The Salesforce record does not pass the filter of limit_sync.",
    Reason.VALIDATION: "A value would be refused by the target's own field rules.",
    Reason.VALIDATION_RULE: "A validation rule of Salesforce would refuse the record.",
    Reason.REJECTED: "The target CRM refused the write.",
    Reason.PING_PONG: "The target keeps changing this value back; it was held after three attempts.",
    Reason.CREATION_OFF: "Creating the missing record is switched off in the configuration.",
    Reason.RECORD_DELETED: "The linked record was deleted.",
    Reason.GUARD: "A guard's hourly limit was reached; a person must release it.",
    Reason.SHADOW: "It would have been written; in shadow mode nothing is.",
    Reason.FIELD_HELD: "Every changed field is held back because the target refused its value.",
    Reason.ERASED: "The person was erased for privacy.",
    Reason.ENGINE_FAULT: "An event of this contact could not be handled; it is parked.",
    Reason.EXHAUSTED: "The write was tried too often without success.",
    Reason.NOT_CONFIGURED: "No configuration covers this kind of record.",
}

WAIT_TEXT: dict[Wait, str] = {
    Wait.BASELINE: "Both CRMs are still being read for the first time.",
    Wait.READ: "A record is being read from its CRM.",
    Wait.LOOK_UP: "The other CRM is being searched for this person before creating a record.",
    Wait.MEMBERSHIP: "HubSpot is being asked whether the contact is on the inclusion list.",
    Wait.DELIVERY: "A write is queued or on its way.",
}
