"""What the outside can see: log events and metrics, by closed lists of names.

A log line and a label hold ids and field names, never a secret and never what a person's
field holds. Metrics are counted by connection and CRM, never by contact.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, NamedTuple, Protocol, cast

import structlog
from structlog.typing import Processor

WITHHELD = "[withheld]"

SECRET_KEYS = frozenset(
    {
        "authorization",
        "body",
        "client_secret",
        "email",
        "fields",
        "headers",
        "password",
        "payload",
        "private_key",
        "secret",
        "signature",
        "token",
        "url",
        "value",
        "values",
    }
)
"""Keywords whose values never reach a log: secrets, or what a person's record holds."""

LogEvent = Literal[
    "archive_broken",  # log and archive do not go together, or a file is damaged: nothing is trimmed
    "batch_delivered",  # one write call was answered: crm, claimed, sent, rejected
    "commit_refused",  # another projector was ahead; nothing was lost
    "configuration_applied",
    "configuration_broken",  # a connection's file cannot be used; it rests, the others go on
    "connection_paused",
    "connection_resumed",
    "contact_parked",  # an event could not be handled: the contact waits for an operator
    "event_newer",  # the log holds an event of a newer release: upgrade the workers
    "events_appended",  # a webhook's or a poll's events are in the log
    "events_projected",
    "intent_dead",  # went to the dead letters
    "lease_lost",
    "metadata_unreadable",  # a CRM did not say what it is asked hourly: crm, code
    "notice_unsent",  # nobody could be told of what is new; it is tried again: code, news
    "poll_finished",
    "read_answered",  # one batch of reads: crm, asked, found, missing
    "read_refused",  # the CRM refuses one request by itself: key, code
    "rules_unreadable",  # the user may not read Salesforce's validation rules: code
    "server_away",  # the log's server does not answer; it is waited for
    "server_unfit",  # the log's server evicts or forgets
    "sweep_failed",  # something is wrong with one connection; the others go on
    "target_resumed",
    "target_suspended",  # a CRM refuses us until somebody acts
    "target_throttled",
    "webhook_refused",
]

MetricName = Literal[
    "crmsync_archive_age_seconds",
    "crmsync_archive_broken",
    "crmsync_archive_bytes",
    "crmsync_archive_segments",
    "crmsync_archive_snapshot_age_seconds",
    "crmsync_archive_snapshots",
    "crmsync_archive_waiting_entries",
    "crmsync_archive_waiting_seconds",
    "crmsync_budget_remaining_calls",
    "crmsync_calls_throttled_total",
    "crmsync_calls_total",
    "crmsync_contacts_parked",
    "crmsync_dead_letters",
    "crmsync_decisions_total",
    "crmsync_events_appended_total",
    "crmsync_events_archived_total",
    "crmsync_events_projected_total",
    "crmsync_intents_open",
    "crmsync_intents_oldest_seconds",
    "crmsync_log_entries",
    "crmsync_poll_age_seconds",
    "crmsync_projection_lag_entries",
    "crmsync_projection_lag_seconds",
    "crmsync_reads_waiting",
    "crmsync_sync_errors",
    "crmsync_targets_suspended",
    "crmsync_webhook_items_total",
    "crmsync_webhooks_total",
    "crmsync_writes_total",
]

Label = Literal["connection", "crm", "outcome", "reason", "priority"]


class Metric(NamedTuple):
    """One metric as Prometheus shows it."""

    kind: Literal["counter", "gauge"]
    labels: tuple[Label, ...]
    help: str


