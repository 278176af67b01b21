"""Reading fields: of the record, of its parents where loaded, of the globals, and as they were before.

Source: Salesforce Help, "Formula Operators and Functions": ISCHANGED, ISNEW, ISCLONE, PRIORVALUE;
"Understanding Global Variables".
"""

from domain.formula.decimals import ZERO
from domain.formula.errors import Fault, FormulaError
from domain.formula.functions import Build, check_count
from domain.formula.kinds import BY_DESCRIBE_TYPE, Kind
from domain.formula.nodes import Call, Name
from domain.formula.typed import Env, Run, Scope, Typed, constant, refusing, type_error, unknown
from domain.formula.values import ABSENT, Absence, Reader, Value, find, reader_of


def compile_name(name: Name, scope: Scope) -> Typed:
    """Compile a reference; in zero mode a blank number reads as 0, here and nowhere else."""
    describe_type = scope.types.get(name.name.lower())
    if describe_type not in BY_DESCRIBE_TYPE:
        return Typed(Kind.ANY, refusing(_unreadable(name)), name)
    kind = BY_DESCRIBE_TYPE[describe_type]
    run = _reading(name, reader_of(describe_type))
    if scope.blanks_as_zero and kind is Kind.NUMBER:
        run = _zero_for_blank(run)
    return Typed(kind, run, name)


def _reading(name: Name, read: Reader) -> Run:
    spelled, position = name.name, name.position
    if spelled.startswith("$"):
        return lambda env: _read(env.context.global_value(spelled), read, name)

    def run(env: Env) -> Value:
        value = env.record.get(spelled, ABSENT)
        if value is ABSENT:
            value = find(env.record, spelled)
        if value is ABSENT:
            raise _unreadable(name)
        try:
            return read(value)
        except Fault as fault:
            raise unknown(position, f"{spelled}: {fault.reason}") from None

    return run


def _read(value: Value | Absence, read: Reader, name: Name) -> Value:
    if value is ABSENT:
        raise _unreadable(name)
    try:
        return read(value)
    except Fault as fault:
        raise unknown(name.position, f"{name.name}: {fault.reason}") from None


def _zero_for_blank(inner: Run) -> Run:
    def run(env: Env) -> Value:
        value: Value = inner(env)
        return ZERO if value is None else value

    return run


def _unreadable(name: Name) -> FormulaError:
    return unknown(name.position, f"{name.name} is not loaded")


def _is_new(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del arguments, scope
    check_count(call, 0, 0)
    return Typed(Kind.BOOLEAN, lambda env: env.context.is_new, call)


def _is_clone(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """Records made through the API are never clones; the Clone button is the user interface's."""
    del arguments, scope
    check_count(call, 0, 0)
    return Typed(Kind.BOOLEAN, constant(value=False), call)


def _prior_value(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """The stored value; blank on a new record, and never replaced by zero."""
    name = _own_field(call, arguments)
    describe_type = scope.types.get(name.name.lower())
    if describe_type not in BY_DESCRIBE_TYPE:
        return Typed(Kind.ANY, refusing(_unreadable(name)), call)
    prior = _prior(name, reader_of(describe_type))
    return Typed(
        BY_DESCRIBE_TYPE[describe_type],
        lambda env: None if env.context.is_new else prior(env),
        call,
    )


def _is_changed(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """Compare by value, line breaks alike; FALSE on a new record."""
    name = _own_field(call, arguments)
    describe_type = scope.types.get(name.name.lower())
    if describe_type not in BY_DESCRIBE_TYPE:
        return Typed(Kind.BOOLEAN, refusing(_unreadable(name)), call)
    read = reader_of(describe_type)
    current, prior = _reading(name, read), _prior(name, read)

    def run(env: Env) -> bool:
        return not env.context.is_new and _even(current(env)) != _even(prior(env))

    return Typed(Kind.BOOLEAN, run, call)


def _even(value: Value) -> Value:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _prior(name: Name, read: Reader) -> Run:
    def run(env: Env) -> Value:
        value = find(env.context.prior_values, name.name)
        if value is ABSENT:
            raise unknown(name.position, f"the prior value of {name.name} is not loaded")
        return _read(value, read, name)

    return run


def _own_field(call: Call, arguments: tuple[Typed, ...]) -> Name:
    check_count(call, 1, 1)
    node = arguments[0].node
    if not isinstance(node, Name) or "." in node.name:
        raise type_error(node.position, f"{call.name} takes a field of the record itself")
    return node


FUNCTIONS: dict[str, Build] = {
    "ISNEW": _is_new,
    "ISCLONE": _is_clone,
    "ISCHANGED": _is_changed,
    "PRIORVALUE": _prior_value,
}
