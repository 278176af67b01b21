"""``crmsync budget``: API calls used, allotted and left, and how long they will last."""

from collections.abc import Iterator

import click

from domain.identity import Crm
from workers import views
from workers.bootstrap import Link
from workers.cli.output import emit, length, moment, say, table
from workers.cli.session import with_json, with_link
from workers.views import BudgetView, ForecastView


@click.group()
def budget() -> None:
    """Show how many API calls are used, how many there are, and how long they will last."""


@budget.command()
@with_json
@with_link
def status(link: Link, *, as_json: bool) -> None:
    """Show our calls of the day, our share, and what all programs have left of the account's limit."""
    found = [views.budget(crm, link.accounts.limiter(crm).usage()) for crm in Crm]
    if as_json:
        emit(found)
        return
    columns = ("CRM", ">our calls", ">our budget", ">account's limit", ">left of it", "retries", "pause")
    say(table("", columns, map(_row, found)))


@budget.command("forecast")
@with_json
@with_link
def forecast_(link: Link, *, as_json: bool) -> None:
    """Say when our calls will be used up if they go on as in the last three hours."""
    now = link.runtime.clock.now_ms()
    found = [_forecast(link, crm, now) for crm in Crm]
    if as_json:
        emit(found)
        return
    say(*(line for each in found for line in _lines(each, now)))


def _forecast(link: Link, crm: Crm, now: int) -> ForecastView:
    limiter = link.accounts.limiter(crm)
    resets_at = link.accounts.resets_at(crm, now)
    return views.forecast(crm, limiter.usage(), limiter.history(), now, resets_at=resets_at)


def _row(each: BudgetView) -> tuple[str, ...]:
    return (
        each.crm,
        f"{each.used_today:,}",
        _count(each.budget_today),
        _count(each.limit_today),
        _count(each.left_today),
        "on" if each.retries else "off: too many calls are used",
        length(each.paused_ms) if each.paused_ms else "",
    )


def _count(bound: int | None) -> str:
    return "" if bound is None else f"{bound:,}"


def _lines(each: ForecastView, now: int) -> Iterator[str]:
    rate = f"{each.crm}: {each.per_hour:,} calls an hour"
    if each.used_up_at is None:
        yield f"{rate}; they last."
        return
    again = f" Calls come back at {moment(each.again_at)} UTC." if each.again_at else ""
    yield (
        f"{rate}; used up in {length(each.used_up_at - now)}, at {moment(each.used_up_at)} UTC.{again} "
        "Changes wait meanwhile, and go then. To last longer: api_call_limit, or polling less often."
    )
