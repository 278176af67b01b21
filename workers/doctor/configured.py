"""Checks of what the file names: fields and lists."""

from collections.abc import Iterator

from domain.errors import SyncError
from domain.identity import Crm
from workers.configuration import (
    Configuration,
    ExaminedList,
    Problem,
    Schemas,
    Severity,
    check_against,
    examine_lists,
)
from workers.doctor.findings import Finding, Health, refused
from workers.ports import ListGateway


def check_fields(configuration: Configuration, schemas: Schemas) -> Iterator[Finding]:
    """Whether the accounts have what the file names, key fields included, and let it be written."""
    problems = check_against(configuration, schemas)
    for problem in problems:
        yield Finding(_health(problem), f"{problem.where}: {problem.what}", problem.remedy)
    if not problems:
        yield Finding(Health.OK, "Every mapped field exists, goes with its partner and can be written.")


def check_inclusion_lists(configuration: Configuration, lists: ListGateway) -> Iterator[Finding]:
    """Whether each inclusion list exists, is active and ready."""
    for name, section in configuration.sections.items():
        wanted = section.limit_sync.inclusion_list
        if wanted is None:
            yield Finding(Health.OK, f"No inclusion list: all {name} may sync.")
    try:
        yield from map(_inclusion_list, examine_lists(configuration, lists))
    except SyncError as error:
        yield refused(Crm.HUBSPOT, "HubSpot's lists cannot be read", error)


def _inclusion_list(found: ExaminedList) -> Finding:
    if found.problem is None:
        name = found.definition["name"] if found.definition else found.wanted
        return Finding(Health.OK, f'The inclusion list "{name}" is active.')
    return Finding(_health(found.problem), found.problem.what, found.problem.remedy)


def _health(problem: Problem) -> Health:
    return Health.FAIL if problem.severity is Severity.ERROR else Health.WARN
