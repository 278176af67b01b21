"""The list of mappings, as people read it."""

from collections import Counter

from workers.cli.output import emit, say, table
from workers.configuration import Audited


def show(found: list[Audited], *, as_json: bool) -> None:
    """Print one line a mapping, and how many there are by rule."""
    if as_json:
        emit(found)
        return
    rows = (
        (each.hubspot or "(computed)", _fields(each), each.rule, each.types, _origin(each)) for each in found
    )
    say(table("", ("HubSpot", "Salesforce", "rule", "types", "origin"), rows))
    used = [each for each in found if not each.left_out]
    rules = Counter(each.rule.partition(";")[0] for each in used if each.origin != "computed")
    shares = ", ".join(f"{count} {rule}" for rule, count in rules.most_common())
    say(f"{len(used)} mappings: {shares}.")


def _fields(mapping: Audited) -> str:
    """One name if all objects call it so."""
    names = set(mapping.salesforce.values())
    if len(names) == 1 and "" not in names:
        return f"{next(iter(names))} ({', '.join(mapping.salesforce)})"
    return ", ".join(f"{name}.{field}" if field else name for name, field in mapping.salesforce.items())


def _origin(mapping: Audited) -> str:
    return f"left out: {mapping.left_out}" if mapping.left_out else mapping.origin
