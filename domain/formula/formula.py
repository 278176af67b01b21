"""A parsed formula: compiled for the types it meets, evaluated on records."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Literal as Choice

from domain.formula.compiler import compile_formula
from domain.formula.context import Context
from domain.formula.encoding import cut
from domain.formula.errors import ErrorKind, FormulaError
from domain.formula.nodes import Call, Literal, Name, Node, Operation
from domain.formula.parser import parse_source
from domain.formula.typed import Env, Run, Scope
from domain.formula.values import Value

Blanks = Choice["zero", "blank"]
"""What a blank number field counts as: Salesforce's setting "Blank Field Handling"."""

MAX_TEXT = 3_900
"""The longest text a formula yields. Source: Salesforce Help, "Formula Field Limits and Restrictions"."""


Prepared = Callable[[Mapping[str, Value], Context], Value | FormulaError]
"""Evaluates a formula on a record in a context."""


class Verdict(StrEnum):
    """What a validation rule says of a record."""

    PASS = "pass"  # noqa: S105  (not a password)
    VIOLATES = "violates"
    UNKNOWN = "unknown"  #: only Salesforce can tell


class Formula:
    """A formula that parsed. Knows no types until it meets a schema; compiles once for each it meets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._tree = parse_source(source)
        names = {node.name.lower(): node.name for node in _walk(self._tree) if isinstance(node, Name)}
        self.fields = frozenset(name for name in names.values() if not name.startswith("$"))
        self.globals = frozenset(names.values()) - self.fields
        self._compiled: dict[tuple[object, ...], Run | FormulaError] = {}

    def evaluate(
        self,
        record: Mapping[str, Value],
        *,
        schema: Mapping[str, str],
        blanks: Blanks = "zero",
        context: Context,
    ) -> Value | FormulaError:
        """Evaluate on one record; never raises.

        Args:
            record: field name -> value, None for blank; parents' fields under their dotted names. A field
                that is missing is not loaded: what depends on it is an error of kind UNKNOWN.
            schema: field name -> describe type, for the same names.
            blanks: what a blank number field counts as.
            context: the moment, the user, the record's past.

        Returns:
            A plain value, None for blank, or the error. Names in record, schema and context ignore case; the
            formula's own spelling is found fastest.
        """
        return self.prepare(schema=schema, blanks=blanks, context=context)(record, context)

    def prepare(self, *, schema: Mapping[str, str], blanks: Blanks = "zero", context: Context) -> Prepared:
        """Settle once what does not change from record to record: ``evaluate`` for many.

        What comes back takes a record, and a context whose globals have the types of this one's.
        """
        run = self._for(schema, blanks, context)
        if isinstance(run, FormulaError):
            return lambda _record, _context: run
        return lambda record, context: _result(run, Env(record, context))

    def fault(self, schema: Mapping[str, str]) -> FormulaError | None:
        """Why the formula does not compile for records of these types, whatever their values."""
        run = self._for(schema, "zero", Context())
        return run if isinstance(run, FormulaError) else None

    def _for(self, schema: Mapping[str, str], blanks: Blanks, context: Context) -> Run | FormulaError:
        types = [_type_in(schema, name) for name in self.fields]
        types += [_type_in(schema, name) or context.global_type(name) for name in self.globals]
        key = (blanks, *types)
        run = self._compiled.get(key)
        if run is None:
            run = self._compiled[key] = self._compile(blanks, types)
        return run

    def _compile(self, blanks: Blanks, types: list[str | None]) -> Run | FormulaError:
        names = (*self.fields, *self.globals)
        by_name = {name.lower(): each for name, each in zip(names, types, strict=True)}
        try:
            return compile_formula(self._tree, Scope(by_name, blanks_as_zero=blanks == "zero"))
        except FormulaError as error:
            return error
        except RecursionError:
            return FormulaError(0, "the formula is nested too deeply", ErrorKind.UNKNOWN)


def parse(source: str) -> Formula:
    """Parse a formula. Raises FormulaError of kind SYNTAX where the text stops being one."""
    return Formula(source)


def verdict(
    formula: Formula,
    record: Mapping[str, Value],
    *,
    schema: Mapping[str, str],
    context: Context,
    blanks: Blanks = "blank",
) -> Verdict:
    """Judge a record by the error condition of a validation rule: TRUE alone violates it.

    An error is UNKNOWN, also where Salesforce would refuse the save for it: that is for Salesforce to say.
    """
    return verdict_of(formula.evaluate(record, schema=schema, blanks=blanks, context=context))


def verdict_of(result: Value | FormulaError) -> Verdict:
    """What the result of an error condition says."""
    if result is True:
        return Verdict.VIOLATES
    return Verdict.PASS if result is None or result is False else Verdict.UNKNOWN


def _type_in(schema: Mapping[str, str], name: str) -> str | None:
    found = schema.get(name)
    if found is not None:
        return found
    lowered = name.lower()
    return next((label for key, label in schema.items() if key.lower() == lowered), None)


def _result(run: Run, env: Env) -> Value | FormulaError:
    try:
        value: Value = run(env)
    except FormulaError as error:
        return error
    except RecursionError:
        return FormulaError(0, "the formula is nested too deeply", ErrorKind.UNKNOWN)
    return cut(value, 0, MAX_TEXT) if isinstance(value, str) and len(value) > MAX_TEXT else value


def _walk(node: Node) -> Iterator[Node]:
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        match node:
            case Operation():
                pending.extend(node.operands)
            case Call():
                pending.extend(node.arguments)
            case Literal() | Name():
                pass
