"""How the suite shares a machine; no fixtures here, values come from builders."""

import hypothesis
import pytest

# The same examples on every machine and in every run; new ones are looked for in long runs.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole systems run one after another, so that two never compete for two cores."""
    for item in items:
        if item.get_closest_marker("scenario"):
            item.add_marker(pytest.mark.xdist_group("scenario"))
