"""The functions that choose: IF, CASE, AND, OR, and the tests for blanks.

Source: Salesforce Help, "Formula Operators and Functions": Logical Functions. IF, AND and OR evaluate no more
than they need; CASE and the blank tests evaluate all their arguments.
"""

from collections.abc import Callable, Sequence

from domain.formula.functions import (
    BOOLEAN,
    Build,
    check_count,
    check_kind,
    check_not_boolean,
    settled,
)
from domain.formula.kinds import Kind, common
from domain.formula.nodes import Call, Literal, Name
from domain.formula.operators import all_of, any_of
from domain.formula.typed import (
    Env,
    Run,
    Scope,
    Typed,
    after_all,
    constant,
    lenient,
    type_error,
    unknown,
)
from domain.formula.values import Value


def _junction(join: Callable[[Sequence[Run]], Run]) -> Build:
    def build(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
        del scope
        check_count(call, 1)
        for argument in arguments:
            check_kind(call, argument, BOOLEAN)
        return Typed(Kind.BOOLEAN, join([argument.run for argument in arguments]), call)

    return build


def _if(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    check_count(call, 3, 3)
    check_kind(call, arguments[0], BOOLEAN)
    condition, then, otherwise = (argument.run for argument in arguments)

    def run(env: Env) -> object:
        return then(env) if condition(env) else otherwise(env)

    return Typed(_result_kind(call, arguments[1:]), run, call)


def _case(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    _check_case_count(call)
    subject, options, results = arguments[0], arguments[1:-1:2], (*arguments[2:-1:2], arguments[-1])
    for argument in arguments:
        check_not_boolean(call, argument)
    compared = _case_kind(call, subject, options)
    kind = _result_kind(call, results)
    runs = [argument.run for argument in arguments]
    if Kind.ANY in {subject.kind, *(option.kind for option in options)}:
        return Typed(kind, after_all(runs, unknown(call.position, "CASE depends on something unknown")), call)
    blank_matches = compared in {Kind.TEXT, Kind.PICKLIST}
    return Typed(kind, lenient(call.position, _chooser(blank_matches=blank_matches), runs), call)


def _check_case_count(call: Call) -> None:
    count = len(call.arguments)
    if count < 4 or count % 2:  # noqa: PLR2004  (subject, one pair, else)
        raise type_error(call.position, f"CASE takes a value, pairs and an else, not {count} arguments")


def _case_kind(call: Call, subject: Typed, options: Sequence[Typed]) -> Kind:
    if subject.kind is Kind.PICKLIST:
        for option in options:
            demand_text_literal(call, option)
        return Kind.PICKLIST
    kind = common((subject.kind, *(option.kind for option in options)))
    if kind is None or kind in {Kind.LOCATION, Kind.MULTIPICKLIST, Kind.PICKLIST}:
        raise type_error(call.position, f"CASE cannot compare a {subject.kind} with these values")
    return kind


def demand_text_literal(call: Call, argument: Typed) -> None:
    if not isinstance(argument.node, Literal) or argument.kind is not Kind.TEXT:
        raise type_error(argument.node.position, f"{call.name} takes a text literal here")


def _chooser(*, blank_matches: bool) -> Callable[..., Value]:
    def choose(subject: Value, *rest: Value) -> Value:
        if subject is None and not blank_matches:
            return rest[-1]
        for option, result in zip(rest[:-1:2], rest[1:-1:2], strict=True):
            if option == subject:
                return result
        return rest[-1]

    return choose


def _result_kind(call: Call, results: Sequence[Typed]) -> Kind:
    kind = common(result.kind for result in results)
    if kind is None:
        kinds = " and ".join(sorted({result.kind for result in results} - {Kind.NULL, Kind.ANY}))
        raise type_error(call.position, f"{call.name} cannot yield {kinds} at once")
    return kind


def _is_blank(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    check_count(call, 1, 1)
    check_not_boolean(call, arguments[0])
    return settled(call, Kind.BOOLEAN, arguments, lenient, lambda value: value is None)


def _is_null(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """As ISBLANK, but text is never null; what holds of a blank picklist is not documented."""
    if arguments and arguments[0].kind is Kind.TEXT and not _is_picklist_text(arguments[0], scope):
        check_count(call, 1, 1)
        return Typed(Kind.BOOLEAN, constant(value=False), call)
    built = _is_blank(call, arguments, scope)
    if arguments[0].kind in {Kind.TEXT, Kind.PICKLIST, Kind.MULTIPICKLIST}:
        return Typed(built.kind, _unless_true(built.run, call), call)
    return built


def _is_picklist_text(argument: Typed, scope: Scope) -> bool:
    node = argument.node
    while isinstance(node, Call) and node.name in {"TEXT", "PRIORVALUE"}:
        node = node.arguments[0]
    return isinstance(node, Name) and scope.types.get(node.name.lower()) == "picklist"


def _unless_true(inner: Run, call: Call) -> Run:
    def run(env: Env) -> bool:
        if inner(env):
            raise unknown(call.position, "whether a blank picklist is null is not documented")
        return False

    return run


def _blank_value(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del scope
    kind = _substitute_kind(call, arguments)
    return settled(call, kind, arguments, lenient, lambda value, spare: spare if value is None else value)


def _null_value(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """As BLANKVALUE, but text is never null, so it is never replaced."""
    if _substitute_kind(call, arguments) is not Kind.TEXT:
        return _blank_value(call, arguments, scope)
    return settled(call, Kind.TEXT, arguments, lenient, lambda value, _: value)


def _substitute_kind(call: Call, arguments: tuple[Typed, ...]) -> Kind:
    check_count(call, 2, 2)
    for argument in arguments:
        check_not_boolean(call, argument)
    return _result_kind(call, arguments)


FUNCTIONS: dict[str, Build] = {
    "AND": _junction(all_of),
    "OR": _junction(any_of),
    "IF": _if,
    "CASE": _case,
    "ISBLANK": _is_blank,
    "ISNULL": _is_null,
    "BLANKVALUE": _blank_value,
    "NULLVALUE": _null_value,
}
