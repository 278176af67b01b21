"""What a formula may ask about beside its record: the moment, the user and the record's past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo

from domain.formula.values import ABSENT, Absence, Value, find

ORIGIN = datetime(1900, 1, 1, tzinfo=UTC)
"""``$System.OriginDateTime``. Source: Salesforce Help, "Understanding Global Variables"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of one evaluation. What is left out is unknown, never blank."""

    now: datetime | None = None  #: aware; None makes NOW, TODAY and TIMENOW unknown
    time_zone: tzinfo = UTC  #: the user's, for TODAY and DATEVALUE
    user: Mapping[str, Value] = field(default_factory=dict)  #: ``$User`` by field name
    profile: Mapping[str, Value] = field(default_factory=dict)  #: ``$Profile``
    role: Mapping[str, Value] = field(default_factory=dict)  #: ``$UserRole``
    organization: Mapping[str, Value] = field(default_factory=dict)  #: ``$Organization``
    record_type: Mapping[str, Value] = field(default_factory=dict)  #: ``$RecordType``
    permissions: frozenset[str] | None = None  #: the custom permissions the user holds; None if not read
    is_new: bool = False  #: the record is being created
    prior_values: Mapping[str, Value] = field(default_factory=dict)  #: the stored record before the change
    loaded: Mapping[str, Value] = field(
        default_factory=dict
    )  #: other globals by full name (``$Setup.X__c.Y__c``)

    def global_value(self, name: str) -> Value | Absence:
        """Find a name that starts with ``$``."""
        loaded = find(self.loaded, name)
        if loaded is not ABSENT:
            return loaded
        group, _, member = name.partition(".")
        match group.lower():
            case "$permission":
                return self._permission(member)
            case "$system":
                return ORIGIN if member.lower() == "origindatetime" else ABSENT
            case other:
                return find(self._groups().get(other, {}), member)

    def global_type(self, name: str) -> str | None:
        """Tell the describe type of a global; None where its value does not give it away.

        A blank of no known type is not guessed at: it may be a number, which counts as zero. Nor is a number,
        which may be a percentage.
        """
        if name.lower().startswith("$permission."):
            return "boolean"
        value = self.global_value(name)
        if value is None:
            return "string" if name.lower() in _STANDARD_TEXTS else None
        return next((label for sort, label in _TYPES if isinstance(value, sort)), None)

    def _permission(self, name: str) -> bool | Absence:
        if self.permissions is None:
            return ABSENT
        return name in self.permissions or name.lower() in {held.lower() for held in self.permissions}

    def _groups(self) -> dict[str, Mapping[str, Value]]:
        return {
            "$user": self.user,
            "$profile": self.profile,
            "$userrole": self.role,
            "$organization": self.organization,
            "$recordtype": self.record_type,
        }


_TYPES = ((bool, "boolean"), (str, "string"), (datetime, "datetime"), (date, "date"), (time, "time"))

_STANDARD_TEXTS = frozenset(
    name.lower()
    for name in (
        *("$User.Alias", "$User.City", "$User.CompanyName", "$User.Country", "$User.Department"),
        *("$User.Division", "$User.Email", "$User.EmployeeNumber", "$User.Extension", "$User.Fax"),
        *("$User.FederationIdentifier", "$User.FirstName", "$User.ManagerId", "$User.MobilePhone"),
        *("$User.Phone", "$User.PostalCode", "$User.State", "$User.Street", "$User.Title"),
        *("$User.UserRoleId", "$UserRole.Id", "$UserRole.Name", "$UserRole.DeveloperName"),
        *("$RecordType.Id", "$RecordType.Name", "$RecordType.DeveloperName"),
    )
)
"""Text globals that may well be blank."""
