"""Capitals and small letters, with the rules of Turkish and Lithuanian where a locale asks for them.

Source: Salesforce Help, "Formula Operators and Functions": UPPER, LOWER, INITCAP; the Unicode Standard,
SpecialCasing.
"""

import re
import unicodedata

_TURKIC = frozenset({"tr", "az"})
_DOT = "\u0307"
_DOTTED = {"\u00cc": "i\u0307\u0300", "\u00cd": "i\u0307\u0301", "\u0128": "i\u0307\u0303"}
_ABOVE = 230  #: the combining class of marks above a letter


def uppered(text: str | None, locale: str | None = None) -> str | None:
    """Capitals; a locale that is blank or unknown changes nothing."""
    if text is None:
        return None
    language = _language(locale)
    if language in _TURKIC:
        text = text.replace("i", "\u0130")
    if language == "lt":
        text = re.sub(f"([ij\u012f]){_DOT}", r"\1", text)
    return text.upper()


def lowered(text: str | None, locale: str | None = None) -> str | None:
    """Small letters; a locale that is blank or unknown changes nothing."""
    if text is None:
        return None
    language = _language(locale)
    if language in _TURKIC:
        text = text.replace(f"I{_DOT}", "i").replace("I", "\u0131").replace("\u0130", "i")
    if language == "lt":
        text = _with_lithuanian_dots(text)
    return text.lower()


def _language(locale: str | None) -> str:
    return re.split("[_-]", locale or "")[0].lower()


def _with_lithuanian_dots(text: str) -> str:
    """Keep the dot of a small i or j below a further accent."""
    following = [*text[1:], ""]
    return "".join(
        letter + _DOT
        if letter in "IJ\u012e" and mark and unicodedata.combining(mark) == _ABOVE
        else _DOTTED.get(letter, letter)
        for letter, mark in zip(text, following, strict=True)
    )


def capitalised(text: str) -> str:
    """Capitals at the start of each word, small letters after; a word is a run of letters and digits."""
    return re.sub(r"[^\W_]+", lambda word: word[0][:1].upper() + word[0][1:].lower(), text)
