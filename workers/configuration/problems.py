"""What is wrong with a configuration, where, and what to do about it."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from domain.identity import Crm
from domain.mapping import ALWAYS, SyncRule
from domain.schema import FieldSchema, ObjectSchema

NAMES = {Crm.HUBSPOT: "HubSpot", Crm.SALESFORCE: "Salesforce"}

Schemas = Mapping[tuple[Crm, str], ObjectSchema]
"""What the accounts say about their objects, by CRM and object."""

LISTED = 12
"""The most names that a message enumerates."""


class Severity(StrEnum):
    """Whether a configuration with this problem may come into force."""

    ERROR = "error"
    WARNING = "warning"


class Problem(NamedTuple):
    """One problem, in whole sentences."""

    file: str
    line: int  #: from 1; 0: the file as a whole
    what: str
    remedy: str
    severity: Severity = Severity.ERROR
    column: int = 0  #: from 1; 0: the line as a whole

    @property
    def where(self) -> str:
        """File, line and column, as compilers write them."""
        places = [str(place) for place in (self.line, self.column) if place]
        return ":".join([self.file, *places])

    def __str__(self) -> str:
        mild = "warning: " if self.severity is Severity.WARNING else ""
        return f"{self.where}: {mild}{self.what} {self.remedy}"


class ConfigurationError(Exception):
    """A file that cannot come into force; the text has one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote ``word`` most likely meant."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    begins = sorted(name for name in by_folded if name.startswith(word.casefold())) if word else []
    return by_folded[(near or begins)[0]] if near or begins else None


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """The nearest known name as a question; else all of them if they are few, else ``otherwise``."""
    names = list(known)
    meant = nearest(word, names)
    if meant is not None:
        return f'Did you mean "{meant}"?'
    if not otherwise or 0 < len(names) <= LISTED:
        return f"Choose from: {', '.join(names)}."
    return otherwise


def meant(name: str, known: Mapping[str, FieldSchema]) -> str:
    """Names differ by letter case, by a slip, or because somebody wrote the label."""
    labelled = [schema.name for schema in known.values() if schema.label.casefold() == name.casefold()]
    if labelled:
        return f'Did you mean "{labelled[0]}"?'
    return did_you_mean(
        name, known, otherwise="Check the API name, and that the integration's user may see the field."
    )


def always(winner: Crm) -> SyncRule:
    """The rule by which one side always wins."""
    return next(rule for rule, crm in ALWAYS.items() if crm is winner)
