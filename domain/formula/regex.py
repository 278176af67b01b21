"""REGEX: a whole match in the dialect of java.util.regex.

Our own matcher rather than Python's ``re``: the dialects differ in what they accept and in what they match,
and a pattern that backtracks without end must end in an error, as it does on the platform.

Source: Salesforce Help, "Formula Operators and Functions": REGEX; the Java API documentation of
``java.util.regex.Pattern``.
"""

from functools import lru_cache

from domain.formula.errors import ErrorKind, Fault
from domain.formula.regex_matcher import compile_pattern
from domain.formula.regex_steps import State, Step
from domain.formula.regex_syntax import parse_pattern


def matches(pattern: str, text: str) -> bool:
    """Tell whether the pattern matches all of the text. Raises Fault on a pattern that Java refuses."""
    compiled = _compiled(pattern)
    if isinstance(compiled, Fault):
        raise Fault(compiled.reason, compiled.kind)
    start, loops, groups = compiled
    try:
        return start(State(text, loops, groups), 0)
    except RecursionError:
        raise Fault("REGEX nests too deeply on this text", ErrorKind.UNKNOWN) from None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[Step, int, int] | Fault:
    try:
        return compile_pattern(parse_pattern(pattern))
    except Fault as fault:
        return Fault(fault.reason, fault.kind)
    except RecursionError:
        return Fault("the pattern nests too deeply", ErrorKind.UNKNOWN)
