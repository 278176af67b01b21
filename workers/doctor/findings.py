"""What a check says."""

from enum import StrEnum
from typing import NamedTuple

from domain.diagnoses import OUTAGE, UNREADABLE
from domain.errors import SyncError, Throttled, Transient, classify
from domain.identity import Crm

NAMES = {Crm.HUBSPOT: "HubSpot", Crm.SALESFORCE: "Salesforce"}


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One thing looked at."""

    health: Health
    what: str
    remedy: str = ""  #: empty if it is ok


def refused(crm: Crm, what: str, error: SyncError) -> Finding:
    """An error of a CRM as a finding, with the remedy of the error catalogue."""
    diagnosis = classify(crm, None, error.code, error.message)
    if diagnosis is UNREADABLE:
        return Finding(Health.FAIL, f"{what}: {diagnosis.cause} ({error.message})", diagnosis.remedy)
    health = Health.WARN if isinstance(error, Transient | Throttled) else Health.FAIL
    remedy = OUTAGE.remedy if isinstance(error, Transient) else diagnosis.remedy
    return Finding(health, f"{what}: {diagnosis.cause} ({error.code})", remedy)