METRICS: dict[MetricName, Metric] = {
    "crmsync_archive_age_seconds": Metric(
        "gauge", ("connection",), "Time since the newest segment was written."
    ),
    "crmsync_archive_broken": Metric(
        "gauge", ("connection",), "1 while nothing can be archived or trimmed, else 0."
    ),
    "crmsync_archive_bytes": Metric("gauge", ("connection",), "Bytes of all segments and their indexes."),
    "crmsync_archive_segments": Metric("gauge", ("connection",), "Segments of the archive."),
    "crmsync_archive_snapshot_age_seconds": Metric(
        "gauge", ("connection",), "Time since the newest snapshot was taken."
    ),
    "crmsync_archive_snapshots": Metric("gauge", ("connection",), "Snapshots that the archive holds."),
    "crmsync_archive_waiting_entries": Metric(
        "gauge", ("connection",), "Events in the log and not yet in the archive."
    ),
    "crmsync_archive_waiting_seconds": Metric(
        "gauge", ("connection",), "Age of the oldest event not yet in the archive."
    ),
    "crmsync_budget_remaining_calls": Metric(
        "gauge", ("connection", "crm"), "API calls left of the daily allowance."
    ),
    "crmsync_calls_throttled_total": Metric(
        "counter", ("connection", "crm"), "API calls that the CRM answered with a rate limit."
    ),
    "crmsync_calls_total": Metric("counter", ("connection", "crm"), "API calls made."),
    "crmsync_contacts_parked": Metric(
        "gauge", ("connection",), "Contacts that wait for an operator after an engine fault."
    ),
    "crmsync_dead_letters": Metric(
        "gauge", ("connection", "crm"), "Writes that are not tried again by themselves."
    ),
    "crmsync_decisions_total": Metric(
        "counter",
        ("connection", "outcome", "reason"),
        "Decisions closed, by how they ended; exact across restarts.",
    ),
    "crmsync_events_appended_total": Metric("counter", ("connection",), "Events taken into the log."),
    "crmsync_events_archived_total": Metric("counter", ("connection",), "Events written to the archive."),
    "crmsync_events_projected_total": Metric("counter", ("connection",), "Events folded into the state."),
    "crmsync_intents_open": Metric(
        "gauge", ("connection", "crm", "priority"), "Writes that wait to be sent."
    ),
    "crmsync_intents_oldest_seconds": Metric(
        "gauge", ("connection", "crm"), "Time since the first waiting write was due."
    ),
    "crmsync_log_entries": Metric("gauge", ("connection",), "Events in the live log."),
    "crmsync_poll_age_seconds": Metric("gauge", ("connection", "crm"), "Time since the last finished poll."),
    "crmsync_projection_lag_entries": Metric(
        "gauge", ("connection",), "Events in the log and not yet in the state."
    ),
    "crmsync_projection_lag_seconds": Metric(
        "gauge", ("connection",), "Age of the oldest event not yet in the state."
    ),
    "crmsync_reads_waiting": Metric("gauge", ("connection", "crm"), "Records that are to be read."),
    "crmsync_sync_errors": Metric(
        "gauge", ("connection", "crm", "reason"), "Contacts with an open sync error."
    ),
    "crmsync_targets_suspended": Metric(
        "gauge", ("connection", "crm"), "1 while a CRM is suspended, else 0."
    ),
    "crmsync_webhook_items_total": Metric(
        "counter", ("connection", "outcome"), "Items of webhook requests to this process, by their fate."
    ),
    "crmsync_webhooks_total": Metric(
        "counter", ("connection", "outcome"), "Webhook requests to this process, by how they were answered."
    ),
    "crmsync_writes_total": Metric(
        "counter", ("connection", "crm", "outcome"), "Records written, by outcome class."
    ),
}


class EventLogger(Protocol):
    """Writes log lines: one of the known events, and its facts by keyword."""

    def debug(self, event: LogEvent, /, **facts: object) -> None: ...
    def info(self, event: LogEvent, /, **facts: object) -> None: ...
    def warning(self, event: LogEvent, /, **facts: object) -> None: ...
    def error(self, event: LogEvent, /, **facts: object) -> None: ...
    def exception(self, event: LogEvent, /, **facts: object) -> None: ...


def get_logger(name: str) -> EventLogger:
    """The log of one module."""
    return cast("EventLogger", structlog.stdlib.get_logger(name))


def set_up_logging(level: str, style: Literal["console", "json"]) -> None:
    """Send this process's log to standard error, libraries included; safe to call again."""
    structlog.configure(
        processors=[*_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_last(style), foreign_pre_chain=_COMMON)
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def withhold_secrets(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep secrets and field values out of the log, at any depth; the line itself is kept.

    A log line must never stop the sync, so the slip shows as a word and not as an error.
    """
    return {key: _clean(key, value) for key, value in line.items()}


def _clean(key: str, value: object) -> object:
    if key.lower() in SECRET_KEYS:
        return WITHHELD
    if isinstance(value, dict):
        return {name: _clean(str(name), inner) for name, inner in value.items()}
    return value


def _last(style: Literal["console", "json"]) -> list[Processor]:
    if style == "json":
        return [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # the default formatter prints every local variable, field values among them
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]


_COMMON: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    withhold_secrets,
]
