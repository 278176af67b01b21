"""The character classes of java.util.regex: ASCII unless a Unicode property is named."""

import string
import unicodedata
from collections.abc import Callable, Iterable

from domain.formula.errors import ErrorKind, Fault

Test = Callable[[str], bool]


def broken(what: str) -> Fault:
    """Report a pattern that Java refuses."""
    return Fault(f"REGEX: the pattern has {what}")


def unsupported(what: str) -> Fault:
    """Report a pattern that Java may well accept."""
    return Fault(f"REGEX: {what} is not supported", ErrorKind.UNKNOWN)


class CharSet(dict[str, bool]):
    """Says of a character whether it belongs; remembers what it was asked."""

    __slots__ = ("_test",)

    def __init__(self, test: Test) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, character: str) -> bool:
        belongs = self[character] = bool(self._test(character))
        return belongs


def span(first: str, last: str, *, ignore_case: bool) -> Test:
    """All characters from first to last; without case, ASCII letters of either case."""
    if not ignore_case:
        return lambda character: first <= character <= last
    return lambda character: (
        first <= character <= last
        or (
            character.isascii() and (first <= character.upper() <= last or first <= character.lower() <= last)
        )
    )


def either(tests: Iterable[Test]) -> Test:
    """Belong to any of them."""
    all_tests = tuple(tests)
    if len(all_tests) == 1:
        return all_tests[0]
    return lambda character: any(test(character) for test in all_tests)


def any_character(_: str) -> bool:
    """What a point stands for under the flag s."""
    return True


def any_but_line_ends(character: str) -> bool:
    r"""What a point stands for; ``\v`` and ``\f`` end no line."""
    return character not in "\n\r\u0085\u2028\u2029"


def is_line_break(character: str) -> bool:
    r"""What ``\R`` stands for, beside the pair of both."""
    return character in "\n\x0b\f\r\u0085\u2028\u2029"


def _among(characters: str) -> Test:
    return frozenset(characters).__contains__


def _outside(test: Test) -> Test:
    return lambda character: not test(character)


_ESCAPES: dict[str, Test] = {
    "d": _among(string.digits),
    "w": _among(string.ascii_letters + string.digits + "_"),
    "s": _among(" \t\n\x0b\f\r"),
    "h": _among(" \t\u00a0\u1680\u180e\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))),
    "v": _among("\n\x0b\f\r\u0085\u2028\u2029"),
}

_POSIX: dict[str, Test] = {
    "Lower": _among(string.ascii_lowercase),
    "Upper": _among(string.ascii_uppercase),
    "ASCII": str.isascii,
    "Alpha": _among(string.ascii_letters),
    "Digit": _among(string.digits),
    "Alnum": _among(string.ascii_letters + string.digits),
    "Punct": _among(string.punctuation),
    "Graph": _among(string.ascii_letters + string.digits + string.punctuation),
    "Print": _among(string.ascii_letters + string.digits + string.punctuation + " "),
    "Blank": _among(" \t"),
    "Cntrl": _among("".join(map(chr, range(0x20))) + "\x7f"),
    "XDigit": _among(string.hexdigits),
    "Space": _ESCAPES["s"],
}

_CASED = frozenset({"Lower", "Upper", "Lu", "Ll", "Lt"})
_CATEGORIES = frozenset(
    group + member
    for group, members in {
        "C": "cfnos",
        "L": "lmotu",
        "M": "cen",
        "N": "dlo",
        "P": "cdefios",
        "S": "ckmo",
        "Z": "lps",
    }.items()
    for member in ("", *members)
)


def escaped_class(letter: str) -> Test:
    r"""Find the class of ``\d`` and its like; a capital letter negates. Raises Fault on any other letter."""
    test = _ESCAPES.get(letter.lower())
    if test is None:
        raise broken("an unknown escape")
    return test if letter.islower() else _outside(test)


def property_class(name: str, *, wanted: bool, ignore_case: bool) -> Test:
    r"""Find the class of ``\p{name}``; scripts, blocks and Java's own are not supported."""
    bare = name.removeprefix("Is")
    test = _POSIX.get(name)
    if test is None and bare in _CATEGORIES:
        test = _category_test(bare)
    if test is None or (ignore_case and bare in _CASED):
        raise unsupported("the character property")
    return test if wanted else _outside(test)


def _category_test(category: str) -> Test:
    return lambda character: unicodedata.category(character).startswith(category)
