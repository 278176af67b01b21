"""Logs keep secrets and field values to themselves; names come from closed lists."""

import json
import logging
from collections.abc import Iterator
from typing import Literal, get_args

import pytest
import structlog

from workers.telemetry import (
    METRICS,
    WITHHELD,
    LogEvent,
    MetricName,
    get_logger,
    set_up_logging,
    withhold_secrets,
)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def fail_on(lastname: str) -> None:
    raise LookupError(len(lastname))


def test_a_log_line_is_one_json_object_with_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", "json")
    get_logger("deliver").info("batch_delivered", crm="salesforce", claimed=3, sent=3, rejected=0)

    line = json.loads(capsys.readouterr().err)
    assert line | {"timestamp": ""} == {
        "event": "batch_delivered",
        "crm": "salesforce",
        "claimed": 3,
        "sent": 3,
        "rejected": 0,
        "level": "info",
        "logger": "deliver",
        "timestamp": "",
    }


def test_what_a_library_logs_has_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", "json")
    logging.getLogger("celery.worker").warning("connection %s", "lost")

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["logger"], line["level"]) == ("connection lost", "celery.worker", "warning")


def test_a_line_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("warning", "json")
    get_logger("read").info("read_answered", asked=1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("key", ["value", "fields", "token", "Authorization", "email", "password"])
def test_secrets_and_field_values_are_withheld(key: str) -> None:
    assert withhold_secrets(None, "info", {"event": "x", key: "Ada"}) == {"event": "x", key: WITHHELD}


def test_a_secret_inside_a_mapping_is_withheld() -> None:
    line = withhold_secrets(None, "info", {"event": "x", "request": {"id": "1", "token": "hidden"}})
    assert line["request"] == {"id": "1", "token": WITHHELD}


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_local_variable(
    style: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("info", style)
    try:
        fail_on("Love" + "lace")
    except LookupError:
        get_logger("project").exception("contact_parked", contact="hubspot:contact:1")

    written = capsys.readouterr().err
    assert "LookupError" in written
    assert "Lovelace" not in written


def test_every_metric_name_is_described_once() -> None:
    assert set(METRICS) == set(get_args(MetricName))


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_name_says_what_it_counts(name: MetricName) -> None:
    """A counter ends in _total and nothing else does."""
    assert name.endswith("_total") == (METRICS[name].kind == "counter")
    assert METRICS[name].help.endswith(".")


def test_log_events_are_listed_in_order_and_once() -> None:
    assert list(get_args(LogEvent)) == sorted(set(get_args(LogEvent)))
