"""What a configuration maps in these accounts, one line a mapping."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.identity import Crm
from workers.configuration.document import computed
from workers.configuration.loading import Configuration
from workers.configuration.problems import Schemas
from workers.configuration.standard import left_out, mappings_of


@dataclass(frozen=True, slots=True)
class Audited:
    """One mapping as it works in these accounts."""

    section: str
    hubspot: str  #: the property; empty if the field is computed from the whole record
    salesforce: dict[str, str]  #: object -> field
    rule: str  #: and what else happens to the values
    types: str  #: HubSpot's type and Salesforce's types
    origin: str  #: ``own``, ``standard`` or ``computed``
    left_out: str  #: why it is not used; empty if it is


def audit(configuration: Configuration, schemas: Schemas) -> list[Audited]:
    """All mappings of all sections. Raises KeyError if an object's schema is missing."""
    return [each for name in configuration.sections for each in _section(configuration, name, schemas)]


def _section(configuration: Configuration, name: str, schemas: Schemas) -> Iterator[Audited]:
    kind, section = configuration.kinds[name], configuration.sections[name]
    ours = schemas[Crm.HUBSPOT, kind.hubspot].fields
    for _, entry, standard in mappings_of(kind, section):
        by_object = entry.by_object(kind.salesforce).items()
        fields = {each: field for each, field in by_object if field in schemas[Crm.SALESFORCE, each].fields}
        theirs = {schemas[Crm.SALESFORCE, each].fields[field].native for each, field in fields.items()}
        native = ours[entry.hubspot].native if entry.hubspot in ours else "?"
        yield Audited(
            name,
            entry.hubspot,
            fields,
            "; ".join([entry.sync_rule, *entry.options.words()]),
            f"{native} - {', '.join(sorted(theirs)) or '?'}",
            "standard" if standard else "own",
            left_out(entry, kind, schemas) if standard else "",
        )
    for computed_entry in section.computed_fields:
        for each in computed(computed_entry, kind, schemas):
            into_hubspot = each.target is Crm.HUBSPOT
            fields = {each.object: "" if into_hubspot else each.field}
            yield Audited(name, each.field if into_hubspot else "", fields, each.formula, "", "computed", "")
