"""Bearer tokens: static ones and those given out over OAuth."""

from dataclasses import dataclass

from simulators.hubspot.records import Origin


@dataclass(slots=True)
class Token:
    """A bearer token; `expires_ms` None never expires; `oauth` tokens have limits of their own."""

    value: str
    app_id: int
    scopes: frozenset[str]
    user_id: int | None = None
    oauth: bool = False
    expires_ms: int | None = None
    client_id: str = ""

    def origin(self) -> Origin:
        return Origin("INTEGRATION", str(self.app_id), label="crmsync")
