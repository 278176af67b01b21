"""Decimal arithmetic as the platform does it: 39 significant digits, halves away from zero."""

from decimal import ROUND_HALF_UP, Context, Decimal

from domain.formula.errors import Fault

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


def divide(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise Fault("division by zero")
    return EXACT.divide(left, right)


_POWER_DIGITS = Context(prec=18, rounding=ROUND_HALF_UP)
_POWER_LIMIT = 64  #: the result's digits before the point, about
_POWER_SMALLEST = Decimal("1e-39")
_POWER_STEPS = Context(prec=60, rounding=ROUND_HALF_UP)
_EXPONENT_LIMIT = 999_999_999


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """Raise to an integer power, to 18 significant digits, below about 1e64."""
    if exponent != exponent.to_integral_value():
        raise Fault("the exponent is not an integer")
    times = int(exponent)
    if abs(times) > _EXPONENT_LIMIT:
        raise Fault("the exponent is too large")
    if times == 0 or base == ONE:
        return ONE
    if not base:
        if times < 0:
            raise Fault("zero to a negative power")
        return ZERO
    magnitude = EXACT.log10(base.copy_abs()) * times
    if magnitude > _POWER_LIMIT:
        raise Fault("the power is too large")
    if magnitude < -_POWER_LIMIT:
        return ZERO
    result = _POWER_DIGITS.plus(_POWER_STEPS.power(base, times))
    return ZERO if result.copy_abs() < _POWER_SMALLEST else result
