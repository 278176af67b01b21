"""Whether a formula of the file is one, and whether an object has what it reads."""

import re

from domain.formula import ErrorKind, FormulaError, parse
from domain.formula_inputs import Shape
from domain.schema import ObjectSchema
from workers.configuration.problems import did_you_mean

FORMULAS = "docs/formula.md"
SHOWN = 24
"""How much of a formula a message repeats, in characters."""

_CONDITION = "NOT({})"
"""Compiles only around what is true or false."""

Wrong = tuple[str, str]
"""What is wrong, and the remedy."""


def unparsable(source: str) -> Wrong | None:
    """Why a text is no formula, whatever the accounts have."""
    try:
        parse(source)
    except FormulaError as error:
        return f"This is no formula{_where(source, error.position)}: {error.reason}.", f"See {FORMULAS}."
    return None


def unfit(source: str, schema: ObjectSchema, owner: str, *, condition: bool) -> list[Wrong]:
    """What an object lacks for a formula that parses. ``owner``: how messages call the object.

    ``condition``: it must say true or false.
    """
    formula, shape = parse(source), Shape.of(schema)
    wrong = [
        _field(name, source, schema, owner)
        for name in sorted(formula.fields)
        if name.lower() not in shape.spelling
    ]
    wrong += [
        (f"A formula cannot read {owner}'s {name}: it has no value of its own.", "Name its parts instead.")
        for name in sorted(formula.fields)
        if shape.spelling.get(name.lower(), name) in schema.fields
        and shape.spelling[name.lower()] not in shape.types
    ]
    wrong += [
        (f"{name} cannot be read here: only the record is known.", "Leave it out.")
        for name in sorted(formula.globals)
    ]
    return wrong or _untypable(source, shape, condition=condition)


def _field(name: str, source: str, schema: ObjectSchema, owner: str) -> Wrong:
    found = re.search(rf"(?<![\w.$]){re.escape(name)}(?![\w.])", source)
    what = f'{owner} has no field "{name}"{_where(source, found.start() if found else 0)}.'
    return what, did_you_mean(name, schema.fields, otherwise="Formulas name fields as the CRM's API does.")


def _untypable(source: str, shape: Shape, *, condition: bool) -> list[Wrong]:
    error = parse(source).fault(shape.types)
    if error is not None and error.kind is ErrorKind.TYPE:
        where = _where(source, error.position)
        return [(f"The formula cannot be evaluated{where}: {error.reason}.", f"See {FORMULAS}.")]
    if condition and error is None and parse(_CONDITION.format(source)).fault(shape.types) is not None:
        return [("The formula yields no true or false.", "Compare what it yields with something.")]
    return []


def _where(source: str, position: int) -> str:
    rest = " ".join(source[position:].split())
    shown = rest if len(rest) <= SHOWN else f"{rest[:SHOWN]}…"
    return f' at character {position + 1}, "{shown}"' if rest else " at its end"
