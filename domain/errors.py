"""The errors that a CRM call can raise, and the one way from an answer to its meaning."""

import re

from domain.diagnoses import NO_ANSWER, OTHER, Category, Diagnosis
from domain.error_codes import CATALOGUE, PATTERNS
from domain.identity import Crm
from domain.outcomes import OutcomeClass

__all__ = [
    "Category",
    "Diagnosis",
    "Misconfigured",
    "Rejected",
    "SyncError",
    "Throttled",
    "Transient",
    "classify",
    "error_for",
]


class SyncError(Exception):
    """A call that brought no result. Its text names the code only: messages may hold a person's values."""

    def __init__(self, code: str, message: str = "", *, wait_ms: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message  #: the CRM's words, never for logs
        self.wait_ms = wait_ms  #: how long to wait first; None leaves it to the retry schedule
        self.crm: Crm | None = None  #: which was called; None where that is not known


class Transient(SyncError):  # noqa: N818 - named after its outcome class
    """A bad moment of the CRM or the network: the same call may work later."""


class Throttled(SyncError):  # noqa: N818 - named after its outcome class
    """The allowance is used up, by the CRM's count or by ours."""


class Rejected(SyncError):  # noqa: N818 - named after its outcome class
    """The CRM understood the call and refuses it."""


class Misconfigured(SyncError):  # noqa: N818 - named after its outcome class
    """An operator must act before the same call can work."""


REFUSED_UNPROCESSED = frozenset({501, 503, 521, 523})
"""Server errors that are answered before any processing: maintenance, overload, no server behind the edge.

After every other one, and after 408, a write may have been committed: somebody behind the sender may have
done the work. Should a 503 lie, the repeat is an upsert or an update by id: it cannot make a second record.
"""

_REQUEST_TIMEOUT = 408
_SERVER_ERROR = 500


def may_have_committed(status: int) -> bool:
    """Tell whether a write may have happened although this status was answered."""
    return status == _REQUEST_TIMEOUT or (status >= _SERVER_ERROR and status not in REFUSED_UNPROCESSED)


def classify(crm: Crm, status: int | None, code: str, message: str) -> Diagnosis:
    """Say what an answer means. ``status`` None: a row's own error, or an outcome that is explained later."""
    if status is not None and may_have_committed(status):
        return NO_ANSWER
    for pattern in PATTERNS[crm]:
        if pattern.code == code and re.search(pattern.words, message, re.IGNORECASE):
            return pattern.diagnosis
    known = CATALOGUE[crm]
    return known.get(code) or known.get(f"http_{status}") or OTHER


def error_for(diagnosis: Diagnosis, code: str, message: str, *, wait_ms: int | None = None) -> SyncError:
    """The error to raise from a call that reads: nothing was written, so no outcome is unknown."""
    wait = wait_ms or diagnosis.wait_ms
    match diagnosis.outcome:
        case OutcomeClass.THROTTLED:
            return Throttled(code, message, wait_ms=wait)
        case OutcomeClass.MISCONFIGURED:
            return Misconfigured(code, message, wait_ms=wait)
        case OutcomeClass.TRANSIENT | OutcomeClass.UNKNOWN:
            return Transient(code, message, wait_ms=wait)
        case _:
            return Rejected(code, message, wait_ms=wait)
