"""The metrics of one connection, read anew for each scrape.

Counts of decisions, events and writes come from the commits and are exact across restarts. Those of
webhooks and their items are this process's own and start from zero with it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from domain.book import Table, decode, outbox_queue, reads_queue
from domain.identity import Crm
from domain.reasons import Reason
from domain.state import Priority
from workers import views
from workers.connection import Lane
from workers.limits import Usage
from workers.poll import OVERLAP_MS, Cursor
from workers.store import Tables
from workers.telemetry import METRICS, MetricName
from workers.views import ArchiveView

OUTCOMES: dict[str, str] = {
    Reason.DELIVERED: "delivered",
    Reason.PARTLY_DELIVERED: "delivered",
    Reason.ALREADY_IN_SYNC: "in_sync",
    Reason.SUPERSEDED: "replaced",
    Reason.WITHDRAWN: "replaced",
    Reason.NO_EMAIL: "skipped",
    Reason.NOT_IN_INCLUSION_LIST: "skipped",
    Reason.SALESFORCE_FILTER: "skipped",
    Reason.CREATION_OFF: "skipped",
    Reason.RECORD_DELETED: "skipped",
    Reason.ERASED: "skipped",
    Reason.NOT_CONFIGURED: "skipped",
    Reason.PING_PONG: "held",
    Reason.GUARD: "held",
    Reason.SHADOW: "held",
    Reason.FIELD_HELD: "held",
    Reason.VALIDATION: "failed",
    Reason.VALIDATION_RULE: "failed",
    Reason.REJECTED: "failed",
    Reason.EXHAUSTED: "failed",
    Reason.ENGINE_FAULT: "failed",
}
"""What a reason comes to, for charts."""

FAR = 2**62


class Sample(NamedTuple):
    """One number; the labels' values stand in the metric's order, behind the connection."""

    name: MetricName
    labels: tuple[str, ...]
    value: float


class Tallies(NamedTuple):
    """What a web process counts by itself: outcome to how often."""

    requests: Mapping[str, int] = {}
    items: Mapping[str, int] = {}


def samples(
    lane: Lane, budgets: Mapping[Crm, Usage], archive: ArchiveView, tallies: Tallies
) -> Iterator[Sample]:
    """All there is to measure of a lane; ``budgets`` are what its limiters say."""
    tables = lane.tables()
    counters = tables.counters()
    yield from _log(lane, counters)
    yield from _decided(counters)
    yield from _waiting(tables, lane.clock.now_ms())
    yield from _stuck(lane, tables, counters)
    yield from _calls(budgets)
    yield from _poll_ages(lane)
    yield from _archived(archive)
    for outcome, number in tallies.requests.items():
        yield Sample("crmsync_webhooks_total", (outcome,), number)
    for outcome, number in tallies.items.items():
        yield Sample("crmsync_webhook_items_total", (outcome,), number)


def text(measured: Mapping[str, Iterable[Sample]]) -> bytes:
    """Samples by connection, as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(_families(measured)))
    return generate_latest(registry)


