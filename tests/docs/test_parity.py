"""The page of parity covers every rule, and each line names a test that is marked with the rule's number."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "parity.md"
RULES = [*range(1, 103), *range(111, 134)]
LATER = range(103, 111)


class Line(NamedTuple):
    rule: int
    behaviour: str
    differs: str
    shown_by: list[str]  #: names of test functions


def lines() -> list[Line]:
    rows = re.findall(r"^\| R(\d+) \| (.+?) \| (.*?) ?\| (.*?) ?\|$", PAGE.read_text(), re.MULTILINE)
    return [
        Line(int(rule), behaviour, differs, re.findall(r"`(\w+)`", shown))
        for rule, behaviour, differs, shown in rows
    ]


def marked() -> dict[str, set[int]]:
    """Test function -> the rules that it is marked with."""
    found: dict[str, set[int]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                found[node.name] |= set(_rules(node))
    return found


def _rules(function: ast.FunctionDef) -> Iterator[int]:
    """The rules of a function's marks, and of the marks of its cases."""
    for node in (each for decorator in function.decorator_list for each in ast.walk(decorator)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
            yield from (ast.literal_eval(argument) for argument in node.args)


def test_every_rule_has_one_line_in_order() -> None:
    assert [line.rule for line in lines()] == RULES


def test_every_line_names_a_test_that_is_marked_with_its_rule() -> None:
    known = marked()
    wrong = [
        (line.rule, name)
        for line in lines()
        for name in line.shown_by or ["(none)"]
        if line.rule not in known.get(name, ())
    ]
    assert wrong == []


def test_no_test_is_marked_with_a_rule_that_the_page_lacks() -> None:
    assert {rule for rules in marked().values() for rule in rules} <= {*RULES, *LATER}
