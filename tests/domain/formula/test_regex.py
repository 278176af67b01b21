"""Our matcher beside Python's, on patterns that mean the same in Java and in Python."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from domain.formula.regex import matches

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "(?=a)", "(?!b)", r"\b"])


def patterns(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    quantifiers = st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "{0,}", "*?", "+?", "{1,2}?"])
    return st.one_of(
        st.builds(lambda left, right: left + right, inner, inner),
        st.builds(lambda left, right: f"({left}|{right})", inner, inner),
        st.builds(lambda body, quantifier: f"(?:{body}){quantifier}", inner, quantifiers),
    )


@settings(max_examples=500)
@given(st.recursive(ATOMS, patterns, max_leaves=6), st.text(alphabet="ab1", max_size=7))
def test_a_match_is_found_where_python_finds_one(pattern: str, text: str) -> None:
    assert matches(pattern, text) is (re.fullmatch(pattern, text, re.ASCII) is not None)


def test_a_pattern_is_tried_anew_for_every_text() -> None:
    assert [matches("(a)?b\\1?", text) for text in ("ab", "b", "aba", "bb")] == [True, True, True, False]


def test_a_long_text_needs_no_long_time() -> None:
    assert matches("(?s).*end", "x" * 100_000 + "end")
