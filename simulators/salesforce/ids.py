"""Record ids: 15 case-sensitive characters, or the same with three check characters."""

import re

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT, _LONG = 15, 18
_FORM = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?")
_INSTANCE = "5e00000"


def to18(short: str) -> str:
    """Add the check characters, which tell the letter case of each group of five."""
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(
        _CHECK[sum(1 << at for at, c in enumerate(group) if c.isupper())] for group in groups
    )


def normalise(text: object) -> str | None:
    """The 18-character form of an id in either form; None if it is not one (wrong check characters too)."""
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        return None
    full = to18(text[:_SHORT])
    return full if len(text) == _SHORT or full == text else None


class Ids:
    """Hands out ids; later ones sort after earlier ones."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        number = self._last.get(prefix, 62**4 * 11) + 1
        self._last[prefix] = number
        width = _SHORT - len(prefix) - len(_INSTANCE)
        return to18(prefix + _INSTANCE + _base62(number, width))


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
