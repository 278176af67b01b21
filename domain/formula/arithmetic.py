"""The mathematical functions.

Source: Salesforce Help, "Formula Operators and Functions": Math Functions. FLOOR and CEILING work on the
magnitude (MFLOOR and MCEILING on the number line); logarithms, roots and trigonometry are computed in double
precision.
"""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Decimal

from domain.formula.decimals import EXACT, ONE, SETTLED, WIDE, ZERO, from_double, whole
from domain.formula.errors import Fault
from domain.formula.functions import LOCATION, NUMBER, TEXT, Build, Function, check_count, check_kind, settled
from domain.formula.kinds import Kind
from domain.formula.nodes import Call
from domain.formula.typed import Scope, Typed, constant, lenient, strict
from domain.formula.values import Location

_DIGITS_LIMIT = 400
"""Beyond this many digits, either way, rounding is plain: nothing changes, or nothing is left."""


def round_half_up(value: Decimal, digits: Decimal) -> Decimal:
    """Round to digits behind the point; negative digits round before it.

    A number whose digits are all rounded away is 0, even where arithmetic would say 100.
    """
    places = whole(digits)
    is_fraction = value.copy_abs() < ONE
    kept = places if is_fraction else value.adjusted() + 1 + places
    if kept < 0 or (kept == 0 and not is_fraction):
        return ZERO
    return _quantized(value, places, ROUND_HALF_UP)


def truncate(value: Decimal, digits: Decimal = ZERO) -> Decimal:
    return _quantized(value, whole(digits), ROUND_DOWN)


def _quantized(value: Decimal, places: int, rounding: str) -> Decimal:
    if places > _DIGITS_LIMIT:
        return value
    if places < -_DIGITS_LIMIT:
        return ZERO
    return value.quantize(ONE.scaleb(-places), rounding=rounding, context=WIDE)


def _to_integer(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda value: SETTLED.plus(value).to_integral_value(rounding)


def modulo(value: Decimal, divisor: Decimal) -> Decimal:
    if not divisor:
        raise Fault("MOD by zero")
    return EXACT.plus(WIDE.remainder(value, divisor))


def _in_double(function: Callable[..., float], reason: str) -> Callable[..., Decimal]:
    def body(*values: Decimal) -> Decimal:
        try:
            result = function(*map(float, values))
        except (ValueError, OverflowError):
            raise Fault(reason) from None
        if not math.isfinite(result):
            raise Fault(reason)
        return from_double(result)

    return body


def _log10(value: float) -> float:
    """Divide as the platform does, so that LOG(1000) falls just short of 3."""
    return math.log(value) / math.log(10)


_DOMAIN = "the number is outside the function's domain"


def _extreme(choose: Callable[..., Decimal]) -> Build:
    def build(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
        del scope
        check_count(call, 1)
        for argument in arguments:
            check_kind(call, argument, NUMBER)
        return settled(call, Kind.NUMBER, arguments, strict, lambda *values: choose(values))

    return build


def _pi(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    del arguments, scope
    check_count(call, 0, 0)
    return Typed(Kind.NUMBER, constant(Decimal("3.14159265358979323846")), call)


_MAX_LATITUDE = 90
_MAX_LONGITUDE = 180


def geolocation(latitude: Decimal | None, longitude: Decimal | None) -> Location:
    """Make a location; one of two blank parts does not make one."""
    if latitude is None or longitude is None:
        if latitude is not None or longitude is not None:
            raise Fault("GEOLOCATION needs both latitude and longitude")
        return Location(None, None)
    if abs(latitude) > _MAX_LATITUDE or abs(longitude) > _MAX_LONGITUDE:
        raise Fault("the latitude or longitude is out of range")
    return Location(latitude, longitude)


_EARTH_RADIUS = {"mi": 3958.761, "km": 6371.009}
"""The Earth's mean radius by unit."""


def distance(start: Location | None, end: Location | None, unit: str | None) -> Decimal | None:
    """Measure the great circle between two locations; blank if either is blank."""
    radius = _EARTH_RADIUS.get(unit or "")
    if radius is None:
        raise Fault('the unit of DISTANCE is neither "mi" nor "km"')
    if start is None or end is None or start.latitude is None or end.latitude is None:
        return None
    chord = math.dist(_on_sphere(start), _on_sphere(end))
    return from_double(2 * radius * math.asin(min(chord / 2, 1.0)))


def _on_sphere(place: Location) -> tuple[float, float, float]:
    latitude = math.radians(place.latitude or 0)
    longitude = math.radians(place.longitude or 0)
    ring = math.cos(latitude)
    return math.sin(longitude) * ring, math.cos(longitude) * ring, math.sin(latitude)


def _number(body: Callable[..., Decimal], count: int = 1, optional: int = 0) -> Function:
    return Function(body, (NUMBER,) * count, Kind.NUMBER, optional)


FUNCTIONS: dict[str, Build] = {
    "ABS": _number(Decimal.copy_abs),
    "CEILING": _number(_to_integer(ROUND_UP)),
    "FLOOR": _number(_to_integer(ROUND_DOWN)),
    "MCEILING": _number(_to_integer(ROUND_CEILING)),
    "MFLOOR": _number(_to_integer(ROUND_FLOOR)),
    "ROUND": _number(round_half_up, 2),
    "TRUNC": _number(truncate, 2, 1),
    "MOD": _number(modulo, 2),
    "MAX": _extreme(max),
    "MIN": _extreme(min),
    "PI": _pi,
    "EXP": _number(_in_double(math.exp, _DOMAIN)),
    "LN": _number(_in_double(math.log, _DOMAIN)),
    "LOG": _number(_in_double(_log10, _DOMAIN)),
    "SQRT": _number(_in_double(math.sqrt, _DOMAIN)),
    "SIN": _number(_in_double(math.sin, _DOMAIN)),
    "COS": _number(_in_double(math.cos, _DOMAIN)),
    "TAN": _number(_in_double(math.tan, _DOMAIN)),
    "ASIN": _number(_in_double(math.asin, _DOMAIN)),
    "ACOS": _number(_in_double(math.acos, _DOMAIN)),
    "ATAN": _number(_in_double(math.atan, _DOMAIN)),
    "ATAN2": _number(_in_double(math.atan2, _DOMAIN), 2),
    "GEOLOCATION": Function(geolocation, (NUMBER, NUMBER), Kind.LOCATION, style=lenient),
    "DISTANCE": Function(distance, (LOCATION, LOCATION, TEXT), Kind.NUMBER, style=lenient),
}
