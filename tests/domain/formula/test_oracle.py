"""The core operators against a slow and obvious reading of their rules, on random formulas."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.formula import Blanks, Context, parse

RECORD = {"N": Decimal(3), "M": Decimal(-2), "NoN": None, "T": "b", "NoText": None, "B": True, "NoB": None}
SCHEMA = {
    "N": "double",
    "M": "int",
    "NoN": "double",
    "T": "string",
    "NoText": "string",
    "B": "boolean",
    "NoB": "boolean",
}

Tree = str | tuple[str, tuple["Tree", ...]]


def joined(operator: str, *operands: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return st.tuples(st.just(operator), st.tuples(*operands))


def number_trees(inner: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return st.one_of([joined(operator, inner, inner) for operator in "+-*"])


NUMBERS = st.recursive(st.sampled_from(["N", "M", "NoN", "0", "7", "NULL"]), number_trees, max_leaves=4)
TEXTS = st.recursive(
    st.sampled_from(["T", "NoText", '"a"', '""']), lambda inner: joined("&", inner, inner), max_leaves=3
)
COMPARISONS = st.one_of(
    [joined(operator, NUMBERS, NUMBERS) for operator in ("=", "<>", "<", ">=")]
    + [joined(operator, TEXTS, TEXTS) for operator in ("=", "<>", "<", ">=")]
)


def condition_trees(inner: SearchStrategy[Tree]) -> SearchStrategy[Tree]:
    return st.one_of(
        *(joined(operator, inner, inner) for operator in ("&&", "||", "AND", "OR")),
        joined("NOT", inner),
        joined("IF", inner, inner, inner),
    )


CONDITIONS = st.recursive(st.sampled_from(["B", "NoB", "TRUE", "FALSE"]) | COMPARISONS, condition_trees)


def written(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    operator, operands = tree
    texts = [written(operand) for operand in operands]
    if operator in {"AND", "OR", "NOT", "IF"}:
        return f"{operator}({', '.join(texts)})"
    return f"({f' {operator} '.join(texts)})"


def meaning(tree: Tree, blanks: Blanks) -> object:
    """Read a tree by the book: three values of truth, blanks that spread, text whose blank is empty."""
    if isinstance(tree, str):
        return leaf(tree, blanks)
    operator, operands = tree
    values = [meaning(operand, blanks) for operand in operands]
    if operator in PLAIN:
        return PLAIN[operator](values)
    return (
        compared(operator, operands, values)
        if operator in {"=", "<>", "<", ">="}
        else reckoned(operator, values)
    )


PLAIN: dict[str, Callable[[list[object]], object]] = {
    **dict.fromkeys(("&&", "AND"), lambda values: all(value is True for value in values)),
    **dict.fromkeys(("||", "OR"), lambda values: any(value is True for value in values)),
    "&": lambda values: "".join(str(value) for value in values if value is not None) or None,
    "NOT": lambda values: None if values[0] is None else not values[0],
    "IF": lambda values: values[1] if values[0] is True else values[2],
}


def leaf(name: str, blanks: Blanks) -> object:
    if name in RECORD:
        value = RECORD[name]
        if name == "NoN" and blanks == "zero":
            return 0
        return False if name == "NoB" else value
    return {"TRUE": True, "FALSE": False, "NULL": None, "0": 0, "7": 7, '"a"': "a", '""': None}[name]


def compared(operator: str, operands: tuple[Tree, ...], values: list[object]) -> bool | None:
    left, right = values
    if operator in {"=", "<>"} and any(is_text(operand) for operand in operands):
        same = (left or "") == (right or "")
        return same if operator == "=" else not same
    if left is None or right is None:
        return None
    before = str(left) < str(right) if isinstance(left, str) else number(left) < number(right)
    return {"=": left == right, "<>": left != right, "<": before, ">=": not before}[operator]


def number(value: object) -> Decimal:
    assert isinstance(value, int | Decimal)
    return Decimal(value)


def is_text(tree: Tree) -> bool:
    return tree in {"T", "NoText", '"a"', '""'} or (isinstance(tree, tuple) and tree[0] == "&")


def reckoned(operator: str, values: list[object]) -> object:
    if None in values:
        return None
    left, right = map(number, values)
    return {"+": left + right, "-": left - right, "*": left * right}[operator]


@settings(max_examples=400)
@given(CONDITIONS | NUMBERS | TEXTS, st.sampled_from(["zero", "blank"]))
def test_the_core_agrees_with_the_book(tree: Tree, blanks: Blanks) -> None:
    found = parse(written(tree)).evaluate(RECORD, schema=SCHEMA, blanks=blanks, context=Context())

    assert found == meaning(tree, blanks), written(tree)
