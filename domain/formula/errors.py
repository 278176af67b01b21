"""The one error of the formula language: where, why, and of what sort."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What went wrong, which says who can mend it."""

    SYNTAX = "syntax"  #: the text is not a formula
    TYPE = "type"  #: Salesforce would not compile it: wrong types or number of arguments
    VALUE = "value"  #: it compiles, but this record's values give #Error!
    UNKNOWN = "unknown"  #: only Salesforce can tell: not loaded, not supported, beyond our limits


class FormulaError(Exception):
    """A formula that gave no value.

    ``position`` counts characters from the start of the source, from 0; ``reason`` names fields and
    functions, never a record's values.
    """

    def __init__(self, position: int, reason: str, kind: ErrorKind) -> None:
        super().__init__(position, reason, kind)
        self.position = position
        self.reason = reason
        self.kind = kind

    def __str__(self) -> str:
        return f"at {self.position}: {self.reason}"


class Fault(Exception):  # noqa: N818  (never leaves the package: a closure turns it into a FormulaError)
    """Raised by the body of a function, which does not know its position in the source."""

    def __init__(self, reason: str, kind: ErrorKind = ErrorKind.VALUE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
