"""``crmsync demo``: the story on simulated CRMs, with live progress, and a table of what was shown."""

import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workers.cli.fleet import ended_by_signals
from workers.cli.list_story import LIST_STEPS
from workers.cli.playground import Playground, pages
from workers.cli.story import STEPS, Story

WHOLE = (*STEPS, *LIST_STEPS)
"""The whole story."""


@click.command()
@click.option("--stay", is_flag=True, help="Leave everything running until Ctrl-C, and show the addresses.")
def demo(*, stay: bool) -> None:
    """Show the whole sync on two simulated CRMs; exits 0 only if every step held."""
    console = Console()
    directory = Path(tempfile.mkdtemp(prefix="crmsync-demo-"))
    playground = Playground(directory)
    with ended_by_signals():
        try:
            held = _play(playground, console)
            if stay:
                _stay(playground, console)
        finally:
            playground.stop()
    if held:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        console.print(f"Logs are in {directory / 'logs'}.")
    sys.exit(0 if held else 1)


def _stay(playground: Playground, console: Console) -> None:
    for title, page in pages(playground).items():
        console.print(f"{title:32}{page}", highlight=False, soft_wrap=True)
    console.print("Running. Change a contact on either CRM's page and watch it arrive; Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


def _play(playground: Playground, console: Console) -> bool:
    rows: list[tuple[str, str, float, bool]] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Starting", total=len(WHOLE))
        _start(playground)
        story = Story(playground)
        for step in WHOLE:
            progress.update(bar, description=step.title)
            began = playground.clock.monotonic()
            seen, held = _step(step.play, story)
            rows.append((step.title, seen, playground.clock.monotonic() - began, held))
            progress.advance(bar)
            console.print(_line(len(rows), *rows[-1]))
    violations = playground.violations()
    console.print(_table(rows))
    for each in violations:
        console.print(f"[red]The CRM did not understand:[/red] {each}")
    return len(rows) == len(WHOLE) and all(held for *_, held in rows) and not violations


def _start(playground: Playground) -> None:
    playground.start_crms()
    for crm, name in ((playground.hubspot, "contacts"), (playground.salesforce, "Lead")):
        crm.people("create", object=name, properties=GRACE[name])
    playground.set_up()
    playground.start_fleet()
    playground.wait_until_ready()


GRACE = {
    "contacts": {
        "email": "grace@example.com",
        "firstname": "Grace",
        "lastname": "Hopper",
        "lifecyclestage": "marketingqualifiedlead",
    },
    "Lead": {"Email": "Grace@Example.com", "FirstName": "Grace", "LastName": "Hopper", "Company": "Navy"},
}
"""Somebody who is in both CRMs before crmsync starts."""


def _step(play: object, story: Story) -> tuple[str, bool]:
    try:
        return play(story), True  # type: ignore[operator]  # a step's play
    except AssertionError as error:
        return str(error), False


def _line(number: int, title: str, seen: str, seconds: float, held: bool) -> str:  # noqa: FBT001 - a row's field
    mark = "[green]✓[/green]" if held else "[red]✗[/red]"
    return f"{mark} {number:2} {title} [dim]({seen}; {seconds:.1f} s)[/dim]"


def _table(rows: list[tuple[str, str, float, bool]]) -> Table:
    table = Table(title="What was shown")
    for name in ("", "step", "seen", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for title, seen, seconds, held in rows:
        table.add_row("✓" if held else "✗", title, seen, f"{seconds:.1f}")
    return table
