"""What an operator types, and what is answered: for people, as JSON, and as an exit code."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from domain import events as e
from domain.book import Changes, Table
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Priority
from tests.workers.installed import ADA, FILE, LETTER, Installation
from tests.workers.lanes import append, refused, shown
from tests.world import HS, SF
from workers.cli import failures
from workers.cli.fleet import ROOT
from workers.clock import SystemClock
from workers.control import Control
from workers.settings import child_environment
from workers.storage.redis_store import connect

CRMSYNC = Path(sys.executable).parent / "crmsync"


@pytest.fixture
def acme(tmp_path: Path) -> Installation:
    """A connection with Ada in it."""
    return Installation(tmp_path).with_ada()


@pytest.fixture
def mourning(tmp_path: Path) -> Installation:
    """A connection with a dead letter."""
    return Installation(tmp_path).with_letter()


# -- loading


@pytest.mark.parametrize(
    "way", [[str(CRMSYNC)], [sys.executable, "-m", "workers.cli"]], ids=["script", "module"]
)
def test_an_interrupt_while_the_commands_are_loaded_ends_quietly(
    tmp_path: Path, way: list[Path | str]
) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    path = child_environment({"PYTHONPATH": f"{tmp_path}:{ROOT}"})

    ended = subprocess.run([*way, "status"], env=path, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (130, b"")


def test_a_closed_output_is_no_failure(tmp_path: Path) -> None:
    words = f"{CRMSYNC} config init acme >&-"
    ended = subprocess.run(
        ["/bin/sh", "-c", words], cwd=tmp_path, text=True, capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "config" / "acme.yaml").exists()


# -- what was typed


@pytest.mark.parametrize(
    "words",
    [
        ("contact", "show", "\udcff"),
        ("contact", "explain", "\udcff", "--at", "1-0"),
        ("erase", "\udcff", "--yes"),
        ("log", "bundle", "\udcff"),
        ("pause", "--why", "\udcff"),
    ],
)
def test_what_is_not_utf_8_is_told(words: tuple[str, ...], acme: Installation) -> None:
    events = acme.lane.log.appended()

    assert "which is not UTF-8" in acme.fails(*words)
    assert acme.lane.log.appended() == events


def test_an_output_that_lacks_a_character_is_told() -> None:
    error = UnicodeEncodeError("ascii", "Gräfin", 2, 3, "ordinal not in range(128)")

    assert failures.sentence(error) == "The output is in ascii, which has no 'ä': set PYTHONIOENCODING=utf-8."


def test_what_steers_a_terminal_is_spelled_out_in_failures_too(acme: Installation) -> None:
    assert "known by \\x1b[31mred:" in acme.fails("contact", "show", "\x1b[31mred", code=2)


@pytest.mark.parametrize("raw", [b"\xc1", b"\x91\xa1\xff"], ids=["no row", "no text"])
@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_damaged_row_is_told_with_its_remedy(command: str, raw: bytes, acme: Installation) -> None:
    tables = acme.lane.tables()
    place = tables.checkpoint()
    damage = Changes({Table.CONTACTS: {"hubspot/contacts/1": raw}}, {}, {}, {}, {}, {})
    assert tables.commit(place, place, damage)

    said = " ".join(acme.fails("contact", command, "hubspot/contacts/1").split())

    assert "A row of the running state cannot be read" in said
    acme.says("replay", "rebuild")
    acme.says("contact", command, "hubspot/contacts/1")


@pytest.mark.parametrize("words", ["contact history 1", "replay diff", "shadow report", "adopt"])
@pytest.mark.parametrize("limit", ["0", "-1", "99999999999999999999"])
def test_a_limit_that_is_none_is_refused(words: str, limit: str, acme: Installation) -> None:
    assert "is not in the range" in acme.fails(*words.split(), "--limit", limit)


# -- which connection


def test_the_only_file_names_the_connection(acme: Installation) -> None:
    assert acme.json("status")["connection"] == "acme"


def test_the_server_names_the_connection_where_there_is_no_file(tmp_path: Path) -> None:
    assert Installation(tmp_path, files={}).with_ada().json("status")["connection"] == "acme"


@pytest.mark.parametrize(
    ("files", "arguments", "sentence"),
    [
        ({}, (), "on the log's server (CRMSYNC_REDIS_URL). Go where the installation is"),
        ({}, ("-c", "beta"), "or set these variables; crmsync config init NAME begins a new one."),
        ({"acme": FILE, "beta": FILE}, (), "There are several connections: name one with -c (acme, beta)."),
        (
            {"acme": FILE},
            ("-c", "beta"),
            "There is no connection beta, there are acme: crmsync config init beta",
        ),
    ],
    ids=["none", "none of that name", "several", "unknown"],
)
def test_an_unclear_connection_is_asked_for(
    tmp_path: Path, files: dict[str, str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in Installation(tmp_path, files=files).fails("status", *arguments)


@pytest.mark.parametrize("words", ["status", "doctor -c acme"])
def test_a_directory_with_nothing_in_it_is_told_and_left_as_it_is(tmp_path: Path, words: str) -> None:
    typed = subprocess.run(
        [CRMSYNC, *words.split()], cwd=tmp_path, text=True, capture_output=True, check=False
    )

    assert typed.returncode == 1
    assert f"no file in {tmp_path}/config (CRMSYNC_CONFIG_DIR)" in typed.stderr
    assert f"no log in {tmp_path}/var (CRMSYNC_DATA_DIR). Go where the installation is" in typed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_connection_starts_no_server(tmp_path: Path) -> None:
    Installation(tmp_path)

    typed = subprocess.run(
        [CRMSYNC, "status", "-c", "amce"], cwd=tmp_path, text=True, capture_output=True, check=False
    )

    assert "There is no connection amce, there are acme" in typed.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


# -- one contact


@pytest.mark.parametrize("text", ["ada@example.com", "1", "00Q000000000001", ADA])
def test_a_contact_is_shown_by_whatever_names_it(acme: Installation, text: str) -> None:
    shown = acme.says("contact", "show", text)

    assert f"{ADA}: waiting" in shown
    assert '"Graz"' in shown
    assert "update Lead 00Q000000000001EAA" in shown


@pytest.mark.parametrize("command", ["show", "explain", "history"])
def test_nobody_matches_with_exit_code_two(acme: Installation, command: str) -> None:
    message = acme.fails("contact", command, "nobody@example.com", code=2)

    assert "No contact of acme is known by nobody@example.com: give an e-mail address" in message


def test_a_contact_as_json_has_both_records_and_its_fields(acme: Installation) -> None:
    found = acme.json("contact", "show", ADA)

    assert {each["crm"] for each in found["records"]} == {"hubspot", "salesforce"}
    assert {"hubspot", "salesforce", "rule", "mark"} <= found["fields"][0].keys()
    assert found["writes"][0]["fields"] == {"City": "Graz"}


def test_an_explanation_names_the_event_and_what_it_waits_for(acme: Installation) -> None:
    found = acme.json("contact", "explain", ADA)

    assert list(found) == [
        *("entity", "kind", "now", "code", "text", "why", "decided", "again", "inclusion"),
        *("fields", "letters", "lost", "obstacles", "remedies"),
    ]
    assert found["code"] == "awaiting_delivery"
    assert found["decided"]["detail"] == f"{ADA} city"
    assert found["fields"][0]["fate"] == "to be written to Salesforce"


def test_an_older_decision_is_explained_by_its_id(mourning: Installation) -> None:
    append(mourning.lane, e.SyncRequested(entity=ADA, cause="list", by="ann"))
    history = mourning.json("contact", "history", ADA)

    refused = next(each for each in history if each["reason"] == "rejected")

    assert mourning.json("contact", "explain", ADA, "--decision", refused["id"])["code"] == "rejected"
    message = mourning.fails("contact", "explain", ADA, "--decision", "1-0", code=2)
    assert "The contact has no decision 1-0" in message


def test_what_a_crm_says_cannot_steer_the_terminal(acme: Installation) -> None:
    append(
        acme.lane,
        e.RecordObserved(
            crm=HS,
            object="contacts",
            id="1",
            fields={"city": "\x1b[2J[red]Graz"},
            modified_at=2**41,
            ticket=99,
            source="poll",
        ),
    )

    assert '"\\x1b[2J[red]Graz"' in acme.says("contact", "show", ADA)


# -- the connection as a whole


def test_status_shows_what_waits_and_what_to_do(acme: Installation) -> None:
    acme.says("pause", "--why", "migration")
    acme.project()

    shown = acme.says("status")

    assert "crmsync resume" in shown
    assert "outbox/salesforce/live" in shown
    assert f"{ADA}" in shown
    assert "the newest 200 decisions of a contact; sync errors until they are mended" in " ".join(
        shown.split()
    )


def test_status_as_json_has_every_part(acme: Installation) -> None:
    found = acme.json("status")

    assert {"lag", "queues", "suspended", "paused", "guards", "baselines", "jobs", "budgets"} <= found.keys()
    assert [each["wait"] for each in found["oldest_open"]] == ["awaiting_delivery"]
    assert found["polls"] == []
    assert found["retention"] == {"decisions": 200, "decision_days": None, "sync_error_days": None}


def test_status_tells_how_far_an_object_was_polled(acme: Installation) -> None:
    acme.lane.coordination.set_cursor("poll/hubspot/contacts", '{"since":1767225540000}')

    assert acme.json("status")["polls"] == [{"place": "hubspot/contacts", "until": 1767225600000}]


def test_a_pause_is_lifted_again(acme: Installation) -> None:
    acme.says("pause")
    acme.project()
    assert acme.json("status")["paused"]

    acme.says("resume")
    acme.project()

    assert acme.json("status")["paused"] == ""


# -- the log


def test_tail_shows_names_and_no_values(mourning: Installation) -> None:
    shown = mourning.says("tail", "--from", "0-0", "--no-follow")

    assert "observed/1" in shown
    assert "email" in shown
    assert "code=REQUIRED_FIELD_MISSING" in shown
    for secret in ("ada@example.com", "Lovelace", "Graz", "no [LastName]"):
        assert secret not in shown


def test_tail_takes_one_kind_and_ends_at_the_limit(acme: Installation) -> None:
    lines = acme.says("tail", "--from", "0-0", "--kind", "observed", "--limit", "2", "--json").splitlines()

    assert [json.loads(line)["kind"] for line in lines] == ["observed/1", "observed/1"]


def positions(acme: Installation, *arguments: str) -> list[str]:
    return [json.loads(line)["position"] for line in acme.says("tail", *arguments, "--json").splitlines()]


def test_tail_shows_the_last_events(acme: Installation) -> None:
    for number in range(50):
        append(acme.lane, e.Resumed(by="ann", request=str(number)))
    everything = positions(acme, "--from", "0-0", "--no-follow")

    assert positions(acme, "--no-follow") == everything[-20:]
    assert positions(acme, "--no-follow", "-n", "3") == everything[-3:]
    assert positions(acme, "--no-follow", "-n", "1000") == everything
    assert positions(acme, "--no-follow", "-n", "0") == []
    resumed = positions(acme, "--from", "0-0", "--kind", "resumed", "--no-follow")
    assert positions(acme, "--no-follow", "--kind", "resumed", "-n", "30") == resumed[-30:]


def test_tail_shows_last_events_that_only_the_archive_holds_and_old_ones(acme: Installation) -> None:
    everything = positions(acme, "--from", "0-0", "--no-follow")
    acme.clock.advance((SystemClock().now_ms() - acme.clock.now_ms()) / 1000 + 60)
    acme.says("log", "archive")
    acme.lane.log.trim(acme.lane.log.tail())

    assert acme.link.stores.log.length() == 0
    assert positions(acme, "--no-follow") == everything


def test_tail_waits_for_more(acme: Installation) -> None:
    acme.clock.work = lambda: append(acme.lane, e.Resumed(by="ann", request="1"))

    line = json.loads(acme.says("tail", "-n", "0", "--limit", "1", "--json"))

    assert (line["kind"], line["details"]) == ("resumed/1", {"by": "ann"})


def test_tail_ends_by_ctrl_c(acme: Installation) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    acme.clock.work = press

    assert acme.says("tail", "-n", "0") == ""


@pytest.mark.parametrize("text", ["yesterday", "1-99999999999999999999", "99999999999999999999-0", "٣-٤"])
def test_tail_refuses_what_is_no_position(acme: Installation, text: str) -> None:
    assert f"{text} is no position" in acme.fails("tail", "--from", text)


def test_tail_refuses_a_kind_that_there_is_not(acme: Installation) -> None:
    message = acme.fails("tail", "--kind", "observe")

    assert "no events of the kind observe. There are account, answered," in message
    assert acme.says("tail", "--no-follow", "--kind", "observed/1")


def test_tail_goes_past_what_is_no_event(acme: Installation) -> None:
    acme.lane.log.append([(b"x" * 16, b"not an event"), (b"y" * 16, b'{"kind":"observed/9"}')])

    shown = acme.says("tail", "--from", acme.lane.tables().checkpoint(), "--no-follow")

    assert "unreadable" in shown
    assert "remedy=upgrade this machine" in shown


# -- syncing


def work(acme: Installation) -> None:
    """What the workers do meanwhile: jobs, and folding."""
    Control(acme.lane).run()
    acme.project()


def test_a_synced_contact_is_followed_to_its_decision(tmp_path: Path) -> None:
    acme = Installation(tmp_path).with_ada()
    gone = e.RecordGone(crm=SF, object="Lead", id="00Q000000000001EAA", cause="deleted", at=2**41, ticket=50)
    acme.clock.work = lambda: append(acme.lane, gone)

    assert acme.json("sync", "contact", "1")["decision"]["reason"] == "record_deleted"


def test_a_contact_that_nobody_decides_is_a_failure_with_a_hint(acme: Installation) -> None:
    message = acme.fails("sync", "contact", "1", "--timeout", "5")

    assert "not decided after 5 s" in message
    assert "crmsync status" in message


def test_a_request_need_not_be_followed(acme: Installation) -> None:
    assert acme.json("sync", "contact", "1", "--no-wait") == {"contact": ADA, "decision": None}


def test_syncing_all_follows_the_job_to_its_end(acme: Installation) -> None:
    acme.clock.work = lambda: work(acme)

    job = acme.json("sync", "all")

    assert (job["kind"], job["done"], job["finished"]) == ("all", 1, True)
    assert acme.lane.backlog() == 0


def test_a_job_goes_on_by_itself(acme: Installation) -> None:
    assert "goes on by itself" in acme.says("sync", "all", "--no-wait")
    assert [each["finished"] for each in acme.json("status")["jobs"]] == [False]


def test_whoever_stops_following_a_job_is_told_that_it_goes_on(acme: Installation) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    acme.clock.work = interrupt

    assert "goes on by itself; crmsync status shows how far" in acme.fails("sync", "all")
    assert [each["finished"] for each in acme.json("status")["jobs"]] == [False]


def test_a_long_value_is_shown_by_its_beginning_and_whole_in_json(acme: Installation) -> None:
    append(acme.lane, shown(HS, "contacts", "1", ticket=60, city="x" * 60_000))
    acme.project()

    told = acme.says("contact", "show", "1")
    assert "(60,000 characters)" in told
    assert told.count("x") < 1_000
    assert "x" * 60_000 in [each["hubspot_value"] for each in acme.json("contact", "show", "1")["fields"]]


@pytest.mark.parametrize("name", ["", "../acme", "Bad/Name"])
def test_what_cannot_name_a_connection_is_a_sentence(acme: Installation, name: str) -> None:
    assert "cannot name a connection" in acme.fails("status", "-c", name)
    assert "cannot name a connection" in acme.fails("replay", "rebuild", "--at", "1-0", "--into", name)


def test_moments_in_the_wrong_order_are_refused(acme: Installation) -> None:
    moments = ("--from", "2026-05-03T10:00Z", "--to", "2026-05-03T11:00+02:00")
    assert "--from is later than --to" in acme.fails("contact", "diff", "1", *moments)


# -- configuration


def test_a_right_file_is_valid(acme: Installation) -> None:
    assert "acme.yaml is right." in acme.says("config", "validate", "--offline")


def test_a_wrong_file_is_refused_with_line_and_remedy(tmp_path: Path) -> None:
    acme = Installation(tmp_path, files={"acme": FILE.replace("two_way", "both_ways")})

    result = acme.run("config", "validate", "--offline", "--json")

    assert result.exit_code == 1
    assert {each["line"] for each in json.loads(result.stdout)} == {6, 8}
    assert "acme.yaml:6:43: " in acme.run("config", "validate").stdout


def test_every_command_says_in_words_that_the_file_is_wrong(tmp_path: Path) -> None:
    message = Installation(tmp_path, files={"acme": "connection: [\n"}).fails("config", "apply")

    assert "acme.yaml:" in message
    assert "Traceback" not in message


def test_a_missing_secret_is_named_with_where_to_find_it(acme: Installation) -> None:
    message = acme.fails("config", "apply")

    assert "CRMSYNC_ACME_HUBSPOT_TOKEN is not set: copy the token of the HubSpot app" in message


def test_the_history_marks_the_configuration_in_force(acme: Installation) -> None:
    found = acme.json("config", "history")

    assert [(each["by"], each["in_force"]) for each in found] == [("test", True)]
    assert found[0]["digest"] == acme.json("status")["configuration"]


def test_a_configuration_that_cannot_be_used_is_not_marked_as_in_force(acme: Installation) -> None:
    before = acme.json("status")["configuration"]
    nonsense = {"connection": "acme", "sections": [{}]}
    acme.lane.append([e.ConfigurationApplied(digest=e.digest(nonsense), by="me")], [nonsense])
    acme.project()
    found = acme.json("config", "history")

    assert [(each["by"], each["in_force"]) for each in found] == [("me", False), ("test", True)]
    assert acme.json("status")["configuration"] == before


# -- errors and dead letters


def test_errors_are_grouped_with_cause_and_remedy(mourning: Installation) -> None:
    (group,) = mourning.json("errors", "list")

    assert (group["errors"], group["count"], group["code"]) == (1, 1, "REQUIRED_FIELD_MISSING")
    assert group["cause"]
    assert group["remedy"]
    assert ADA in mourning.says("errors", "show", "REQUIRED_FIELD_MISSING")


def test_a_held_field_is_listed_shown_exported_and_tried_again(acme: Installation) -> None:
    person = {"email": "ada@example.com", "lastname": "Lovelace", "company": "Analytical"}
    append(acme.lane, shown(HS, "contacts", "1", ticket=30, city="Wien", firstname="Ada" * 20, **person))

    (group,) = acme.json("errors", "list")
    (row,) = csv.DictReader(io.StringIO(acme.says("errors", "export")))

    assert (group["count"], group["code"], group["contacts"]) == (1, "validation", [ADA])
    assert (row["contact"], row["fields"], row["reason"]) == (ADA, "FirstName", "validation")
    assert ADA in acme.says("errors", "show", "validation")
    assert "salesforce FirstName validation" in acme.says("contact", "show", ADA)
    assert "salesforce: 1 fields" in acme.says("status")
    assert "There are no dead letters." in acme.says("dead-letters", "list")
    assert "1 contacts are being synced again." in acme.says("errors", "resync", "validation")


@pytest.mark.rule(123)
def test_status_counts_the_errors_of_each_cause_and_whom_they_affect(mourning: Installation) -> None:
    (found,) = mourning.json("status")["errors"]

    assert (found["code"], found["errors"], found["contacts"]) == ("REQUIRED_FIELD_MISSING", 1, 1)
    assert "REQUIRED_FIELD_MISSING" in mourning.says("status")


def test_errors_since_a_moment_are_those_that_began_then(mourning: Installation) -> None:
    (group,) = mourning.json("errors", "list")
    day = datetime.fromtimestamp(group["first_at"] / 1000, UTC)

    assert mourning.json("errors", "list", "--since", f"{day:%Y-%m-%d}")
    assert mourning.json("errors", "list", "--since", f"{day + timedelta(days=1):%Y-%m-%d}") == []


@pytest.mark.rule(123)
def test_calls_used_allotted_and_left_are_shown_with_how_long_they_last(acme: Installation) -> None:
    acme.clock.advance((SystemClock().now_ms() - acme.clock.now_ms()) / 1000)  # the server's own counts
    limiter = acme.link.accounts.limiter(Crm.SALESFORCE)
    for _ in range(3):
        limiter.acquire(1, priority=Priority.LIVE)

    found = {each["crm"]: each for each in acme.json("budget", "status")}
    foreseen = {each["crm"]: each for each in acme.json("budget", "forecast")}

    assert found["salesforce"]["used_today"] == 3
    assert found["salesforce"]["retries"]
    assert foreseen["salesforce"]["used_up_at"] is None
    assert "salesforce: 6 calls an hour; they last." in acme.says("budget", "forecast")


def test_no_errors_are_said_to_be_none(acme: Installation) -> None:
    assert acme.says("errors", "list") == "There are no sync errors.\n"
    assert acme.says("dead-letters", "list") == "There are no dead letters.\n"


def test_an_unknown_error_code_matches_nothing(mourning: Installation) -> None:
    assert "There is no sync error NONE" in mourning.fails("errors", "show", "NONE", code=2)


def test_exported_errors_are_csv_without_values_or_formulas(tmp_path: Path) -> None:
    acme = Installation(tmp_path).with_ada()

    append(acme.lane, *refused(ADA, message="=HYPERLINK(1)"))

    (row,) = csv.DictReader(io.StringIO(acme.says("errors", "export")))

    assert (row["contact"], row["fields"], row["message"]) == (ADA, "City", "'=HYPERLINK(1)")
    assert "Graz" not in row.values()


def test_errors_are_exported_to_a_file(mourning: Installation, tmp_path: Path) -> None:
    target = tmp_path / "errors.csv"

    mourning.says("errors", "export", "-o", str(target))

    assert target.read_text("utf-8-sig").startswith("contact,crm,reason")
    message = mourning.fails("errors", "export", "-o", str(tmp_path / "none" / "errors.csv"))
    assert "No such file or directory" in message


@pytest.mark.parametrize("which", ["REQUIRED_FIELD_MISSING", "--all"])
def test_the_contacts_of_an_error_are_synced_again(mourning: Installation, which: str) -> None:
    mourning.says("errors", "resync", which)
    mourning.project()

    assert mourning.json("contact", "explain", ADA)["decided"]["trigger"] == "manual"


def test_a_letter_is_named_by_its_contact_or_its_key(mourning: Installation) -> None:
    for name in (LETTER, ADA, "ada@example.com"):
        assert mourning.json("dead-letters", "show", name)["key"] == LETTER
    assert '"Graz"' in mourning.says("dead-letters", "show", "1")
    assert "has no dead letter" in mourning.fails("dead-letters", "show", "1", "--crm", "hubspot", code=2)


def test_a_plan_says_what_a_redrive_would_send_and_sends_nothing(mourning: Installation) -> None:
    before = mourning.lane.log.tail()

    found = mourning.json("dead-letters", "plan", "1")

    assert found["writes"]["salesforce"]["fields"] == {"City": "Graz"}
    assert mourning.lane.log.tail() == before
    assert "update Lead 00Q000000000001EAA" in mourning.says("dead-letters", "plan", "1")


def test_a_plan_is_made_on_what_is_known_now(mourning: Installation) -> None:
    nameless = (("contacts", HS, "1"), ("Lead", SF, "00Q000000000001EAA"))
    append(mourning.lane, *(shown(crm, name, each, ticket=2**20) for name, crm, each in nameless))

    assert mourning.json("dead-letters", "plan", "1")["stop"] == "no_email"
    assert "Nothing would be sent. The contact has no e-mail address." in mourning.says(
        "dead-letters", "plan", "1"
    )


def test_the_letter_of_a_record_that_was_deleted_is_gone(mourning: Installation) -> None:
    gone = e.RecordGone(crm=SF, object="Lead", id="00Q000000000001EAA", cause="deleted", at=2**41, ticket=50)
    append(mourning.lane, gone)

    assert mourning.json("dead-letters", "list") == []


@pytest.mark.parametrize("which", ["1", "--all"])
def test_a_redriven_letter_is_decided_anew(mourning: Installation, which: str) -> None:
    mourning.says("dead-letters", "redrive", which)
    mourning.project()

    assert mourning.json("contact", "explain", ADA)["decided"]["trigger"] == "redrive"


def test_a_discarded_letter_is_gone(mourning: Installation) -> None:
    assert "--why" in mourning.fails("dead-letters", "discard", "1")

    mourning.says("dead-letters", "discard", "1", "--why", "left the company")
    mourning.project()

    assert mourning.json("dead-letters", "list") == []


@pytest.mark.parametrize("command", [("dead-letters", "redrive"), ("errors", "resync")])
def test_what_is_meant_must_be_said(mourning: Installation, command: tuple[str, ...]) -> None:
    assert "or --all" in mourning.fails(*command)


# -- suspensions


@pytest.mark.rule(130)
def test_a_suspension_is_shown_and_cleared(acme: Installation) -> None:
    assert "Nothing is suspended" in acme.says("suspension", "show")

    claim = refused(ADA)[0]
    lost = Outcome(OutcomeClass.MISCONFIGURED, code="INVALID_SESSION_ID")
    append(acme.lane, claim, e.DeliveryAnswered(entity=ADA, crm=SF, attempt=1, outcome=lost, ticket=90))

    shown = acme.run("suspension", "show")
    assert shown.exit_code == 2
    assert "Renew the credential" in shown.stdout
    acme.says("suspension", "clear", "salesforce")
    acme.project()

    assert acme.json("suspension", "show") == {"suspended": [], "guards": []}


def test_what_is_not_suspended_cannot_be_cleared(acme: Installation) -> None:
    assert "creates is not suspended" in acme.fails("suspension", "clear", "creates", code=2)


# -- replay


def test_a_replay_that_agrees_says_so(acme: Installation) -> None:
    assert "Both states are equal" in acme.says("replay", "verify")
    assert acme.json("replay", "verify")["differing"] == []


def test_a_replay_finds_what_differs_and_a_rebuild_mends_it(acme: Installation) -> None:
    acme.runtime.redis.hset("{acme}:g1:refs", "hubspot/contacts/2", b"\xa1x")

    result = acme.run("replay", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)["differing"]) == (2, ["refs"])
    assert acme.json("replay", "rebuild")["differing"] == ["refs"]

    assert acme.json("replay", "verify")["differing"] == []


def test_a_replay_among_busy_workers_fails_in_words(acme: Installation) -> None:
    acme.lane.coordination.acquire("project", "somebody", 60_000)

    assert acme.fails("replay", "verify") == (
        "Error: Nothing was compared: project is busy; try again when it is calmer.\n"
    )


def test_a_log_of_a_newer_release_asks_for_an_upgrade(acme: Installation) -> None:
    acme.lane.log.append([(b"y" * 16, b'{"kind":"observed/9"}')])

    assert "The log was written by a newer release" in acme.fails("replay", "rebuild")
    assert "upgrade this worker" in acme.json("status")["newer"]
    assert "Nothing is folded any more: event 'observed/9' was written by a newer" in acme.says("status")


# -- wrong uses and bad weather


def test_a_server_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    acme = Installation(tmp_path)
    acme.runtime.redis = redis.Redis.from_url(
        "redis://:hush@127.0.0.1:1", retry=connect("unix://x").get_retry()
    )

    message = acme.fails("status")

    assert "The log's server cannot be used (ConnectionError): start it" in message
    assert "hush" not in message


@pytest.mark.parametrize(
    "arguments",
    [("contact", "shwo", "1"), ("status", "--nope"), ("--nope",), ("suspension", "clear", "moon"), ("nope",)],
    ids=" ".join,
)
def test_a_wrong_use_is_a_failure_and_no_difference(acme: Installation, arguments: tuple[str, ...]) -> None:
    assert "Error: " in acme.fails(*arguments)


def test_a_new_connections_file_is_complete_and_never_written_over(tmp_path: Path) -> None:
    installation = Installation(tmp_path, {})
    written = installation.says("config", "init", "beta")
    text = installation.runtime.file("beta").read_text()

    assert "beta.yaml" in written
    assert "connection: beta" in text
    assert "is right" in installation.says("config", "validate", "--offline")
    installation.runtime.file("beta").write_text("mine")
    assert "exists already" in installation.fails("config", "init", "beta")
    assert installation.runtime.file("beta").read_text() == "mine"


def test_a_name_that_cannot_be_a_connections_is_refused(tmp_path: Path) -> None:
    assert "cannot be the name" in Installation(tmp_path, {}).fails("config", "init", "Beta EU")
