"""How a function is declared: its parameters, its result, and what it does with blanks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.formula.kinds import Kind, fits
from domain.formula.nodes import Call
from domain.formula.typed import Run, Scope, Typed, after_all, strict, type_error, unknown

Build = Callable[[Call, tuple[Typed, ...], Scope], Typed]
"""Checks the compiled arguments of a call and compiles the call itself."""

Style = Callable[[int, Callable[..., object], Sequence[Run]], Run]

NUMBER = frozenset({Kind.NUMBER})
TEXT = frozenset({Kind.TEXT})
BOOLEAN = frozenset({Kind.BOOLEAN})
DATE = frozenset({Kind.DATE})
DATETIME = frozenset({Kind.DATETIME})
TIME = frozenset({Kind.TIME})
LOCATION = frozenset({Kind.LOCATION})


@dataclass(frozen=True, slots=True)
class Function:
    """A function that evaluates all its arguments, in order, and then its body on their values."""

    body: Callable[..., object]
    parameters: tuple[frozenset[Kind], ...]
    result: Kind | None  #: None: the kind of the first argument
    optional: int = 0  #: how many of the last parameters may be left out
    style: Style = field(default=strict)

    def __call__(self, call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
        del scope
        most = len(self.parameters)
        check_count(call, most - self.optional, most)
        for argument, allowed in zip(arguments, self.parameters, strict=False):
            check_kind(call, argument, allowed)
        return settled(call, self.result or arguments[0].kind, arguments, self.style, self.body)


def settled(
    call: Call, kind: Kind, arguments: Sequence[Typed], style: Style, body: Callable[..., object]
) -> Typed:
    """Compile a call whose arguments have been checked; with one of unknown kind it cannot be answered."""
    runs = [argument.run for argument in arguments]
    if any(argument.kind is Kind.ANY for argument in arguments):
        refusal = unknown(call.position, f"{call.name} depends on something unknown")
        return Typed(kind, after_all(runs, refusal), call)
    return Typed(kind, style(call.position, body, runs), call)


def check_count(call: Call, least: int, most: int | None = None) -> None:
    """Refuse too few or too many arguments; ``most`` None means any number."""
    count = len(call.arguments)
    if count < least or (most is not None and count > most):
        span = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise type_error(call.position, f"{call.name} takes {span} arguments, not {count}")


def check_kind(call: Call, argument: Typed, allowed: frozenset[Kind]) -> None:
    if not fits(argument.kind, allowed):
        expected = " or ".join(sorted(allowed))
        raise type_error(argument.node.position, f"{call.name} takes {expected} here, not {argument.kind}")


def check_not_boolean(call: Call, argument: Typed) -> None:
    if argument.kind is Kind.BOOLEAN:
        raise type_error(argument.node.position, f"{call.name} does not take booleans")
