"""Old shapes of events become today's, one version step per function, at the moment of reading.

The log keeps what was written; only readers change. A shape newer than this code is refused, never
guessed: folding it without understanding it would make replay and the running state differ.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.events import KINDS, SCHEMA, AnyEvent, EpochStarted

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise at bytes that do not hold what they should: text in them may be no UTF-8."""


class UnreadableEvent(ValueError):  # noqa: N818 - says what the entry is
    """The bytes are no event of this log."""


class NewerEvent(UnreadableEvent):
    """A newer release wrote the event; folding it here would make replay and running state differ."""


Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: dict[str, Step] = {}
"""Tag of an old shape -> the function that makes the next version of it."""

CURRENT: dict[str, int] = {
    tag.rpartition("/")[0]: int(tag.rpartition("/")[2])
    for tag in (str(kind.__struct_config__.tag) for kind in KINDS)
}

_decode: Callable[[bytes], AnyEvent] = msgspec.json.Decoder(AnyEvent).decode


def decode(raw: bytes, *, steps: Mapping[str, Step] = STEPS) -> AnyEvent:
    """Read an event from the log, in today's shape.

    Raises:
        NewerEvent: the event was written by a newer release than this one.
        UnreadableEvent: the bytes are no event at all.
    """
    try:
        event = _decode(raw)
    except UNDECODABLE:
        event = _decode_old(raw, steps)
    if isinstance(event, EpochStarted) and event.schema > SCHEMA:
        raise NewerEvent(f"release {event.code} has begun an epoch of its own; upgrade this worker")
    return event


def event_in(raw: bytes) -> AnyEvent | None:
    """An entry of the log as an event; None if it is none. Raises NewerEvent."""
    try:
        return decode(raw)
    except NewerEvent:
        raise
    except UnreadableEvent:
        return None


def _decode_old(raw: bytes, steps: Mapping[str, Step]) -> AnyEvent:
    try:
        body = msgspec.json.decode(raw)
    except UNDECODABLE as error:
        raise UnreadableEvent(f"not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("kind"), str):
        raise UnreadableEvent("an event without a kind")
    while (tag := str(body["kind"])) in steps:
        body = steps[tag](body)
    _refuse_newer(tag)
    try:
        return _decode(msgspec.json.encode(body))
    except UNDECODABLE as error:
        raise UnreadableEvent(f"{tag}: {error}") from None


def _refuse_newer(tag: str) -> None:
    kind, _, version = tag.rpartition("/")
    known = CURRENT.get(kind)
    if known is None or (version.isdigit() and int(version) > known):
        raise NewerEvent(f"event {tag!r} was written by a newer release; upgrade this worker")
