from collections.abc import Iterator

import pytest

from simulators.salesforce import create
from simulators.server import running
from tests.simulators.salesforce_client import Org


@pytest.fixture(scope="module")
def salesforce_server() -> Iterator[Org]:
    simulator = create({})
    with running(simulator) as listener:
        yield Org(listener.url, simulator)


@pytest.fixture
def org(salesforce_server: Org) -> Org:
    """A simulated org without records, with the external id field provisioned, and a client logged in."""
    return salesforce_server.fresh()
