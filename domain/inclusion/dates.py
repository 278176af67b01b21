"""Property filters on dates and on times of change ("List filters", TIME_POINT and TIME_RANGED).

Every one of them asks whether a moment lies in a window. A date without a time
counts as its first moment in the time zone of the point it is compared with.
A value that is no date counts as blank; a bound without a value admits nothing.
"""

from domain.inclusion.moments import BLANK, instant
from domain.inclusion.nodes import NEVER, Check, Facts, Leaf, Timer, Unanswerable, Values, never
from domain.inclusion.operations import Operation, operation_type, passes_blank
from domain.inclusion.windows import Bound, Window, window
from domain.inclusion.wording import Labels, date_words


def date_leaf(name: str, operation: Operation, labels: Labels) -> Leaf:
    """Compile a filter on a point in time. Raises Unanswerable."""
    asked = window(operation)
    points = [bound.point for bound in asked.bounds]
    read = frozenset({name}).union(*(point.reads for point in points))
    for other in read:
        if not labels.knows(other):
            raise Unanswerable(f"the property {other} cannot be read")
    text = f"{labels.of(name)} {date_words(operation_type(operation), operation, labels)}"
    own_change = frozenset({name}) if asked.changed else frozenset()
    return Leaf(
        check=_check(name, asked, include=passes_blank(operation)),
        text=text,
        remedy=f"see to it that {text}",
        property=name,
        reads=read,
        dates=own_change.union(*(point.dates for point in points)),
        timer=_timer(name, asked) if any(point.moves for point in points) else never,
    )


def _check(name: str, asked: Window, *, include: bool) -> Check:
    def check(values: Values, facts: Facts) -> bool | None:
        if name not in values:
            return None
        if values[name] is None:
            return include
        passed = asked.inside
        for bound in asked.bounds:
            moment = _moment(name, asked, bound, values, facts)
            at = bound.point.at(values, facts)
            if moment is None or at is None:
                return None
            if BLANK in {moment, at}:
                return include if moment == BLANK else False
            if not bound.admits(moment, at):
                passed = not asked.inside
        return passed

    return check


def _timer(name: str, asked: Window) -> Timer:
    def timer(values: Values, facts: Facts) -> int:
        if values.get(name) is None:
            return NEVER
        moments = [(bound, _moment(name, asked, bound, values, facts)) for bound in asked.bounds]
        return min(
            (bound.crossing(moment, facts) for bound, moment in moments if moment not in {None, BLANK}),
            default=NEVER,
        )

    return timer


def _moment(name: str, asked: Window, bound: Bound, values: Values, facts: Facts) -> int | None:
    """Return the moment that a bound judges; None if unknown, BLANK if the value is no date."""
    if asked.changed:
        return facts.changed_at.get(name)
    value = values[name]
    moment = instant(value, bound.point.zone or facts.zone) if value else None
    return BLANK if moment is None else moment
