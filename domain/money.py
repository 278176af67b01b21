"""Amounts in several currencies: nothing is converted, and what stands in another currency does not sync.

Source: Salesforce Help, "Manage Multiple Currencies": with it on, each record has one currency, in which all
its currency fields are. HubSpot's amounts outside of deals are in the portal's currency.
"""

from collections.abc import Iterable

from domain.identity import Fields
from domain.mapping import MappedField

CURRENCY = "CurrencyIsoCode"
"""The field that says which currency a Salesforce record is in."""

OTHER = "the Salesforce record is in another currency than the one declared"


def amounts_of(currency: str, fields: Iterable[MappedField]) -> frozenset[str]:
    """The Salesforce fields that hold amounts; none where no currency was declared."""
    if not currency:
        return frozenset()
    return frozenset(each.salesforce for each in fields if each.salesforce_schema.native == "currency")


def is_foreign(currency: str, record: Fields) -> bool:
    """Whether a Salesforce record is in another currency; one that does not say is in the org's only one."""
    return (record.get(CURRENCY) or currency) != currency
