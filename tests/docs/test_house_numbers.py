"""Functions and modules stay small enough to be read standing up."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FUNCTION = 50
LONGEST_MODULE = 450


def functions(package: str) -> Iterator[tuple[str, int]]:
    """Every function with its number of lines, less its docstring."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                said = ast.get_docstring(node, clean=False)
                first = node.body[0]
                prose = (first.end_lineno or 0) - first.lineno + 1 if said else 0
                yield f"{path.name}:{node.name}", (node.end_lineno or 0) - node.lineno + 1 - prose


@pytest.mark.parametrize("package", ["domain", "workers"])
def test_functions_are_short(package: str) -> None:
    lengths = dict(functions(package))
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    assert median(lengths.values()) <= 8
    assert quantiles(lengths.values(), n=10)[8] <= 25


@pytest.mark.parametrize("package", ["domain", "workers", "simulators"])
def test_modules_are_rooms_not_halls(package: str) -> None:
    sizes = {str(path): path.read_text().count("\n") for path in (ROOT / package).rglob("*.py")}
    assert {path: size for path, size in sizes.items() if size > LONGEST_MODULE} == {}
