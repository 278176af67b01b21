"""The page about the simulators knows every switch and every fault of both."""

from dataclasses import fields
from pathlib import Path

import pytest

from simulators.faults import KINDS
from simulators.hubspot import HubSpotSettings
from simulators.salesforce.settings import OrgSettings

PAGE = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text()


SETTINGS = sorted({entry.name for kind in (HubSpotSettings, OrgSettings) for entry in fields(kind)})


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_fault_is_documented(kind: str) -> None:
    assert f"`{kind}`" in PAGE
