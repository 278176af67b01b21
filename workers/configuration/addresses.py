"""Which fields of a Salesforce object are parts of one address."""

from collections import defaultdict
from collections.abc import Mapping

PARTS = ("Street", "City", "StateCode", "State", "PostalCode", "CountryCode", "Country")
ADDRESSES = ("", "Mailing", "Other", "Billing", "Shipping")
"""What the names of an address's parts begin with. Source: Salesforce's "Address Compound Fields"."""

_OWNERS = {address + part: address for address in ADDRESSES for part in PARTS}


def split_addresses(rules: Mapping[str, str]) -> list[dict[str, str]]:
    """The addresses whose parts have several rules: field -> rule. ``rules``: those of an object's fields."""
    addresses: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for field, rule in rules.items():
        if field in _OWNERS:
            addresses[_OWNERS[field]][field] = rule
    return [parts for parts in addresses.values() if len(set(parts.values())) > 1]
