"""Old shapes of events become today's, one version step per function, at the moment of reading.

The log keeps what was written; only readers change. A shape newer than this code is refused, never
guessed: folding it without understanding it would make replay and the running state differ.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.errors import NewerEvent, UnreadableEvent
from domain.events import KINDS, AnyEvent

Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: dict[str, Step] = {}
"""Tag of an old shape -> the function that makes the next version of it."""

CURRENT: dict[str, int] = {
    tag.rpartition("/")[0]: int(tag.rpartition("/")[2]) for tag in (kind.__struct_config__.tag for kind in KINDS)
}

_decode = msgspec.json.Decoder(AnyEvent).decode


def decode(raw: bytes, *, steps: Mapping[str, Step] = STEPS) -> AnyEvent:
    """Read an event from the log, in today's shape.

    Raises:
        NewerEvent: the event was written by a newer release than this one.
        UnreadableEvent: the bytes are no event at all.
    """
    try:
        return _decode(raw)
    except msgspec.DecodeError:
        return _decode_old(raw, steps)


def _decode_old(raw: bytes, steps: Mapping[str, Step]) -> AnyEvent:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise UnreadableEvent(f"not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("kind"), str):
        raise UnreadableEvent("an event without a kind")
    while (tag := str(body["kind"])) in steps:
        body = steps[tag](body)
    _refuse_newer(tag)
    try:
        return msgspec.convert(body, AnyEvent)  # type: ignore[arg-type]  # a union of structs
    except msgspec.ValidationError as error:
        raise UnreadableEvent(f"{tag}: {error}") from None


def _refuse_newer(tag: str) -> None:
    kind, _, version = tag.rpartition("/")
    known = CURRENT.get(kind)
    if known is None or (version.isdigit() and int(version) > known):
        raise NewerEvent(f"event {tag!r} was written by a newer release; upgrade this worker")
