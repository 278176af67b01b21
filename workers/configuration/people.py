"""Whether the owners whom a configuration names exist, and who is left without a counterpart."""

from collections.abc import Iterator, Mapping, Sequence

from domain.identity import Crm
from domain.owners import Owner, match_owners, named
from workers.configuration.loading import Configuration
from workers.configuration.model import SectionEntry
from workers.configuration.problems import NAMES, Problem, Severity, did_you_mean
from workers.configuration.standard import mappings_of

SHOWN = 5
"""How many people a message names."""

People = Mapping[Crm, Sequence[Owner]]
"""Everybody who may own records, by CRM."""


def check_owners(configuration: Configuration, people: People) -> list[Problem]:
    """Owners of the table who do not exist are errors; active HubSpot owners without a user a warning."""
    return [
        problem
        for name, section in configuration.sections.items()
        for problem in _problems(configuration, name, section, people)
    ]


def _problems(
    configuration: Configuration, name: str, section: SectionEntry, people: People
) -> Iterator[Problem]:
    source = configuration.source
    for ours, theirs in section.owners.table.items():
        place = (name, "owners", "table", ours)
        for crm, wanted in ((Crm.HUBSPOT, ours), (Crm.SALESFORCE, theirs)):
            if named(wanted, people[crm]) is None:
                known = [each.email or each.name for each in people[crm]]
                what = f'{NAMES[crm]} has no owner "{wanted}".'
                yield source.problem(what, did_you_mean(wanted, known, otherwise=CALLED), *place)
    mappings = mappings_of(configuration.kinds[name], section)
    if any(entry.hubspot.endswith("owner_id") for _, entry, _ in mappings):
        yield from _unmatched(configuration, name, section, people)


CALLED = "Name an owner by e-mail address or id, a queue by its name."


def _unmatched(
    configuration: Configuration, name: str, section: SectionEntry, people: People
) -> Iterator[Problem]:
    owners = match_owners(people[Crm.HUBSPOT], people[Crm.SALESFORCE], section.owners.options)
    active = [each for each in people[Crm.HUBSPOT] if each.active]
    lost = [each.email or each.name for each in active if each.id not in owners.to_salesforce]
    if lost:
        shown = ", ".join(lost[:SHOWN]) + (f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")
        yield configuration.source.problem(
            f"{len(lost)} of {len(active)} HubSpot owners have no active Salesforce user: {shown}.",
            "Give them the same e-mail address there, or name them under owners.table.",
            *(name, "owners"),
            severity=Severity.WARNING,
        )
