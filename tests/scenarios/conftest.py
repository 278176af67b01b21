"""A whole installation per test module: simulators over HTTP, a real server, real workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from workers.cli.playground import CONFIGURATION, Playground


@contextmanager
def installed(directory: Path, configuration: str = CONFIGURATION, **more: Any) -> Iterator[Playground]:
    """Both CRMs are up and prepared, the product does not run yet. In the end no call was misunderstood."""
    playground = Playground(directory, configuration, **more)
    try:
        playground.start_crms()
        yield playground
        assert playground.violations() == []
    finally:
        playground.stop()


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with installed(tmp_path_factory.mktemp("playground")) as playground:
        yield playground
