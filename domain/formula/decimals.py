"""Decimal arithmetic as the platform does it: 39 significant digits, halves away from zero."""

from decimal import ROUND_HALF_UP, Context, Decimal

EXACT = Context(prec=39, rounding=ROUND_HALF_UP)
"""Every result of arithmetic."""

SETTLED = Context(prec=33, rounding=ROUND_HALF_UP)
"""What FLOOR and CEILING look at, so that ``x/9*9`` is ``x`` again."""

WIDE = Context(prec=2_000, rounding=ROUND_HALF_UP)
"""Room for steps that must not round."""

ZERO = Decimal(0)
ONE = Decimal(1)


def from_double(value: float) -> Decimal:
    """Take a double over by its shortest decimal form."""
    return Decimal(repr(value))


def whole(value: Decimal) -> int:
    """Cut a number to the integer that counts and positions use."""
    return int(value)


def plain(value: Decimal) -> str:
    """Write without exponent, grouping or trailing zeros."""
    return f"{WIDE.normalize(value):f}" if value else "0"
