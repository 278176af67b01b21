"""Values across the two CRMs: what is the same, and what becomes of one on the other side."""

from zoneinfo import ZoneInfo

import pytest

from domain.convert import Unconvertible, converter, same
from domain.identity import FieldValue
from domain.schema import FieldKind as Kind
from tests.world import text


def carry(source: Kind, target: Kind, value: FieldValue, zone: str = "UTC") -> FieldValue:
    return converter(text("a", source), text("b", target), ZoneInfo(zone))(value)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        pytest.param(Kind.NUMBER, "10", "10.0", marks=pytest.mark.rule(83), id="numbers by value"),
        pytest.param(Kind.NUMBER, "-0", "0", id="minus nothing"),
        pytest.param(Kind.MULTIPICKLIST, "b;a", "a;b", marks=pytest.mark.rule(80), id="sets"),
        pytest.param(Kind.EMAIL, "Ada@X.org", "ada@x.org", marks=pytest.mark.rule(54), id="addresses"),
        pytest.param(Kind.BOOLEAN, None, "false", marks=pytest.mark.rule(82), id="checkboxes"),
        pytest.param(Kind.MULTILINE, "a\r\nb", "a\nb", id="line ends"),
        pytest.param(Kind.TEXT, " a ", "a", id="space around text"),
        pytest.param(Kind.DATETIME, "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000Z", id="moments"),
        pytest.param(Kind.NUMBER, "ten", "ten", id="what is no number is itself"),
        pytest.param(
            Kind.DATETIME, "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00", id="before time"
        ),
    ],
)
def test_the_same(kind: Kind, one: FieldValue, other: FieldValue) -> None:
    assert same(kind, one, other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.TEXT, "a", "A"),
        (Kind.PICKLIST, "a", "A"),
        (Kind.NUMBER, "1", None),
        (Kind.MULTIPICKLIST, "a", "a;b"),
    ],
    ids=["letter case of text", "options are exact", "a number and none", "a smaller set"],
)
def test_not_the_same(kind: Kind, one: FieldValue, other: FieldValue) -> None:
    assert not same(kind, one, other)


@pytest.mark.parametrize(
    ("source", "target", "value", "zone", "carried"),
    [
        pytest.param(
            Kind.DATE, Kind.DATETIME, "2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00.000Z", id="day"
        ),
        pytest.param(
            Kind.DATETIME, Kind.DATE, "2026-06-30T22:30:00Z", "Europe/Berlin", "2026-07-01", id="moment"
        ),
        pytest.param(
            Kind.DATETIME, Kind.DATE, "2026-06-30T22:30:00Z", "UTC", "2026-06-30", id="moment in UTC"
        ),
        pytest.param(Kind.NUMBER, Kind.INTEGER, "10.0", "UTC", "10", id="whole number"),
        pytest.param(Kind.BOOLEAN, Kind.BOOLEAN, None, "UTC", "false", id="blank checkbox"),
        pytest.param(Kind.MULTIPICKLIST, Kind.MULTIPICKLIST, ";b;a", "UTC", "a;b", id="leading separator"),
        pytest.param(Kind.EMAIL, Kind.EMAIL, " Ada@X.org", "UTC", "ada@x.org", id="address"),
        pytest.param(Kind.TEXT, Kind.TEXT, "", "UTC", None, id="nothing is blank"),
        pytest.param(Kind.MULTILINE, Kind.MULTILINE, "a\rb", "UTC", "a\nb", id="line end"),
        pytest.param(
            Kind.REFERENCE,
            Kind.PICKLIST,
            "005000000000001AAA",
            "UTC",
            "005000000000001AAA",
            marks=pytest.mark.rule(84),
            id="the id of a lookup",
        ),
    ],
)
@pytest.mark.rule(72, 81)
def test_a_value_in_the_others_words(
    source: Kind, target: Kind, value: FieldValue, zone: str, carried: FieldValue
) -> None:
    assert carry(source, target, value, zone) == carried


@pytest.mark.parametrize(
    ("source", "target", "value"),
    [
        (Kind.TEXT, Kind.NUMBER, "ten"),
        (Kind.TEXT, Kind.NUMBER, "1E999999"),
        (Kind.NUMBER, Kind.INTEGER, "10.5"),
        (Kind.TEXT, Kind.BOOLEAN, "maybe"),
        (Kind.TEXT, Kind.DATE, "soon"),
        (Kind.TEXT, Kind.DATETIME, "soon"),
        (Kind.DATETIME, Kind.DATETIME, "0001-01-01T00:00:00+14:00"),
    ],
    ids=["word", "absurd number", "half", "perhaps", "no day", "no moment", "before time"],
)
def test_what_has_no_counterpart_says_why_without_the_value(source: Kind, target: Kind, value: str) -> None:
    with pytest.raises(Unconvertible) as raised:
        carry(source, target, value)
    assert value not in str(raised.value)
