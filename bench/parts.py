"""Single parts, measured alone: without goals of their own, they tell which part a shortfall lies in."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time

from bench import fold, formula, inclusion, server, storage
from bench.figures import Figure, times
from bench.setup import LARGE, USUAL, WIDE, Setup
from domain.formula import parse
from domain.upcasting import decode

PEOPLE = 4_000


def measure() -> Iterator[Figure]:
    yield from folding()
    with server.running() as (client, _):
        for each in storage.measure(client):
            beside = f"bare commands {each.ceiling:,.0f}/s" if each.ceiling else ""
            ratio = times(each.server, each.ceiling) if each.ceiling else ""
            yield Figure(each.what, f"{each.server:,.0f}/s", beside=beside, ratio=ratio)
    members = partial(
        inclusion.compiled(inclusion.PLAIN).member, inclusion.VALUES, now=inclusion.NOW, zone=inclusion.ZONE
    )
    yield Figure("inclusion list of 5 filters", f"{inclusion.per_second(members):,.0f}/s")
    rates = [formula.evaluations_per_second(parse(source)) for source in formula.RULES.values()]
    yield Figure(
        "validation rules",
        f"{median(rates):,.0f}/s",
        note=f"Of {len(rates)} rules, {min(rates):,.0f}/s the slowest.",
    )


def folding() -> Iterator[Figure]:
    """The fold and its encoding, with no server and no log to read: of usual contacts, and of large ones."""
    usual = fold.recorded(USUAL, PEOPLE)
    alone = fold.fold(usual).per_second
    yield _beside_its_ceilings(alone, usual)
    bare = fold.fold(fold.recorded(Setup(WIDE), PEOPLE // 4)).per_second
    recording = fold.recorded(LARGE, PEOPLE // 4)
    large = fold.fold(recording).per_second
    yield Figure(
        "the same with 142 mapped fields, 20 validation rules and 30 filters",
        f"{large:,.0f}/s",
        beside=f"26 fields, 5 filters, no rules {alone:,.0f}/s\nonly the 142 fields {bare:,.0f}/s",
        ratio=f"{times(large, alone)}\n{times(large, bare)}",
        note=f"{len(recording.later):,} events of {PEOPLE // 4:,} contacts; all rules are enforced, none is"
        " violated.",
    )


def _beside_its_ceilings(alone: float, recording: fold.Recording) -> Figure:
    raw = [entry.raw for entry in recording.later]
    events = [decode(each) for each in raw]
    decoded = _per_second(len(raw), lambda: [decode(each) for each in raw])
    plain = _per_second(len(events), lambda: fold.remember_newest(events))
    return Figure(
        "the fold alone, in memory",
        f"{alone:,.0f}/s",
        beside=f"newest values in dictionaries {plain:,.0f}/s\ndecode {decoded:,.0f}/s",
        ratio=f"{times(alone, plain)}\n{times(alone, decoded)}",
        note=f"{len(raw):,} events of {PEOPLE:,} contacts, in the same mix, without log and server. By"
        " processor time, not by the clock.",
    )


def _per_second(number: int, work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return number / (process_time() - began)
