"""What a simulated CRM saw: the figures that tests and benchmarks assert on."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counters:
    """Counts since the start or the last reset.

    `calls` by "METHOD pattern status"; `creates` by identity (an e-mail in lower case, or the id where there
    is none); `writes` by record id; `no_op_writes` are writes that changed no value; `order_violations` are
    writes that put back a value older than the one they replace (see `wrote`).
    """

    calls: Counter[str] = field(default_factory=Counter)
    creates: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    no_op_writes: int = 0
    order_violations: int = 0
    non_member_writes: int = 0
    too_many_requests: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=2000))

    def created(self, identity: str) -> None:
        self.creates[identity] += 1

    def wrote(self, record_id: str, *, changed: bool, out_of_order: bool = False) -> None:
        """Count a write; `out_of_order`: it restored a value this record had before its present one."""
        self.writes[record_id] += 1
        self.no_op_writes += not changed
        self.order_violations += out_of_order

    def summary(self, records: dict[str, int]) -> dict[str, Any]:
        """All figures, with the number of records per object."""
        return {
            "calls": dict(self.calls),
            "calls_total": sum(self.calls.values()),
            "rows": self.rows,
            "records": records,
            "creates": sum(self.creates.values()),
            "creates_per_identity": dict(self.creates),
            "created_more_than_once": {key: n for key, n in self.creates.items() if n > 1},
            "writes": sum(self.writes.values()),
            "writes_per_record": dict(self.writes),
            "no_op_writes": self.no_op_writes,
            "order_violations": self.order_violations,
            "non_member_writes": self.non_member_writes,
            "refused": dict(self.refused),
            "too_many_requests": dict(self.too_many_requests),
            "faults": dict(self.faults),
        }
