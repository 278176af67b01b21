"""Checks of what the file names: fields and lists."""

from collections.abc import Iterator

from domain.errors import Misconfigured, SyncError
from domain.identity import Crm
from workers.configuration import Configuration, Schemas, Severity, check_against
from workers.configuration.problems import did_you_mean
from workers.doctor.findings import Finding, Health, refused
from workers.ports import ListGateway


def check_fields(configuration: Configuration, schemas: Schemas) -> Iterator[Finding]:
    """Whether the accounts have what the file names, key fields included, and let it be written."""
    problems = check_against(configuration, schemas)
    for problem in problems:
        health = Health.FAIL if problem.severity is Severity.ERROR else Health.WARN
        yield Finding(health, f"{problem.file}:{problem.line}: {problem.what}", problem.remedy)
    if not problems:
        yield Finding(Health.OK, "Every mapped field exists, goes with its partner and can be written.")


def check_inclusion_lists(configuration: Configuration, lists: ListGateway) -> Iterator[Finding]:
    """Whether each inclusion list exists, is active and ready."""
    for name, section in configuration.sections.items():
        wanted = section.limit_sync.inclusion_list
        if wanted is None:
            yield Finding(Health.OK, f"No inclusion list: all {name} may sync.")
            continue
        try:
            yield _inclusion_list(wanted, lists)
        except SyncError as error:
            yield refused(Crm.HUBSPOT, "HubSpot's lists cannot be read", error)


def _inclusion_list(wanted: str, lists: ListGateway) -> Finding:
    try:
        found = lists.list_definition(wanted)
    except Misconfigured as error:
        if error.code != "list_absent":
            raise
        names = [str(each["name"]) for each in lists.lists()]
        remedy = did_you_mean(wanted, names, otherwise="Create it, or correct limit_sync.")
        return Finding(Health.FAIL, f'HubSpot has no list "{wanted}".', remedy)
    name = found["name"]
    if found.get("processingType") != "DYNAMIC":
        what = f'The inclusion list "{name}" is static, and nobody ever joins it by himself.'
        return Finding(Health.FAIL, what, "Choose an active list.")
    if found.get("processingStatus") not in {None, "COMPLETE"}:
        what = f'HubSpot is still filling the inclusion list "{name}".'
        return Finding(Health.WARN, what, "Wait until it is done.")
    return Finding(Health.OK, f'The inclusion list "{name}" is active.')
