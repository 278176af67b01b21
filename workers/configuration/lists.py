"""Checks of the inclusion lists that a file names, against what HubSpot has."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from domain.errors import Misconfigured
from domain.inclusion import ListError, compile_list
from workers.configuration.loading import Configuration
from workers.configuration.problems import Problem, Severity, did_you_mean
from workers.ports import ListGateway

ACTIVE = "DYNAMIC"
CONTACTS = "0-1"
"""HubSpot's number for the type of lists of contacts."""


class ExaminedList(NamedTuple):
    """An inclusion list as HubSpot has it."""

    section: str
    wanted: str  #: as the file names it: a name, an id, or an id of the older lists API
    definition: Mapping[str, Any] | None  #: None: there is no such list
    problem: Problem | None


def examine_lists(configuration: Configuration, lists: ListGateway) -> Iterator[ExaminedList]:
    """Look each inclusion list up, and say what speaks against it. Raises what HubSpot raises."""
    for name, section in configuration.sections.items():
        wanted = section.limit_sync.inclusion_list
        if wanted is not None:
            definition = find_list(lists, wanted)
            line, column = configuration.source.mark(name, "limit_sync", "inclusion_list")
            problem, file = _objection(definition, wanted, lists), configuration.source.file
            named = problem._replace(file=file, line=line, column=column) if problem else None
            yield ExaminedList(name, wanted, definition, named)


def find_list(lists: ListGateway, wanted: str) -> dict[str, Any] | None:
    """The definition of a list by its name, its id or its older id; None if there is none."""
    try:
        return lists.list_definition(wanted)
    except Misconfigured as error:
        if error.code != "list_absent":
            raise
        return None


def with_referred(lists: ListGateway, wanted: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The definitions of lists, and of those that their filters refer to, each once."""
    waiting, seen = list(wanted), set[str]()
    while waiting:
        definition = lists.list_definition(waiting.pop())
        list_id = str(definition["listId"])
        if list_id not in seen:
            seen.add(list_id)
            waiting += _referred(definition.get("filterBranch"))
            yield definition


def _referred(branch: Any) -> list[str]:
    """Ids of lists that a filter tree refers to."""
    if not isinstance(branch, Mapping):
        return []
    filters = (each for each in branch.get("filters", []) if each.get("filterType") == "IN_LIST")
    own = [str(each["listId"]) for each in filters if each.get("listId") is not None]
    return own + [each for child in branch.get("filterBranches", []) for each in _referred(child)]


def _objection(definition: Mapping[str, Any] | None, wanted: str, lists: ListGateway) -> Problem | None:
    """Why the list cannot say who syncs, or what must be known of it; the place is left open."""
    if definition is None:
        names = [str(each["name"]) for each in lists.lists()]
        remedy = did_you_mean(wanted, names, otherwise="Create it, or correct limit_sync.")
        return Problem("", 0, f'HubSpot has no list "{wanted}".', remedy)
    name = definition["name"]
    if definition.get("objectTypeId", CONTACTS) != CONTACTS:
        what = f'The list "{name}" is not one of contacts.'
        return Problem("", 0, what, "Choose an active list of contacts.")
    if definition.get("processingType") != ACTIVE:
        what = f'The inclusion list "{name}" is static, and nobody ever joins it by himself.'
        return Problem("", 0, what, "Choose an active list.")
    if definition.get("processingStatus") not in {None, "COMPLETE"}:
        what = f'HubSpot is still filling the inclusion list "{name}".'
        return Problem("", 0, what, "Wait until it is done.", Severity.WARNING)
    return _remote(definition)


def _remote(definition: Mapping[str, Any]) -> Problem | None:
    try:
        remote = compile_list(definition, schema=None).remote
    except ListError as error:
        return Problem("", 0, str(error), "Choose another list.")
    if remote is None:
        return None
    what = f'HubSpot must be asked who is on the inclusion list "{definition["name"]}" ({remote}).'
    remedy = "That costs calls; a list of filters on properties alone is evaluated here."
    return Problem("", 0, what, remedy, Severity.WARNING)
