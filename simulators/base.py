"""What a simulated CRM is to the server and the control API: calls, answers, settings and operations."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from simulators.clock import Clock
from simulators.counters import Counters
from simulators.faults import Fault, Faults


@dataclass(slots=True)
class Request:
    """One call. `path` is as on the wire; `headers` have lower-case names; `rows` is for the log.

    `row_error_share` is the share of rows which a `row_error` fault wants to fail; `label` names the route.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    params: dict[str, str] = field(default_factory=dict)
    label: str = ""
    rows: int = 0
    row_error_share: float = 0.0

    def json(self) -> Any:
        """The body as JSON; raises orjson.JSONDecodeError."""
        return orjson.loads(self.body)

    def one(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else default


@dataclass(slots=True)
class Answer:
    """An answer; `body` None has no body at all, other values than bytes become JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json;charset=utf-8"

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


@dataclass
class Settings:
    """What every simulator lets a test set; a CRM's settings derive from it.

    `latency_distribution` is "constant", "uniform" or "lognormal"; `latency_ms` its median; `latency_spread`
    the relative half-width of the uniform one or the sigma of the lognormal one.
    `refuse_unknown` false still records unknown body fields but lets them pass.
    """

    seed: int = 1
    latency_distribution: str = "constant"
    latency_ms: float = 0.0
    latency_spread: float = 0.5
    gzip: bool = True
    refuse_unknown: bool = True

    def change(self, changes: dict[str, Any]) -> None:
        """Set several fields.

        Raises:
            ValueError: an unknown field or a value of another type; then nothing is set.
        """
        for name, value in changes.items():
            current = getattr(self, name, None)
            if name not in {entry.name for entry in fields(self)}:
                raise ValueError(f"no setting {name}")
            if not _same_type(current, value):
                raise ValueError(f"setting {name} is like {current!r}")
        for name, value in changes.items():
            setattr(self, name, value)


def _same_type(current: object, value: object) -> bool:
    if isinstance(current, bool) or isinstance(value, bool):
        return isinstance(current, bool) and isinstance(value, bool)
    if isinstance(current, float):
        return isinstance(value, int | float)
    return isinstance(value, type(current))


class Simulator(ABC):
    """A simulated CRM: its state, its settings, and the operations which the control API reaches.

    Subclasses set `name` and `objects` (object names of the control API, the default one first). `snapshot`
    is the file for the state, None where it ends with the process.
    """

    name = ""
    objects: tuple[str, ...] = ()
    snapshot: Path | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.restart()

    def restart(self) -> None:
        """Fresh counters, faults and randomness; `reset` calls it before it clears the records."""
        self.rng = random.Random(self.settings.seed)
        self.faults = Faults(random.Random(self.settings.seed + 1))
        self.counters = Counters()
        self.violations: list[dict[str, str]] = []

    def violate(self, request: Request, what: str, detail: str) -> None:
        """Record a call that the real CRM would not understand."""
        entry = {"method": request.method, "path": request.path, "what": what, "detail": detail}
        self.violations.append(entry)

    @abstractmethod
    def handle(self, request: Request) -> Answer:
        """Answer a call of the CRM's own API."""

    @abstractmethod
    def fault_answer(self, rule: Fault, request: Request) -> Answer:
        """The CRM's own body for a `status` fault."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all records, faults, counters and violations; settings stay."""

    @abstractmethod
    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Fill with people; returns counts."""

    @abstractmethod
    def record_counts(self) -> dict[str, int]:
        """Live records per object."""

    @abstractmethod
    def full_record(self, object_name: str, key: str) -> dict[str, Any] | None:
        """Everything known of a record by id or e-mail: `id`, `properties`, `deleted`, `history` at least."""

    @abstractmethod
    def page(self, object_name: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Live records in order of creation, as `full_record` without history."""

    @abstractmethod
    def create_as_person(self, object_name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Create a record as a person in the CRM's own screen; ValueError where the CRM refuses."""

    @abstractmethod
    def edit_as_person(self, object_name: str, key: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Change a record likewise; KeyError where there is none."""

    @abstractmethod
    def delete_as_person(self, object_name: str, key: str) -> None:
        """Delete a record likewise; KeyError where there is none."""

    @abstractmethod
    def merge_as_person(self, object_name: str, keys: Sequence[str]) -> dict[str, Any]:
        """Merge the later keys into the first; returns the survivor; KeyError where one is missing."""

    def settings_changed(self) -> None:
        """Called after settings changed; nothing unless a CRM keeps what it derives of them."""
        return

    async def background(self) -> None:
        """Work beside the calls, for as long as the server runs; nothing unless a CRM has such work."""
        return

    def control_routes(self) -> dict[str, Callable[[Request], Any]]:
        """Further routes of the control API: "METHOD /_sim/path" with its handler, sync or async."""
        return {}
