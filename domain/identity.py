"""The names of things: which CRM, which record, which contact.

A *record* lives in one CRM and is named by (CRM, object, id). A *contact* (an
entity of any kind) is the set of records, at most one linked pair among them,
that stand for one person in both CRMs.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NewType

import msgspec

EntityId = NewType("EntityId", str)
"""Names a contact for ever: the key of the first record that was seen of it."""

FieldValue = str | None
"""A field's value in its CRM's canonical text form; ``None`` means blank.

Text as it is (never empty), numbers as plain decimals, booleans as ``true`` and
``false``, dates as ``YYYY-MM-DD``, datetimes as ``YYYY-MM-DDTHH:MM:SS.mmmZ``,
multi-selects joined by ``;``. A field that is *absent* from a mapping of values
is unknown: nobody has read it.
"""

Fields = dict[str, FieldValue]


class Crm(StrEnum):
    """One of the two sides."""

    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"

    @property
    def other(self) -> "Crm":
        return SALESFORCE if self is HUBSPOT else HUBSPOT


CRMS = HUBSPOT, SALESFORCE = tuple(Crm)
"""Both sides in their order: HubSpot counts first. Python 3.11 takes long to find a member of an enum."""


class RecordRef(msgspec.Struct, frozen=True, gc=False):
    """A record of one CRM; ``object`` is the API's own name (``contacts``, ``Lead``)."""

    crm: Crm
    object: str
    id: str
    key: str = ""  #: one word for tables: ``hubspot/contacts/51234``

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "key", record_key(self.crm, self.object, self.id))

    @classmethod
    def parse(cls, key: str) -> "RecordRef":
        """Read a key back. Raises ValueError on anything that is not a key."""
        return record_ref(key)


def record_key(crm: Crm, object_name: str, record_id: str) -> str:
    """Name a record for tables. Joining is far quicker than formatting an enum."""
    return "/".join((crm, object_name, record_id))  # noqa: FLY002 - see above


@lru_cache(maxsize=2**17)
def record_ref(key: str) -> RecordRef:
    """Read a record's key back. Raises ValueError on anything that is not a key."""
    crm, object_name, record_id = key.split("/", 2)
    return RecordRef(Crm(crm), object_name, record_id)


def email_key(address: str) -> str:
    """Fold an e-mail address for comparison: surrounding space and letter case do not count."""
    return address.strip().lower()
