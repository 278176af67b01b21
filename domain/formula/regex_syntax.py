r"""Reads a pattern of java.util.regex into a tree.

What Java refuses is an error of the formula; what Java accepts and we do not know (the flags d, m, u, U and
x, ``\G``, ``\X``, negated nested classes) makes the result unknown.
"""

from domain.formula.regex_classes import (
    CharSet,
    Test,
    any_but_line_ends,
    any_character,
    broken,
    either,
    escaped_class,
    is_line_break,
    property_class,
    span,
    unsupported,
)
from domain.formula.regex_nodes import (
    Atomic,
    Choice,
    Edge,
    Greed,
    Group,
    Look,
    Part,
    Reference,
    Repeat,
    Sequence,
)

_EDGES = {"b": Edge.WORD, "B": Edge.INSIDE, "A": Edge.START, "z": Edge.END, "Z": Edge.LAST}
_LOOKS = {"=": (True, True), "!": (True, False), "<=": (False, True), "<!": (False, False)}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_LINE_BREAK = Atomic(Choice((Sequence((CharSet("\r".__eq__), CharSet("\n".__eq__))), CharSet(is_line_break))))
_MOST_REPEATS = 2**31 - 1


def parse_pattern(pattern: str) -> Part:
    """Parse a whole pattern. Raises Fault."""
    reader = _Reader(pattern)
    part = reader.choice()
    if not reader.at_end():
        raise broken("an unmatched ')'")
    return part


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._groups = 0
        self._names: dict[str, int] = {}
        self._ignore_case = False
        self._dot_all = False

    def at_end(self) -> bool:
        return self._at >= len(self._pattern)

    def _next_is(self, text: str) -> bool:
        return self._pattern.startswith(text, self._at)

    def _skip(self, text: str) -> bool:
        if not self._next_is(text):
            return False
        self._at += len(text)
        return True

    def _take(self) -> str:
        if self.at_end():
            raise broken("an unfinished end")
        self._at += 1
        return self._pattern[self._at - 1]

    def _until(self, end: str, what: str) -> str:
        stop = self._pattern.find(end, self._at)
        if stop < 0:
            raise broken(f"an unfinished {what}")
        inner = self._pattern[self._at : stop]
        self._at = stop + len(end)
        return inner

    def choice(self) -> Part:
        options = [self._sequence()]
        while self._skip("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Part:
        items: list[Part] = []
        while not self.at_end() and self._pattern[self._at] not in "|)":
            if self._skip("\\Q"):
                items.extend(self._quoted())
            else:
                items.append(self._repeated(self._atom()))
        return Sequence(tuple(items))

    def _quoted(self) -> list[Part]:
        stop = self._pattern.find("\\E", self._at)
        inner = self._pattern[self._at :] if stop < 0 else self._pattern[self._at : stop]
        self._at += len(inner) if stop < 0 else len(inner) + 2
        literals: list[Part] = [self._literal(character) for character in inner]
        if literals:
            literals[-1] = self._repeated(literals[-1])
        return literals

    def _literal(self, character: str) -> CharSet:
        return CharSet(span(character, character, ignore_case=self._ignore_case))

    def _atom(self) -> Part:  # noqa: PLR0911  (one for each sort of atom)
        character = self._take()
        match character:
            case "(":
                return self._group()
            case "[":
                return CharSet(self._class())
            case ".":
                return CharSet(any_character if self._dot_all else any_but_line_ends)
            case "^":
                return Edge.START
            case "$":
                return Edge.LAST
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise unsupported("a repeated nothing") if character == "{" else broken("a dangling repeat")
            case _:
                return self._literal(character)

    def _repeated(self, part: Part) -> Part:
        bounds = self._bounds()
        if bounds is None:
            return part
        greed = Greed.LAZY if self._skip("?") else Greed.POSSESSIVE if self._skip("+") else Greed.GREEDY
        return Repeat(part, *bounds, greed)

    def _bounds(self) -> tuple[int, int | None] | None:
        for symbol, bounds in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._skip(symbol):
                return bounds
        if not self._skip("{"):
            return None
        low, comma, high = self._until("}", "repeat").partition(",")
        least = _count(low)
        most = None if comma and not high else _count(high) if comma else least
        if most is not None and most < least:
            raise broken("a repeat with its bounds the wrong way round")
        return least, most

    def _group(self) -> Part:
        flags = (self._ignore_case, self._dot_all)
        if not self._skip("?"):
            self._groups += 1
            return self._closed(self._groups, flags)
        for mark in ("<=", "<!", "=", "!"):
            if self._skip(mark):
                ahead, wanted = _LOOKS[mark]
                return Look(self._closed(None, flags), ahead, wanted)
        if self._skip(">"):
            return Atomic(self._closed(None, flags))
        if self._skip("<"):
            self._groups += 1
            self._names[self._until(">", "group name")] = self._groups
            return self._closed(self._groups, flags)
        return self._flagged(flags)

    def _closed(self, index: int | None, flags: tuple[bool, bool]) -> Part:
        body = self.choice()
        if not self._skip(")"):
            raise broken("an unclosed group")
        self._ignore_case, self._dot_all = flags
        return body if index is None else Group(index, body)

    def _flagged(self, flags: tuple[bool, bool]) -> Part:
        value = True
        while (flag := self._take()) not in ":)":
            if flag == "-":
                value = False
            elif flag == "i":
                self._ignore_case = value
            elif flag == "s":
                self._dot_all = value
            else:
                raise unsupported("the flag") if flag in "dmuUx" else broken("an unknown group or flag")
        return Sequence(()) if flag == ")" else self._closed(None, flags)

    def _escape(self) -> Part:
        letter = self._take()
        if letter in _EDGES:
            return _EDGES[letter]
        if letter in "123456789":
            return Reference(self._group_number(int(letter)), self._ignore_case)
        if letter == "k":
            return self._named_reference()
        if letter == "R":
            return _LINE_BREAK
        found = self._escaped(letter)
        return self._literal(found) if isinstance(found, str) else CharSet(found)

    def _group_number(self, number: int) -> int:
        while not self.at_end() and self._pattern[self._at] in "0123456789":
            longer = number * 10 + int(self._pattern[self._at])
            if longer > self._groups:
                break
            number = longer
            self._at += 1
        return number

    def _named_reference(self) -> Part:
        if not self._skip("<"):
            raise broken("a reference without a name")
        index = self._names.get(self._until(">", "reference"))
        if index is None:
            raise broken("a reference to an unknown group")
        return Reference(index, self._ignore_case)

    def _escaped(self, letter: str) -> str | Test:
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in "xu0":
            return self._code_point(letter)
        if letter in "pP":
            name = self._until("}", "property") if self._skip("{") else self._take()
            return property_class(name, wanted=letter == "p", ignore_case=self._ignore_case)
        if letter in "GXNc":
            raise unsupported("the escape")
        if letter.isascii() and letter.isalpha():
            return escaped_class(letter)
        return letter

    def _code_point(self, letter: str) -> str:
        if letter == "x" and self._skip("{"):
            digits, base = self._until("}", "code point"), 16
        elif letter == "0":
            digits, base = self._octal(), 8
        else:
            digits, base = "".join(self._take() for _ in range(2 if letter == "x" else 4)), 16
        try:
            return chr(int(digits, base))
        except (ValueError, OverflowError):
            raise broken("a bad code point") from None

    def _octal(self) -> str:
        digits = ""
        while len(digits) < 3 and not self.at_end() and self._pattern[self._at] in "01234567":  # noqa: PLR2004  (\\0377 is the largest)
            if int(digits + self._pattern[self._at], 8) > 0o377:  # noqa: PLR2004  (as above)
                break
            digits += self._take()
        return digits

    def _class(self) -> Test:
        """Read a class after its ``[``: a union of items, ``&&`` between unions."""
        negated = self._skip("^")
        unions: list[list[Test]] = [[]]
        nested = False
        while not self._next_is("]") or unions == [[]]:
            if self._skip("&&"):
                unions.append([])
            elif self._skip("["):
                unions[-1].append(self._class())
                nested = True
            else:
                unions[-1].append(self._class_item())
        self._at += 1
        if negated and (nested or len(unions) > 1):
            raise unsupported("a negated nested class")
        return _class_test([either(union) for union in unions if union], negated=negated)

    def _class_item(self) -> Test:
        first = self._class_character()
        if not isinstance(first, str):
            return first
        last: str | Test = first
        if self._next_is("-") and self._pattern[self._at + 1 : self._at + 2] not in {"]", "["}:
            self._at += 1
            last = self._class_character()
        if not isinstance(last, str) or last < first:
            raise broken("a bad range of characters")
        return span(first, last, ignore_case=self._ignore_case)

    def _class_character(self) -> str | Test:
        character = self._take()
        return self._escaped(self._take()) if character == "\\" else character


def _count(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(_MOST_REPEATS)):
        raise broken("a bad repeat")
    return int(digits)


def _class_test(unions: list[Test], *, negated: bool) -> Test:
    if len(unions) == 1:
        only = unions[0]
        return (lambda character: not only(character)) if negated else only
    return lambda character: all(union(character) for union in unions)
