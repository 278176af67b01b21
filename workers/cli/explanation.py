"""An explanation for people."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.cli.output import clean, moment, names, pairs, shown, table, written
from workers.explain import Explanation, FieldWord, LetterWord, ListWord


def render(out: Console, found: Explanation) -> None:
    """Print an explanation."""
    out.print(Text(clean(f"{found.entity} ({found.kind})"), style="bold"))
    out.print(Text(clean(f"{found.code}: {found.text}" if found.code else found.text)))
    out.print(pairs(_facts(found)))
    if found.fields:
        out.print(_fields(found.fields))
    if found.remedies:
        out.print("What would make it sync:")
        out.print(pairs(("*", each) for each in found.remedies))


def _facts(found: Explanation) -> Iterator[tuple[str, str]]:
    if found.why:
        yield "why", found.why
    yield from _event(found)
    if found.again:
        yield "decided now", found.again
    if found.inclusion:
        yield from _list(found.inclusion)
    for each in found.lost:
        yield "gave way", f"{each.property}: {each.crm}'s {shown(each.value)}, by the rule {each.rule}"
    for letter in found.letters:
        yield from _letter(letter)
    for obstacle in found.obstacles:
        since = f" since {moment(obstacle.since)} UTC" if obstacle.since is not None else ""
        yield "held up", f"{obstacle.what.removesuffix('.')}{since}. {obstacle.cause}"


def _event(found: Explanation) -> Iterator[tuple[str, str]]:
    decided = found.decided
    if decided is None:
        return
    detail = f" {decided.detail}" if decided.detail else ""
    yield "event", f"{decided.id} at {moment(decided.at)} UTC: {decided.trigger}{detail}"
    if decided.closed_at is not None:
        yield "closed", f"{moment(decided.closed_at)} UTC"
    for crm, fields in decided.wrote.items():
        yield "written", f"{crm}: {written(fields)}"
    if decided.superseded_by:
        yield "taken along", f"by the decision {decided.superseded_by}"


def _list(word: ListWord) -> Iterator[tuple[str, str]]:
    belongs = {True: "on it", False: "not on it", None: "not known yet"}[word.member]
    since = f" since {moment(word.since)} UTC" if word.since is not None else ""
    yield "inclusion list", f"{word.name}: {belongs}{since}"
    yield "filter", f"{word.leaf} ({', '.join(word.path)})"
    if word.property is not None:
        yield "actual value", f"{word.property}: {shown(word.actual)}"


def _letter(letter: LetterWord) -> Iterator[tuple[str, str]]:
    what = "a deletion" if letter.delete else names(letter.fields)
    attempts = f"{letter.attempts} attempt{'s' if letter.attempts != 1 else ''}"
    yield (
        "dead letter",
        f"to {letter.crm} at {moment(letter.at)} UTC after {attempts}: {what}",
    )
    yield "error", f"{letter.category}: {letter.code} {letter.message}".rstrip()
    yield "cause", letter.cause


def _fields(fields: list[FieldWord]) -> Table:
    rows = (
        (
            f"{each.hubspot} / {each.salesforce}",
            each.rule,
            shown(each.hubspot_value),
            shown(each.salesforce_value),
            "never" if each.agreed is None else " / ".join(map(shown, each.agreed)),
            ". ".join(filter(None, (each.fate, each.cause))),
        )
        for each in fields
    )
    return table(
        "Fields not in sync", ("field", "rule", "HubSpot", "Salesforce", "agreed", "what becomes of it"), rows
    )
