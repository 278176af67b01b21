"""Who wants e-mail: statuses belong to an address, whether or not a contact has it."""

from typing import Any, NamedTuple

from simulators.clock import Clock, iso_ms

PROPERTY = "hs_email_optout"
SUBSCRIBED, UNSUBSCRIBED, NOT_SPECIFIED = "SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"
_KNOWN = (
    (33583163, "Marketing Information", "Marketing offers and updates.", True),
    (39644612, "Newsletter", "News once a month.", False),
)


class Status(NamedTuple):
    """What an address said of one kind of e-mail."""

    state: str
    at_ms: int
    source: str
    legal_basis: str | None = None
    explanation: str | None = None


class Subscriptions:
    """The kinds of e-mail of an account, and who takes them; addresses in lower case."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        created = iso_ms(clock.now_ms())
        self.definitions = [_definition(*entry, created) for entry in _KNOWN]
        self.opted_out: dict[str, int] = {}
        self._statuses: dict[tuple[str, int], Status] = {}

    @property
    def ids(self) -> list[int]:
        return [int(entry["id"]) for entry in self.definitions]

    def status(self, address: str, subscription: int) -> Status:
        """As it was set; an opt-out of everything outweighs it."""
        set_to = self._statuses.get((address, subscription), Status(NOT_SPECIFIED, 0, "Not specified"))
        out_ms = self.opted_out.get(address)
        return set_to if out_ms is None else Status(UNSUBSCRIBED, out_ms, "Opted out of all")

    def put(self, address: str, subscription: int, status: Status) -> None:
        self._statuses[address, subscription] = status

    def shown(self, address: str | None) -> str:
        """The value of a contact's property."""
        return "true" if address in self.opted_out else ""


def _definition(number: int, name: str, description: str, default: bool, created: str) -> dict[str, Any]:  # noqa: FBT001 - a row of a table
    return {
        "id": str(number),
        "name": name,
        "description": description,
        "purpose": "Marketing",
        "communicationMethod": "Email",
        "isActive": True,
        "isDefault": default,
        "isInternal": False,
        "businessUnitId": 0,
        "createdAt": created,
        "updatedAt": created,
    }
