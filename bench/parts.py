"""Single parts, measured alone: without goals of their own, they tell which part a shortfall lies in."""

from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import fold, formula, inclusion, server, storage
from bench.figures import Figure, times
from domain.events import AnyEvent, encode
from domain.formula import parse
from domain.upcasting import decode

PEOPLE = 4_000

Log = list[tuple[str, AnyEvent]]


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
    alone, log = _folded(fold.USUAL, PEOPLE)
    yield _beside_its_ceilings(alone, log)
    bare, _ = _folded(fold.Setup(properties=fold.LARGE.properties), PEOPLE // 4)
    large, log = _folded(fold.LARGE, PEOPLE // 4)
    yield Figure(
        "the same with 142 mapped fields, 20 validation rules and 30 filters",
        f"{large:,.0f}/s",
        beside=f"26 fields, 5 filters, no rules {alone:,.0f}/s\nonly the 142 fields {bare:,.0f}/s",
        ratio=f"{times(large, alone)}\n{times(large, bare)}",
        note=f"{len(log):,} events of {PEOPLE // 4:,} contacts; all rules are enforced, none is violated.",
    )


def _folded(setup: fold.Setup, people: int) -> tuple[float, Log]:
    """How many events a second are folded, and which."""
    workload = fold.Workload(people, seed=1, setup=setup)
    first = len(workload.log)
    start = {table: dict(values) for table, values in workload.tables.items()}
    for number in range(2 * people):
        workload.happen()
        if number % 100 == 99:
            workload.work()
    workload.work()
    log = workload.log[first:]
    return fold.rate(len(log), lambda: fold.fold_all(workload, log, start)), log


def _beside_its_ceilings(alone: float, log: Log) -> Figure:
    raw = [encode(event) for _, event in log]
    plain = fold.rate(len(log), lambda: fold.plain_all(log))
    decoded = fold.rate(len(raw), lambda: [decode(each) for each in raw])
    return Figure(
        "the fold alone, in memory",
        f"{alone:,.0f}/s",
        beside=f"newest values in dictionaries {plain:,.0f}/s\ndecode {decoded:,.0f}/s",
        ratio=f"{times(alone, plain)}\n{times(alone, decoded)}",
        note=f"{len(log):,} events of {PEOPLE:,} contacts, in the same mix, without log and server.",
    )
