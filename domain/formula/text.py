"""The text functions.

Source: Salesforce Help, "Formula Operators and Functions": Text Functions. Counts are in UTF-16 units and are
cut to integers; comparison is case-sensitive; no function yields an empty text.
"""

import re
from decimal import Decimal

from domain.formula.casing import capitalised, lowered, uppered
from domain.formula.decimals import EXACT, plain, whole
from domain.formula.encoding import SIZE_LIMIT, cut, length, position_of, rejoined
from domain.formula.errors import ErrorKind, Fault
from domain.formula.functions import NUMBER, TEXT, Build, Function
from domain.formula.kinds import Kind
from domain.formula.regex import matches
from domain.formula.typed import lenient

_JAVA_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?")
_MAX_EXPONENT = 1_000


def left(text: str, count: Decimal) -> str | None:
    return cut(text, 0, max(whole(count), 0))


def right(text: str, count: Decimal) -> str | None:
    size = length(text)
    return cut(text, size - min(max(whole(count), 0), size), size)


def mid(text: str, start: Decimal, count: Decimal) -> str | None:
    first = max(whole(start), 1) - 1
    return cut(text, first, first + max(whole(count), 0))


def text_length(text: str | None) -> Decimal:
    return Decimal(length(text or ""))


def find(search: str, text: str, start: Decimal = Decimal(1)) -> Decimal:
    return Decimal(position_of(search, text, max(whole(start), 1) - 1) + 1)


def find_or_zero(search: str | None, text: str | None, *start: Decimal | None) -> Decimal | None:
    """Find a text in another; 0 if either is blank, before anything else is looked at."""
    if search is None or text is None:
        return Decimal(0)
    return None if None in start else find(search, text, *(each for each in start if each is not None))


def contains(text: str | None, search: str | None) -> bool | None:
    if search is None:
        return True
    return None if text is None else search in text


def begins(text: str | None, search: str | None) -> bool | None:
    if search is None:
        return True
    return None if text is None else text.startswith(search)


def substitute(text: str | None, old: str | None, new: str | None) -> str | None:
    if text is None or old is None:
        return None
    if len(text) + text.count(old) * len(new or "") > SIZE_LIMIT:
        raise Fault("the text grows too long", ErrorKind.UNKNOWN)
    return rejoined(text.replace(old, new or "")) or None


def trim(text: str) -> str | None:
    return text.strip(" ") or None


def left_pad(text: str, count: Decimal, pad: str = " ") -> str | None:
    return _padded(text, whole(count), pad, in_front=True)


def right_pad(text: str, count: Decimal, pad: str = " ") -> str | None:
    return _padded(text, whole(count), pad, in_front=False)


