"""Single parts, measured alone: without goals of their own, they tell which part a shortfall lies in."""

from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import fold, formula, inclusion, server, storage
from bench.figures import Figure, times
from domain.events import encode
from domain.formula import parse
from domain.upcasting import decode

PEOPLE = 4_000
OBSERVATIONS = 8_000


def measure() -> Iterator[Figure]:
    yield folding()
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


def folding() -> Figure:
    """The fold and its encoding, with no server and no log to read."""
    workload = fold.Workload(PEOPLE, seed=1)
    first = len(workload.log)
    start = {table: dict(values) for table, values in workload.tables.items()}
    for number in range(OBSERVATIONS):
        workload.happen()
        if number % 100 == 99:
            workload.work()
    workload.work()
    log = workload.log[first:]
    raw = [encode(event) for _, event in log]
    alone = fold.rate(len(log), lambda: fold.fold_all(workload, log, start))
    plain = fold.rate(len(log), lambda: fold.plain_all(log))
    decoded = fold.rate(len(raw), lambda: [decode(each) for each in raw])
    return Figure(
        "the fold alone, in memory",
        f"{alone:,.0f}/s",
        beside=f"newest values in dictionaries {plain:,.0f}/s\ndecode {decoded:,.0f}/s",
        ratio=f"{times(alone, plain)}\n{times(alone, decoded)}",
        note=f"{len(log):,} events of {PEOPLE:,} contacts, in the same mix, without log and server.",
    )
