"""What the table of measurements consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Figure:
    """One line: what was wanted, what was measured, and what stands beside it in the same run."""

    what: str
    measured: str
    goal: str = ""
    aim: str = ""
    beside: str = ""  #: ceilings and peers, a line each
    ratio: str = ""  #: measured to each of them, a line each
    met: bool | None = None  #: whether the goal is met; None: there is none
    note: str = ""  #: how it was measured, or why it falls short


def per_second(rates: Sequence[float]) -> str:
    """The median of several runs, and how far they lie apart."""
    return f"{median(rates):,.0f}/s{spread(rates)}"


def spread(values: Sequence[float]) -> str:
    """Half the distance of the outermost values, in percent of their median."""
    if len(values) < 2:
        return ""
    return f" ±{(max(values) - min(values)) / median(values) * 50:.0f} %"


def times(measured: float, other: float) -> str:
    """How many times the other something is: two digits that count."""
    ratio = measured / other
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The 50th, 95th and 99th."""
    cuts = quantiles(values, n=100)
    return cuts[49], cuts[94], cuts[98]
