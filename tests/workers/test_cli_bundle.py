"""``crmsync log bundle`` and ``crmsync replay bundle``, as an operator and whoever helps him see them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain import events as e
from tests.workers.installed import Installation
from tests.workers.lanes import ADA, append, refused, shown
from tests.world import HS
from workers.bundle_files import read, write
from workers.cli.main import main
from workers.clock import SystemClock

ADDRESS = "ada@example.com"


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Ada's new city waits to be written; whoever types stands in an empty directory."""
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    made = Installation(tmp_path, CRMSYNC_ACME_HUBSPOT_TOKEN="pat-very-secret").with_ada()
    made.clock.advance((SystemClock().now_ms() - made.clock.now_ms()) / 1000 + 60)
    return made


def anywhere(*arguments: str) -> Result:
    """Type a command on a machine that has nothing of the connection."""
    return CliRunner().invoke(main, arguments, obj=None)


def replayed(file: str, code: int = 0) -> Any:
    result = anywhere("replay", "bundle", file, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("text", [ADDRESS, "1", "00Q000000000001EAA", ADA])
def test_a_contact_is_bundled_by_whatever_names_it_and_replayed_anywhere(
    acme: Installation, text: str
) -> None:
    made = acme.json("log", "bundle", text, "--out", "ada.jsonl")
    found = replayed("ada.jsonl")

    assert (made["contact"], made["reason"]) == (ADA, "awaiting_delivery")
    assert found["same"]
    assert found["found"]["writes"]["salesforce"]["fields"] == ["City"]
    assert found["explanation"]["code"] == "awaiting_delivery"


def test_it_says_what_it_wrote_and_what_comes_of_it(acme: Installation) -> None:
    said = acme.says("log", "bundle", ADDRESS)
    assert "Written: bundle-hubspot-contacts-1.jsonl" in said
    assert "awaiting_delivery" in said

    result = anywhere("replay", "bundle", "bundle-hubspot-contacts-1.jsonl")
    assert result.exit_code == 0
    assert "already_in_sync" in result.stdout
    assert "It is decided as the bundle says." in result.stdout


def test_neither_values_nor_secrets_are_in_it(acme: Installation) -> None:
    append(acme.lane, *refused(ADA, message="no lead for Lovelace"))
    append(acme.lane, e.SyncRequested(entity=ADA, cause="manual", by="charles"))
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    raw = Path("ada.jsonl").read_bytes().lower()

    assert not [
        word
        for word in (b"ada@", b"example.com", b"lovelace", b"wien", b"graz", b"charles", b"secret", b"pat-")
        if word in raw
    ]
    assert "rejected" in {each["reason"] for each in replayed("ada.jsonl")["found"]["decisions"].values()}


def test_a_packed_one_is_replayed_too(acme: Installation) -> None:
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl.zst")
    assert replayed("ada.jsonl.zst")["same"]


def test_what_is_archived_and_trimmed_is_in_it(acme: Installation) -> None:
    acme.says("log", "archive")
    acme.lane.log.trim(acme.lane.log.tail())
    moved = shown(HS, "contacts", "1", ticket=90, email=ADDRESS, lastname="Lovelace", city="Linz")
    append(acme.lane, moved)
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    assert len(replayed("ada.jsonl")["found"]["decisions"]) == 2


def test_fields_that_had_to_stay_are_named(acme: Installation) -> None:
    section = acme.link.lane.document(acme.lane.state().config)
    section["sections"][0]["salesforce_filter"] = {"Lead": 'City <> "Atlantis"'}
    name = e.digest(section)
    acme.lane.append([e.ConfigurationApplied(digest=name, by="test")], [section])
    acme.project()

    said = acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    assert "look at them before you send the file" in said
    assert "the filter of Lead reads it" in said
    assert b"Graz" in Path("ada.jsonl").read_bytes()
    assert {each["field"] for each in replayed("ada.jsonl")["unmasked"]} >= {"city", "City"}


# -- other moments


def test_as_it_was_at_a_moment_or_when_a_decision_was_closed(acme: Installation) -> None:
    first, *_ = acme.json("contact", "history", ADDRESS)
    append(acme.lane, *refused(ADA))
    before = acme.json("log", "bundle", ADDRESS, "--out", "one.jsonl", "--decision", first["id"])
    assert (before["decision"], before["reason"]) == (first["id"], "already_in_sync")
    assert [*replayed("one.jsonl")["found"]["decisions"]] == [first["id"]]

    position = acme.json("contact", "events", ADDRESS)[-3]["position"]
    then = acme.json("log", "bundle", ADDRESS, "--out", "two.jsonl", "--at", position)
    assert then["reason"] == "awaiting_delivery"
    assert acme.json("log", "bundle", ADDRESS, "--out", "three.jsonl")["reason"] == "rejected"


# -- refusals


def test_a_file_that_is_there_is_kept_unless_somebody_insists(acme: Installation) -> None:
    Path("ada.jsonl").write_text("before")
    assert "ada.jsonl exists already" in acme.fails("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    assert Path("ada.jsonl").read_text() == "before"
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl", "--force")
    assert replayed("ada.jsonl")["same"]


def test_what_is_no_file_is_not_replaced_by_one(acme: Installation) -> None:
    os.mkfifo("device")
    message = acme.fails("log", "bundle", ADDRESS, "--out", "device", "--force")

    assert "device is no file" in message
    assert Path("device").is_fifo()


def test_who_is_not_known_or_erased_is_told(acme: Installation) -> None:
    assert "No contact of acme is known by bob" in acme.fails("log", "bundle", "bob", code=2)
    assert "has no decision 1-0" in acme.fails("log", "bundle", ADDRESS, "--decision", "1-0", code=2)
    append(acme.lane, e.RecordGone(crm=HS, object="contacts", id="1", cause="erased", at=1, ticket=99))
    assert "was erased for privacy" in acme.fails("log", "bundle", ADA)
    assert [*Path().iterdir()] == []


def test_a_state_that_the_log_does_not_give_is_refused_with_what_differs(acme: Installation) -> None:
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    tables = acme.lane.tables()
    Path("ada.jsonl").unlink()
    key = next(key for key in acme.runtime.redis.scan_iter("*decisions*"))
    acme.runtime.redis.delete(key)
    assert tables.decisions(ADA, 9) == []

    said = acme.fails("log", "bundle", ADDRESS)
    assert "does not give what the running state holds" in said
    assert "already_in_sync in the bundle" in said
    assert [*Path().iterdir()] == []


def test_a_directory_that_is_not_there_is_named(acme: Installation) -> None:
    assert "nowhere" in acme.fails("log", "bundle", ADDRESS, "--out", "nowhere/ada.jsonl")


def test_a_file_that_is_no_bundle_is_named_with_the_line(acme: Installation) -> None:
    Path("letter.txt").write_text("Dear support,\n")
    result = anywhere("replay", "bundle", "letter.txt")
    assert (result.exit_code, "letter.txt, line 1: this is no bundle." in result.stderr) == (1, True)
    assert anywhere("replay", "bundle", "gone.jsonl").exit_code == 1

    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    text = Path("ada.jsonl").read_text()
    Path("ada.jsonl").write_text(text.replace('"reason":"already_in_sync"', '"reason":"delivered"'))
    assert "the file was changed" in anywhere("replay", "bundle", "ada.jsonl").stderr


def test_what_is_decided_otherwise_is_shown_beside_what_was(acme: Installation) -> None:
    acme.says("log", "bundle", ADDRESS, "--out", "ada.jsonl")
    header, content = read(Path("ada.jsonl"))
    write(Path("ada.jsonl"), header, content._replace(entries=content.entries[:-1]))

    found = replayed("ada.jsonl", code=2)
    assert not found["same"]
    assert {"what": "waits_for", "expected": "awaiting_delivery", "found": None} in found["differences"]
    result = anywhere("replay", "bundle", "ada.jsonl")
    assert "It is decided otherwise than the bundle says" in result.stdout
