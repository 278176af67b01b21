"""How the suite shares a machine; no fixtures here, values come from builders."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole systems run one after another, so that two never compete for two cores."""
    for item in items:
        if item.get_closest_marker("scenario"):
            item.add_marker(pytest.mark.xdist_group("scenario"))
