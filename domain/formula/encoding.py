"""Text as the platform counts it: in UTF-16 units, of which an astral character takes two."""

SIZE_LIMIT = 1_000_000
"""Texts that grow beyond this many characters are given up on; the platform cuts far earlier."""

_CODEC = "utf-16-le"
_LONE = "surrogatepass"


def _is_plain(text: str) -> bool:
    return text.isascii() or max(text) <= "\uffff"


def length(text: str) -> int:
    return len(text) if not text or _is_plain(text) else len(text.encode(_CODEC, _LONE)) // 2


def cut(text: str, start: int, end: int) -> str | None:
    """Take the units from start (inclusive, from 0) to end; None if that leaves nothing."""
    if not text or _is_plain(text):
        return text[start:end] or None
    units = text.encode(_CODEC, _LONE)[2 * start : 2 * end]
    return units.decode(_CODEC, _LONE) or None


def position_of(search: str, text: str, start: int) -> int:
    """Find from a unit position on; -1 if it is not there."""
    if _is_plain(text):
        return text.find(search, start)
    tail = cut(text, start, length(text)) or ""
    found = tail.find(search)
    return -1 if found < 0 else start + length(tail[:found])


def rejoined(text: str) -> str:
    """Make one character again of two halves that were joined."""
    if text.isascii():
        return text
    return text.encode(_CODEC, _LONE).decode(_CODEC, _LONE)


def order_key(text: str) -> bytes:
    """Sort as the platform does, by unit: astral characters before U+E000."""
    return text.encode("utf-16-be", _LONE)
