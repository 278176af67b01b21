"""Where the time goes, in a few words or as a table."""

from collections import Counter
from cProfile import Profile
from pathlib import PurePath
from pstats import Stats
from typing import Any

SHOWN = 9
FUNCTIONS = 25
BUILTIN = "~"


def where(profile: Profile) -> str:
    """The modules that take the most time of their own, built-in functions counted with their callers."""
    spent: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, callers) in _stats(profile).items():
        if file != BUILTIN:
            spent[_module(file)] += own
            continue
        for (caller, _, _), (_, _, theirs, _) in callers.items():
            spent[_module(caller)] += theirs
    total = sum(spent.values())
    return ", ".join(f"{module} {seconds / total:.0%}" for module, seconds in spent.most_common(SHOWN))


def _stats(profile: Profile) -> dict[Any, Any]:
    found: dict[Any, Any] = Stats(profile).stats  # type: ignore[attr-defined]  # not in the stubs
    return found


def _module(file: str) -> str:
    """``domain.plan`` of a file of ours, the package's name of another's."""
    parts = PurePath(file).with_suffix("").parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    return ".".join(parts[-2:]) if {"domain", "workers"} & {*parts} else parts[-1]


def show(profile: Profile) -> None:
    """Print the functions that take the most time of their own, and with all that they call."""
    for order in ("tottime", "cumtime"):
        Stats(profile).sort_stats(order).print_stats(FUNCTIONS)
