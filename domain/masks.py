"""Masking values: what a text says goes, the form that decisions may depend on stays.

A letter becomes another letter and a digit another digit, chosen by a key and by the letters or digits
before it. So equal texts stay equal and different ones different; length, spaces, marks, letter case and the
form of addresses and numbers stay; and what a mapping does with a text on its way (cutting, trimming, letter
case, digits alone) gives the masked form of what it would have given. Texts that begin alike begin alike
masked. Dates move by one number of days. Without the key nothing is turned back.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from hashlib import blake2b
from string import ascii_lowercase

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE)
_TRUTHS = frozenset({"true", "false"})
_DIGITS = "123456789"
"""Zero stays zero: it is what a number may begin and end with."""

_OTHERS = "абвгдежзиклмнопрстуфхцчшщъыьэюя"
"""What letters and digits beyond ASCII become."""

_Next = Callable[[str], str]


class Mask:
    """Masks texts by a key of 16 to 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._days = timedelta(
            366 + int.from_bytes(blake2b(b"days", key=key, digest_size=2).digest()) % 3_000
        )
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        """The masked form; parts between semicolons are masked each by itself. Booleans stay."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = ";".join(map(self._part, text.split(";")))
        return known

    def _part(self, part: str) -> str:
        if part.strip().lower() in _TRUTHS:
            return part
        return self._later(part) or self._spelled(part)

    def _later(self, part: str) -> str | None:
        found = _DAY.fullmatch(part)
        if found is None:
            return None
        try:
            return (date.fromisoformat(found[1]) + self._days).isoformat() + (found[2] or "")
        except OverflowError:  # a day that stands for "never"
            return part
        except ValueError:
            return None

    def _spelled(self, part: str) -> str:
        letters, digits = (partial(_next, blake2b(kind, key=self._key)) for kind in (b"letters", b"digits"))
        return "".join(_masked(char, letters, digits) for char in part)


def _masked(char: str, letters: _Next, digits: _Next) -> str:
    if char in _DIGITS:
        return digits(char)
    if char == "0" or not char.isalnum():
        return char
    masked = letters(char.lower())
    return masked.upper() if char.isupper() else masked


def _next(seen: "blake2b", char: str) -> str:
    """What a letter or digit becomes behind those seen so far; it is one of them then."""
    digest = seen.digest()
    seen.update(char.encode())
    symbols = _DIGITS if char in _DIGITS else ascii_lowercase
    place = symbols.find(char)
    if place < 0:
        return _OTHERS[blake2b(char.encode(), key=digest, digest_size=1).digest()[0] % len(_OTHERS)]
    return symbols[sorted(range(len(symbols)), key=digest.__getitem__)[place]]
