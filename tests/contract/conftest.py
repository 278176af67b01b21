"""A real server for the suites that ask every store the same."""

from collections.abc import Iterator

import pytest

from workers import embedded


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("storage")
    yield embedded.ensure(directory)
    embedded.stop(directory)
