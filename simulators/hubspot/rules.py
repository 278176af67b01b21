"""Property validation rules that an administrator defined; the 2026-09 API enforces them on writes.

`property_rules` of the settings: `{"contacts": {"jobtitle": {"max_length": 40, "pattern": "[A-Z].*"}}}`.
"""

import re
from typing import Any

from simulators.hubspot.records import Values
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.table import Table


def broken(settings: HubSpotSettings, table: Table, values: Values) -> list[dict[str, Any]]:
    """One problem per value that breaks its rule."""
    rules = settings.property_rules.get(table.type.name, {})
    return [
        {
            "name": name,
            "error": "PROPERTY_VALIDATION_RULE",
            "message": f'Property "{name}" breaks a validation rule',
        }
        for name, rule in rules.items()
        if values.get(name) and _breaks(values[name], rule)
    ]


def _breaks(value: str, rule: dict[str, Any]) -> bool:
    too_long = "max_length" in rule and len(value) > rule["max_length"]
    return too_long or ("pattern" in rule and re.fullmatch(rule["pattern"], value) is None)
