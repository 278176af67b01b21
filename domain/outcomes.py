"""What became of a write: every answer of a CRM, and the lack of one, falls into one class."""

from enum import StrEnum

import msgspec

from domain.identity import Fields


class OutcomeClass(StrEnum):
    """Says what may happen next with the write; nothing else does."""

    DELIVERED = "delivered"  #: stored by the CRM
    TRANSIENT = "transient"  #: the CRM had a bad moment: again, with backoff
    THROTTLED = "throttled"  #: the target waits; nothing is held against the record
    RESOLVE = "resolve"  #: the answer names another record, or none: read or re-link, then decide again
    REJECTED = "rejected"  #: the data is wrong for this CRM: a sync error, then a dead letter
    MISCONFIGURED = "misconfigured"  #: an operator must act; the target is suspended unless fields are blamed
    UNKNOWN = "unknown"  #: no answer: the write may or may not have happened; read before anything else


class Outcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row's answer. Empty defaults mean that the answer did not say."""

    outcome: OutcomeClass
    record_id: str | None = None  #: the record that was written, as the CRM now names it
    created: bool = False
    stored: Fields | None = None  #: values the CRM says it holds now, where its answer carries them
    stamp: int | None = None  #: the record's modified stamp after the write, epoch ms
    code: str = ""  #: the CRM's own error code, or ours for what has none (``timeout``, ``row_missing``)
    message: str = ""  #: the CRM's words; may hold a person's values, so never for logs
    fields: tuple[str, ...] = ()  #: the fields the CRM blames, API names
    other_id: str | None = None  #: the record that the answer points to instead (already exists, merged)
    other_object: str | None = None  #: its object where it differs from the one written to
    wait_ms: int | None = None  #: how long the CRM asked us to wait

    @property
    def suspends(self) -> bool:
        """Whether nothing more is sent to the CRM until an operator has acted."""
        return self.outcome is OutcomeClass.MISCONFIGURED and not self.fields
