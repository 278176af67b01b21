"""Formulas of the configuration, ready for the records of one object: conditions, and values to compute.

A blank number counts as blank, as in validation rules.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from domain.formula import Context, Formula, FormulaError, Value, parse
from domain.formula_inputs import Shape, moment
from domain.identity import Fields
from domain.schema import ObjectSchema


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula over the records of one object."""

    formula: Formula
    shape: Shape
    zone: ZoneInfo
    fields: frozenset[str]  #: what it reads, in the object's own spelling

    def value(self, record: Fields, now: int) -> Value | FormulaError:
        """What it yields for a record's values at a moment, epoch ms."""
        context = Context(now=moment(now), time_zone=self.zone)
        return self.formula.evaluate(
            self.shape.values(record), schema=self.shape.types, blanks="blank", context=context
        )

    def holds(self, record: Fields, now: int) -> bool | FormulaError:
        """Whether a record meets it. Blank is no; an error is neither yes nor no."""
        value = self.value(record, now)
        return value if isinstance(value, FormulaError) else value is True


def compile_expression(source: str, schema: ObjectSchema, zone: ZoneInfo) -> Expression:
    """Prepare a formula. Raises FormulaError where the text is none."""
    formula, shape = parse(source), Shape.of(schema)
    fields = frozenset(shape.spelling.get(name.lower(), name) for name in formula.fields)
    return Expression(formula, shape, zone, fields)
