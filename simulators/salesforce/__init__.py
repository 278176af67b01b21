"""A simulated Salesforce org: REST, collections, composite, SOQL, bulk and tooling calls."""

from simulators.salesforce.app import Salesforce, create

__all__ = ["Salesforce", "create"]