class _Once:
    """A collector of what was measured already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def describe(self) -> Iterable[Family]:
        return []

    def collect(self) -> Iterable[Family]:
        return self._families


def _families(measured: Mapping[str, Iterable[Sample]]) -> Iterable[Family]:
    families = {name: _family(name) for name in METRICS}
    for connection, found in measured.items():
        for sample in found:
            families[sample.name].add_metric((connection, *sample.labels), sample.value)
    return families.values()


def _family(name: MetricName) -> CounterMetricFamily | GaugeMetricFamily:
    metric = METRICS[name]
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return make(name, metric.help, labels=metric.labels)


# -- what is measured


def _log(lane: Lane, counters: Mapping[str, int]) -> Iterator[Sample]:
    yield Sample("crmsync_events_appended_total", (), lane.log.appended())
    yield Sample("crmsync_events_projected_total", (), counters.get("events", 0))
    yield Sample("crmsync_log_entries", (), lane.log.length())
    yield Sample("crmsync_projection_lag_entries", (), lane.backlog())
    yield Sample("crmsync_projection_lag_seconds", (), views.lag_ms(lane) / 1000)


def _archived(found: ArchiveView) -> Iterator[Sample]:
    yield Sample("crmsync_archive_broken", (), int(bool(found.problem)))
    yield Sample("crmsync_archive_bytes", (), found.bytes)
    yield Sample("crmsync_archive_segments", (), found.segments)
    yield Sample("crmsync_archive_snapshots", (), found.snapshots)
    yield Sample("crmsync_archive_waiting_entries", (), found.waiting)
    yield Sample("crmsync_archive_waiting_seconds", (), found.waiting_ms / 1000)
    yield Sample("crmsync_events_archived_total", (), found.events)
    if found.written_ms is not None:
        yield Sample("crmsync_archive_age_seconds", (), found.written_ms / 1000)
    if found.snapshot_ms is not None:
        yield Sample("crmsync_archive_snapshot_age_seconds", (), found.snapshot_ms / 1000)


def _decided(counters: Mapping[str, int]) -> Iterator[Sample]:
    for counter, number in counters.items():
        match counter.split("/"):
            case ["decisions", reason]:
                yield Sample("crmsync_decisions_total", (OUTCOMES.get(reason, "other"), reason), number)
            case ["answers", crm, outcome]:
                yield Sample("crmsync_writes_total", (crm, outcome), number)
            case _:
                pass


def _waiting(tables: Tables, now: int) -> Iterator[Sample]:
    for crm in Crm:
        due: list[int] = []
        for priority in Priority:
            queue = outbox_queue(crm, priority)
            due += [score for _, score in tables.due(queue, FAR, 1)]
            yield Sample("crmsync_intents_open", (crm, priority), tables.size(queue))
        yield Sample("crmsync_intents_oldest_seconds", (crm,), max(0, now - min(due, default=now)) / 1000)
        reads = sum(tables.size(reads_queue(crm, priority)) for priority in Priority)
        yield Sample("crmsync_reads_waiting", (crm,), reads)


def _stuck(lane: Lane, tables: Tables, counters: Mapping[str, int]) -> Iterator[Sample]:
    listed = views.sync_errors(lane)
    errors = Counter(
        (crm, reason) for crm, reason, _ in {(each.crm, each.reason, each.entity) for each in listed}
    )
    dead = Counter(each.crm for each in listed if not each.field)
    suspended = lane.state().suspended
    for crm in Crm:
        yield Sample("crmsync_dead_letters", (crm,), dead[crm])
        yield Sample("crmsync_targets_suspended", (crm,), int(crm in suspended))
    for (crm, reason), number in errors.items():
        yield Sample("crmsync_sync_errors", (crm, reason), number)
    yield Sample("crmsync_contacts_parked", (), _parked(tables) if views.faults(counters) else 0)


def _parked(tables: Tables) -> int:
    """How many contacts are parked: a look at all, taken only where some event ever failed."""
    found = {key: decode(Table.CONTACTS, raw).parked for key, raw in tables.scan(Table.CONTACTS)}
    return sum(map(bool, found.values()))


def _calls(budgets: Mapping[Crm, Usage]) -> Iterator[Sample]:
    for crm, usage in budgets.items():
        yield Sample("crmsync_calls_total", (crm,), usage.calls)
        yield Sample("crmsync_calls_throttled_total", (crm,), usage.throttled)
        ours = None if usage.budget_today is None else max(0, usage.budget_today - usage.used_today)
        known = [left for left in (ours, usage.left_today) if left is not None]
        if known:
            yield Sample("crmsync_budget_remaining_calls", (crm,), min(known))


def _poll_ages(lane: Lane) -> Iterator[Sample]:
    """Since the last finished poll of the object that was left alone longest, by the CRM's clock."""
    begun: dict[Crm, list[int]] = {}
    for crm, name in lane.policy().by_object:
        raw = lane.coordination.cursor(f"poll/{crm}/{name}")
        if raw is not None:
            begun.setdefault(crm, []).append(msgspec.json.decode(raw, type=Cursor).since + OVERLAP_MS)
    now = lane.clock.now_ms()
    for crm, moments in begun.items():
        yield Sample("crmsync_poll_age_seconds", (crm,), max(0, now - min(moments)) / 1000)