def _padded(text: str, count: int, pad: str, *, in_front: bool) -> str | None:
    missing = count - length(text)
    if missing <= 0:
        return cut(text, 0, max(count, 0))
    if count > SIZE_LIMIT:
        raise Fault("the text grows too long", ErrorKind.UNKNOWN)
    filling = cut(pad * (missing // length(pad) + 1), 0, missing) or ""
    return rejoined(filling + text if in_front else text + filling)


def reverse(text: str) -> str:
    return text[::-1]


def ascii_code(text: str) -> Decimal:
    return Decimal(ord(text[0]))


def character(code: Decimal) -> str | None:
    """Make the character of a code point; blank for 0 and for what is no character."""
    point = whole(code)
    is_character = 0 < point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF  # noqa: PLR2004  (Unicode's limits)
    return chr(point) if is_character else None


def is_number(text: str | None) -> bool:
    return text is not None and _JAVA_NUMBER.fullmatch(text) is not None


def number_of(text: str) -> Decimal:
    """Read a number as Java does: no spaces, no thousands separators."""
    if not is_number(text):
        raise Fault("VALUE of a text that is not a number")
    number = EXACT.create_decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise Fault("the number is out of range", ErrorKind.UNKNOWN)
    return number


_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def case_safe_id(text: str) -> str:
    """Lengthen a 15-character id by the three letters that keep which of its letters are capitals."""
    if re.fullmatch(r"[0-9A-Za-z]{18}", text):
        return text
    if not re.fullmatch(r"[0-9A-Za-z]{15}", text):
        raise Fault("CASESAFEID of a text that is not an id", ErrorKind.UNKNOWN)
    blocks = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        _ID_LETTERS[sum(1 << place for place, letter in enumerate(block) if "A" <= letter <= "Z")]
        for block in blocks
    )


def text_of_number(value: Decimal) -> str:
    if abs(value.adjusted()) > _MAX_EXPONENT:
        raise Fault("the number is out of range", ErrorKind.UNKNOWN)
    return plain(value)


def regex(text: str | None, pattern: str | None) -> bool:
    return matches(pattern or "", text or "")


def hyperlink(url: str | None, label: str | None, target: str | None = "_blank") -> str:
    """Render as the API gives the value of such a formula field."""
    return f'<a href="{url or ""}" target="{target or "_blank"}">{label or ""}</a>'


def image(
    url: str | None, alternative: str | None, height: Decimal | None = None, width: Decimal | None = None
) -> str:
    """Render as the API gives the value of such a formula field."""
    style = ""
    if height is not None and width is not None:
        style = f' style="height:{plain(height)}px; width:{plain(width)}px;"'
    return f'<img src="{url or ""}" alt="{alternative or ""}"{style} border="0"/>'


def line_break() -> str:
    return "<br>"


FUNCTIONS: dict[str, Build] = {
    "ASCII": Function(ascii_code, (TEXT,), Kind.NUMBER),
    "BEGINS": Function(begins, (TEXT, TEXT), Kind.BOOLEAN, style=lenient),
    "BR": Function(line_break, (), Kind.TEXT, style=lenient),
    "CASESAFEID": Function(case_safe_id, (TEXT,), Kind.TEXT),
    "CHR": Function(character, (NUMBER,), Kind.TEXT),
    "CONTAINS": Function(contains, (TEXT, TEXT), Kind.BOOLEAN, style=lenient),
    "FIND": Function(find_or_zero, (TEXT, TEXT, NUMBER), Kind.NUMBER, 1, lenient),
    "HYPERLINK": Function(hyperlink, (TEXT, TEXT, TEXT), Kind.TEXT, 1, lenient),
    "IMAGE": Function(image, (TEXT, TEXT, NUMBER, NUMBER), Kind.TEXT, 2, lenient),
    "INITCAP": Function(capitalised, (TEXT,), Kind.TEXT),
    "ISNUMBER": Function(is_number, (TEXT,), Kind.BOOLEAN, style=lenient),
    "LEFT": Function(left, (TEXT, NUMBER), Kind.TEXT),
    "LEN": Function(text_length, (TEXT,), Kind.NUMBER, style=lenient),
    "LOWER": Function(lowered, (TEXT, TEXT), Kind.TEXT, 1, lenient),
    "LPAD": Function(left_pad, (TEXT, NUMBER, TEXT), Kind.TEXT, 1),
    "MID": Function(mid, (TEXT, NUMBER, NUMBER), Kind.TEXT),
    "REGEX": Function(regex, (TEXT, TEXT), Kind.BOOLEAN, style=lenient),
    "REVERSE": Function(reverse, (TEXT,), Kind.TEXT),
    "RIGHT": Function(right, (TEXT, NUMBER), Kind.TEXT),
    "RPAD": Function(right_pad, (TEXT, NUMBER, TEXT), Kind.TEXT, 1),
    "SUBSTITUTE": Function(substitute, (TEXT, TEXT, TEXT), Kind.TEXT, style=lenient),
    "TRIM": Function(trim, (TEXT,), Kind.TEXT),
    "UPPER": Function(uppered, (TEXT, TEXT), Kind.TEXT, 1, lenient),
    "VALUE": Function(number_of, (TEXT,), Kind.NUMBER),
}
