"""A connection's YAML file: read, checked, and handed on in the words of those who use it."""

from workers.configuration.checks import check_against
from workers.configuration.document import (
    Budget,
    ConnectionOptions,
    Schemas,
    connection_options,
    to_document,
)
from workers.configuration.loading import Configuration, load, loads
from workers.configuration.problems import ConfigurationError, Problem, Severity

__all__ = [
    "Budget",
    "Configuration",
    "ConfigurationError",
    "ConnectionOptions",
    "Problem",
    "Schemas",
    "Severity",
    "check_against",
    "connection_options",
    "load",
    "loads",
    "to_document",
]
