"""A connection's YAML file: read, checked, and handed on in the words of those who use it."""

from workers.configuration.audit import Audited, audit
from workers.configuration.checks import check_against
from workers.configuration.document import (
    Budget,
    ConnectionOptions,
    connection_options,
    syncs_opt_outs,
    to_document,
)
from workers.configuration.lists import ExaminedList, examine_lists, find_list, with_referred
from workers.configuration.loading import Configuration, load, loads, sample
from workers.configuration.people import People, check_owners
from workers.configuration.problems import ConfigurationError, Problem, Schemas, Severity

__all__ = [
    "Audited",
    "Budget",
    "Configuration",
    "ConfigurationError",
    "ConnectionOptions",
    "ExaminedList",
    "People",
    "Problem",
    "Schemas",
    "Severity",
    "audit",
    "check_against",
    "check_owners",
    "connection_options",
    "examine_lists",
    "find_list",
    "load",
    "loads",
    "sample",
    "syncs_opt_outs",
    "to_document",
    "with_referred",
]
