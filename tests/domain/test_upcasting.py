"""Reading what older and newer releases wrote."""

from typing import Any

import msgspec
import pytest

from domain.events import SCHEMA, EpochStarted, Paused, encode
from domain.upcasting import NewerEvent, UnreadableEvent, decode


def raw(**body: Any) -> bytes:
    return msgspec.json.encode(body)


def test_an_event_reads_back_as_it_was_written() -> None:
    assert decode(encode(Paused(by="ada"))) == Paused(by="ada")


def test_an_old_shape_is_lifted_step_by_step() -> None:
    steps = {
        "halted/1": lambda body: {**body, "kind": "paused/0", "who": body["name"]},
        "paused/0": lambda body: {"kind": "paused/1", "by": body["who"]},
    }
    assert decode(raw(kind="halted/1", name="ada"), steps=steps) == Paused(by="ada")


@pytest.mark.parametrize("kind", ["paused/2", "teleported/1"], ids=["a newer version", "a newer kind"])
def test_what_a_newer_release_wrote_stops_this_one(kind: str) -> None:
    with pytest.raises(NewerEvent):
        decode(raw(kind=kind, by="ada"))


@pytest.mark.parametrize(
    "entry",
    [
        b"\xff",
        b"[]",
        b"{}",
        raw(kind="paused/1"),
        b'{"kind":"paused/1","by":"\xff"}',
        b'{"kind":"paused/1","by":"me","more":' + b"[" * 9_999,
    ],
    ids=["no JSON", "no object", "no kind", "a field missing", "no UTF-8", "too deep"],
)
def test_what_is_no_event_is_told_apart(entry: bytes) -> None:
    with pytest.raises(UnreadableEvent) as raised:
        decode(entry)
    assert not isinstance(raised.value, NewerEvent)


def test_an_epoch_of_a_newer_release_stops_an_older_worker() -> None:
    newer = encode(EpochStarted(code="9.0", schema=SCHEMA + 1, zone_data="2030a"))
    with pytest.raises(NewerEvent, match=r"9\.0"):
        decode(newer)


def test_an_epoch_of_this_release_is_read() -> None:
    ours = EpochStarted(code="0.1", schema=SCHEMA, zone_data="2026a")
    assert decode(encode(ours)) == ours
