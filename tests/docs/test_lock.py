"""The check that keeps the lock files in step with pyproject.toml notices what it should."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

PINNED = "celery==5.7.0 \\\n    --hash=sha256:00\n    # via crmsync (pyproject.toml)\n"


def load() -> ModuleType:
    """The script lies outside every package."""
    spec = importlib.util.spec_from_file_location("check_lock", ROOT / ".ci" / "check_lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_lock = load()


def problems(wanted: str, lock: str) -> list[str]:
    return list(check_lock.problems([Requirement(wanted)], lock))


def test_a_lock_that_answers_is_fine() -> None:
    assert problems("celery[redis]>=5.7,<6", PINNED) == []


@pytest.mark.parametrize(
    ("wanted", "lock", "says"),
    [
        pytest.param("redis", PINNED, "redis is not pinned", id="a requirement without a pin"),
        pytest.param("celery>=6", PINNED, "celery>=6 is pinned to 5.7.0", id="a pin that is too old"),
        pytest.param("celery", PINNED.replace("--hash=sha256:00", ""), "celery has no hash", id="no hash"),
        pytest.param("celery", "--index-url x\n" + PINNED, "names a place: --index-url", id="a mirror"),
        pytest.param("celery", PINNED + "x @ file:///x\n", "names a place: @ file:", id="one machine's file"),
    ],
)
def test_what_is_out_of_step_is_named(wanted: str, lock: str, says: str) -> None:
    assert says in problems(wanted, lock)


def test_a_pin_nobody_asks_for_any_more_is_named() -> None:
    both = PINNED + PINNED.replace("celery", "flower")
    assert problems("celery", both) == ["flower is pinned for the project, which no longer asks for it"]


def test_the_image_may_not_differ_from_what_was_tested() -> None:
    newer = PINNED.replace("5.7.0", "5.8.0")
    assert list(check_lock.differences(PINNED, newer)) == [
        "celery is 5.8.0 in the image and 5.7.0 in the tests"
    ]
