"""The boolean tree, against an obvious evaluator, and what follows from three-valued logic."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import FieldValue
from domain.inclusion import compile_list
from tests.domain.inclusion.builders import (
    FORM,
    Json,
    a_list,
    all_of,
    any_of,
    constant,
    explain,
    in_list,
    prop,
)

NAMES = ("a", "b", "c", "d")
LISTS = ("2", "3", "4")  # 2 and 3 are active, 4 is static
TRUTH = {False: 0.0, None: 0.5, True: 1.0}


def is_set(name: str) -> Json:
    return prop(name, "BOOL", "IS_EQUAL_TO", value=True)


LEAVES = st.one_of(
    st.builds(is_set, st.sampled_from(NAMES)),
    st.builds(in_list, st.sampled_from(LISTS), st.sampled_from(["IN_LIST", "NOT_IN_LIST"])),
    st.builds(constant, accept=st.booleans()),
    st.just(FORM),
)
FLAT = st.lists(LEAVES, max_size=4).map(lambda leaves: all_of(*leaves))
BRANCHES = st.recursive(
    FLAT,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: any_of(*found)),
        st.builds(
            lambda leaf, found: all_of(leaf, branches=tuple(found)), LEAVES, st.lists(inner, max_size=3)
        ),
    ),
    max_leaves=8,
)
GROUPS = st.lists(BRANCHES, max_size=3).map(tuple)
WORLDS = st.tuples(*(st.sampled_from(["true", "false"]) for _ in NAMES)).map(
    lambda values: dict(zip(NAMES, values, strict=True))
)
MEMBERSHIPS = st.fixed_dictionaries({list_id: st.booleans() for list_id in ("1", *LISTS)})
DEFINITIONS = {
    "2": a_list(all_of(is_set("a"), is_set("b")), all_of(is_set("c")), list_id="2"),
    "3": a_list(all_of(in_list("2", "NOT_IN_LIST"), FORM), list_id="3"),
    "4": a_list(all_of(is_set("a")), list_id="4", processing="MANUAL"),
}


def obvious(node: Json, values: Mapping[str, FieldValue], told: Mapping[str, bool]) -> float:
    """Return 1 for true, 0 for false, a half for unknown: AND is the least, OR the greatest."""
    match node:
        case {"filterBranchType": kind}:
            parts = [obvious(part, values, told) for part in (*node["filters"], *node["filterBranches"])]
            return min(parts, default=1.0) if kind == "AND" else max(parts, default=0.0)
        case {"filterType": "CONSTANT"}:
            return float(node["shouldAccept"])
        case {"filterType": "PROPERTY"}:
            return {"true": 1.0, "false": 0.0, None: 0.5}[values.get(node["property"])]
        case {"filterType": "IN_LIST"}:
            inside = obvious_list(node["listId"], values, told)
            return inside if node["operator"] == "IN_LIST" else 1 - inside
        case _:
            return TRUTH[None]


def obvious_list(list_id: str, values: Mapping[str, FieldValue], told: Mapping[str, bool]) -> float:
    word = TRUTH[told.get(list_id)]
    if list_id == "4":
        return word
    own = obvious(DEFINITIONS[list_id]["filterBranch"], values, told)
    return (
        word if own == TRUTH[None] and list_id == "3" else own
    )  # 2 has no filter that only HubSpot can answer


def part_of(whole: Mapping[str, FieldValue]) -> st.SearchStrategy[dict[str, FieldValue]]:
    return st.sets(st.sampled_from(sorted(whole))).map(lambda names: {name: whole[name] for name in names})


@given(st.data(), GROUPS, WORLDS)
def test_the_tree_agrees_with_an_obvious_evaluator(
    data: st.DataObject, groups: tuple[Json, ...], world: dict[str, FieldValue]
) -> None:
    values = data.draw(part_of(world))
    told = data.draw(MEMBERSHIPS.flatmap(lambda all_told: st.sets(st.sampled_from(LISTS)).map(
        lambda ids: {list_id: all_told[list_id] for list_id in ids})))  # fmt: skip
    compiled = compile_list(a_list(*groups), schema=None, lists=DEFINITIONS)
    verdict = explain(compiled, values, memberships=told)
    assert TRUTH[verdict.member] == obvious(any_of(*groups), values, told)


@given(st.data(), GROUPS, WORLDS, MEMBERSHIPS)
def test_learning_more_never_changes_an_answer(
    data: st.DataObject, groups: tuple[Json, ...], world: dict[str, FieldValue], told: dict[str, bool]
) -> None:
    compiled = compile_list(a_list(*groups), schema=None, lists=DEFINITIONS)
    told = {list_id: told[list_id] for list_id in LISTS}
    told["3"] = told["3"] and obvious_list("2", world, {}) == 0.0  # as HubSpot itself would see it
    early = explain(compiled, data.draw(part_of(world)), memberships={}).member
    if early is not None:
        assert explain(compiled, world, memberships=told).member is early


@given(st.data(), GROUPS, WORLDS, MEMBERSHIPS)
def test_reading_and_asking_what_a_verdict_names_always_answers(
    data: st.DataObject, groups: tuple[Json, ...], world: dict[str, FieldValue], told: dict[str, bool]
) -> None:
    compiled = compile_list(a_list(*groups), schema=None, lists=DEFINITIONS)
    values = data.draw(part_of(world))
    heard: dict[str, bool] = {}
    for _ in range(1 + len(NAMES) + len(told)):
        verdict = explain(compiled, values, memberships=heard)
        if verdict.member is not None:
            return
        assert set(verdict.unknown) <= compiled.properties - values.keys()
        assert set(verdict.asks) <= compiled.asks
        values |= {name: world[name] for name in verdict.unknown}
        heard |= {list_id: told[list_id] for list_id in verdict.asks}
    pytest.fail("The list still cannot answer.")


@pytest.mark.parametrize(
    ("groups", "member"),
    [
        ([all_of(is_set("unknown"), is_set("false"))], False),
        ([all_of(is_set("unknown"), is_set("true"))], None),
        ([all_of(is_set("unknown")), all_of(is_set("true"))], True),
        ([all_of(is_set("unknown")), all_of(is_set("false"))], None),
    ],
    ids=["unknown and false", "unknown and true", "unknown or true", "unknown or false"],
)
def test_unknown_decides_nothing_that_is_decided_without_it(groups: list[Json], member: bool | None) -> None:  # noqa: FBT001
    compiled = compile_list(a_list(*groups), schema=None)
    assert explain(compiled, {"true": "true", "false": "false"}).member is member
