"""The Salesforce formula language: validation rules, routing conditions, computed mappings.

``parse`` reads a formula; the result evaluates itself on records and answers with a value, None for blank,
or a FormulaError that says where and why. What only Salesforce could answer is an error of kind UNKNOWN,
never a guess.
"""

from domain.formula.context import Context
from domain.formula.errors import ErrorKind, FormulaError
from domain.formula.formula import Blanks, Formula, Prepared, Verdict, parse, verdict, verdict_of
from domain.formula.values import Value

__all__ = [
    "Blanks",
    "Context",
    "ErrorKind",
    "Formula",
    "FormulaError",
    "Prepared",
    "Value",
    "Verdict",
    "parse",
    "verdict",
    "verdict_of",
]
