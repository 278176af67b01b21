"""The six sync rules, situation by situation."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from domain.convert import converter
from domain.identity import Crm, FieldValue
from domain.mapping import Agree, Leave, MappedField, Merged, Pair, Refuse, Send, SyncRule, merge
from domain.reasons import UNCONVERTIBLE
from domain.schema import FieldKind
from tests.world import HS, SF, text

TWO_WAY, PREFER_SF, PREFER_HS = SyncRule.TWO_WAY, SyncRule.PREFER_SALESFORCE, SyncRule.PREFER_HUBSPOT
ALWAYS_SF, ALWAYS_HS, DONT = SyncRule.ALWAYS_SALESFORCE, SyncRule.ALWAYS_HUBSPOT, SyncRule.DONT_SYNC
AGREED = ("old", "old")


def mapped(rule: SyncRule, kind: FieldKind = FieldKind.TEXT, **salesforce: bool) -> MappedField:
    ours, theirs, zone = text("city", kind), text("City", kind, **salesforce), ZoneInfo("UTC")
    return MappedField(
        "city", "City", rule, ours, theirs, converter(theirs, ours, zone), converter(ours, theirs, zone)
    )


@dataclass(frozen=True)
class Case:
    says: str
    rule: SyncRule
    hubspot: FieldValue
    salesforce: FieldValue
    agreed: Pair | None
    result: tuple[Crm, FieldValue] | None  #: (target, value); None: nothing is sent
    changed: tuple[int, int] = (0, 0)


LINKED = [
    Case("SF's value wins over an HS edit", PREFER_SF, "new", "old", AGREED, (HS, "old")),
    Case("an SF edit goes to HS", PREFER_SF, "old", "new", AGREED, (HS, "new")),
    Case("clearing in SF clears HS", PREFER_SF, "old", None, AGREED, (HS, None)),
    Case("clearing in HS is undone", PREFER_SF, None, "old", AGREED, (HS, "old")),
    Case("an empty SF field is filled", PREFER_SF, "new", None, (None, None), (SF, "new")),
    Case(
        "cleared in SF, then edited in HS: the later",
        PREFER_SF,
        "new",
        None,
        AGREED,
        (SF, "new"),
        (9_000, 5_000),
    ),
    Case(
        "edited in HS, then cleared in SF: the later",
        PREFER_SF,
        "new",
        None,
        AGREED,
        (HS, None),
        (5_000, 9_000),
    ),
    Case("HS never writes to SF", ALWAYS_SF, "new", "old", AGREED, (HS, "old")),
    Case("not even into an empty field", ALWAYS_SF, "new", None, (None, None), (HS, None)),
    Case("clearing in SF clears HS, always", ALWAYS_SF, "old", None, AGREED, (HS, None)),
    Case("an HS edit goes to SF", TWO_WAY, "new", "old", AGREED, (SF, "new")),
    Case("an SF edit goes to HS, two-way", TWO_WAY, "old", "new", AGREED, (HS, "new")),
    Case("clearing in HS clears SF", TWO_WAY, None, "old", AGREED, (SF, None)),
    Case("clearing in SF clears HS, two-way", TWO_WAY, "old", None, AGREED, (HS, None)),
    Case("of two edits the later, HS", TWO_WAY, "one", "two", AGREED, (SF, "one"), (9_000, 5_000)),
    Case("of two edits the later, SF", TWO_WAY, "one", "two", AGREED, (HS, "two"), (5_000, 9_000)),
    Case("within one second SF counts as later", TWO_WAY, "one", "two", AGREED, (HS, "two"), (5_900, 5_000)),
    Case("both made the same edit", TWO_WAY, "new", "new", AGREED, None),
    Case("nothing happened", TWO_WAY, "old", "old", AGREED, None),
    Case("two forms of one value, agreed", TWO_WAY, "0049 1", "+49 1", ("0049 1", "+49 1"), None),
    Case("nothing passes", DONT, "new", "old", AGREED, None),
    Case("not even a clear", DONT, None, "old", AGREED, None),
    Case("HS's value wins over an SF edit", PREFER_HS, "old", "new", AGREED, (SF, "old")),
    Case(
        "HS's clearing wins over SF's younger stamp",
        PREFER_HS,
        None,
        "old",
        AGREED,
        (SF, None),
        (5_000, 9_000),
    ),
    Case("an empty HS field is filled", PREFER_HS, None, "new", (None, None), (HS, "new")),
    Case("SF never writes to HS", ALWAYS_HS, "old", "new", AGREED, (SF, "old")),
    Case("clearing in HS clears SF, always", ALWAYS_HS, None, "old", AGREED, (SF, None)),
]
FIRST = [
    Case("a blank in SF never clears", PREFER_SF, "A", None, None, (SF, "A")),
    Case("a blank in HS never clears", TWO_WAY, None, "B", None, (HS, "B")),
    Case("both have one: SF is preferred", PREFER_SF, "A", "B", None, (HS, "B")),
    Case("both have one: HS is preferred", PREFER_HS, "A", "B", None, (SF, "A")),
    Case("both have one of unknown age: SF", TWO_WAY, "A", "B", None, (HS, "B")),
    Case("both have one: the later edit", TWO_WAY, "A", "B", None, (SF, "A"), (9_000, 5_000)),
    Case("always SF, and SF has none", ALWAYS_SF, "A", None, None, None),
    Case("always HS, and HS has none", ALWAYS_HS, None, "B", None, None),
    Case("the same", TWO_WAY, "A", " A ", None, None),
    Case("two blanks", PREFER_SF, None, None, None, None),
]


def outcome(case: Case) -> Merged:
    return merge(mapped(case.rule), (case.hubspot, case.salesforce), case.agreed, lambda _: case.changed)


def never(_: MappedField) -> tuple[int, int]:
    return 0, 0


def sent(result: Merged) -> tuple[Crm, FieldValue] | None:
    return (result.target, result.value) if isinstance(result, Send) else None


@pytest.mark.rule(59, 60, 61, 62, 63, 64, 65)
@pytest.mark.parametrize("case", LINKED, ids=lambda case: f"{case.rule}: {case.says}")
def test_a_pair_that_agreed_once(case: Case) -> None:
    assert sent(outcome(case)) == case.result


@pytest.mark.rule(59, 60, 61, 63, 64)
@pytest.mark.parametrize("case", FIRST, ids=lambda case: f"{case.rule}: {case.says}")
def test_a_pair_that_never_agreed(case: Case) -> None:
    assert sent(outcome(case)) == case.result


@pytest.mark.parametrize(
    ("rule", "now", "agreed", "lost"),
    [
        (TWO_WAY, ("one", "two"), AGREED, "one"),
        (PREFER_SF, ("one", "old"), AGREED, "one"),
        (PREFER_SF, ("one", "two"), None, "one"),
    ],
    ids=["both edited", "the rule undoes an edit", "both had one"],
)
def test_the_value_that_gives_way_is_kept(rule: SyncRule, now: Pair, agreed: Pair | None, lost: str) -> None:
    result = merge(mapped(rule), now, agreed, never)
    assert isinstance(result, Send)
    assert (result.conflict, result.lost) == (True, lost)


def test_what_replaces_an_agreed_value_loses_nothing() -> None:
    result = merge(mapped(TWO_WAY), ("new", "old"), AGREED, never)
    assert isinstance(result, Send)
    assert not result.conflict


@pytest.mark.rule(85)
def test_a_formula_is_read_and_never_written() -> None:
    formula = mapped(TWO_WAY, calculated=True)
    assert isinstance(merge(formula, ("new", "old"), AGREED, never), Leave)
    assert sent(merge(formula, ("old", "new"), AGREED, never)) == (HS, "new")


def test_a_value_without_counterpart_is_refused_and_named() -> None:
    number = mapped(TWO_WAY, FieldKind.NUMBER)
    assert merge(number, ("ten", "1"), ("1", "1"), never) == Refuse(SF, "ten", "not a number", UNCONVERTIBLE)


@pytest.mark.rule(82)
def test_an_empty_checkbox_and_an_unticked_one_agree() -> None:
    box = mapped(TWO_WAY, FieldKind.BOOLEAN)
    assert isinstance(merge(box, (None, "false"), None, never), Agree)
