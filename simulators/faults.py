"""Faults which a simulator injects into the calls it receives, by rule.

A rule is JSON, added by `POST /_sim/faults`:

- `kind`: one of `KINDS`
    - `refuse_before_commit`: the connection closes unanswered and nothing was done
    - `answer_lost_after_commit`: the call takes effect, then the connection closes unanswered
    - `reset`: as `refuse_before_commit`, with a TCP reset
    - `status`: answer `status` (with the CRM's own body for it; HTML from 500 on); `after_commit` true lets
      the call take effect first; `policy` chooses among the kinds of 429; `retry_after` seconds
    - `slow`: the answer comes `ms` later
    - `slow_body`: the head and half of the body come at once, the rest `ms` later
    - `row_error`: that `share` of the rows of a batch fails
- `method` and `path`: shell patterns, "*" where absent; the path is the one on the wire without its query
- `times`: how often the rule fires, no bound where absent; `rate`: its chance on each matching call;
  `after`: how many matching calls it leaves alone first
"""

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

KINDS = (
    "refuse_before_commit",
    "answer_lost_after_commit",
    "reset",
    "status",
    "slow",
    "slow_body",
    "row_error",
)


@dataclass(slots=True)
class Fault:
    """One rule and how often it met a call (`seen`) and acted on it (`fired`)."""

    kind: str
    method: str = "*"
    path: str = "*"
    status: int = 503
    policy: str = ""
    retry_after: int | None = None
    after_commit: bool = False
    ms: float = 0.0
    share: float = 1.0
    times: int | None = None
    rate: float = 1.0
    after: int = 0
    id: int = 0
    seen: int = 0
    fired: int = 0

    def matches(self, method: str, path: str) -> bool:
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)

    def spent(self) -> bool:
        return self.times is not None and self.fired >= self.times

    def fires(self, rng: random.Random) -> bool:
        """Count this matching call and say whether the rule acts on it."""
        self.seen += 1
        if self.spent() or self.seen <= self.after:
            return False
        if self.rate < 1.0 and rng.uniform(0, 1) >= self.rate:
            return False
        self.fired += 1
        return True


class Faults:
    """The rules in force."""

    def __init__(self, rng: random.Random) -> None:
        self.rules: list[Fault] = []
        self._rng = rng
        self._last_id = 0

    def add(self, spec: dict[str, Any]) -> Fault:
        """Add a rule.

        Raises:
            ValueError: an unknown kind or field.
        """
        if spec.get("kind") not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        try:
            rule = Fault(**spec)
        except TypeError as error:
            raise ValueError(str(error)) from error
        self._last_id += 1
        rule.id, rule.seen, rule.fired = self._last_id, 0, 0
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int | None) -> None:
        """Remove one rule, or all with None."""
        self.rules = [] if rule_id is None else [rule for rule in self.rules if rule.id != rule_id]

    def firing(self, method: str, path: str) -> list[Fault]:
        """The rules that act on this call."""
        if not self.rules:
            return []
        return [rule for rule in self.rules if rule.matches(method, path) and rule.fires(self._rng)]
