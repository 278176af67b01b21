"""Whether what a mapping does with values fits the two fields that it is for."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.identity import Crm
from domain.mapping import SyncRule
from domain.schema import FieldKind, FieldSchema
from domain.validation import objection
from workers.configuration.model import MappingEntry
from workers.configuration.problems import did_you_mean

TEXTS = frozenset({FieldKind.TEXT, FieldKind.MULTILINE, FieldKind.EMAIL, FieldKind.PHONE, FieldKind.URL})


class Misfit(NamedTuple):
    """What is wrong with an option, and where it stands in the mapping."""

    key: tuple[str, ...]
    what: str
    remedy: str


class Sides(NamedTuple):
    """Two fields, and how messages call them."""

    hubspot: FieldSchema
    salesforce: FieldSchema
    names: dict[Crm, str]

    def of(self, crm: Crm) -> FieldSchema:
        return self.hubspot if crm is Crm.HUBSPOT else self.salesforce


def misfits(entry: MappingEntry, sides: Sides) -> Iterator[Misfit]:
    """What the options of a mapping ask of its fields in vain."""
    yield from _values(entry, sides)
    yield from _defaults(entry, sides)
    yield from _texts(entry, sides)
    yield from _order(entry, sides)
    if entry.sync_rule is SyncRule.OPT_OUT and {sides.hubspot.kind, sides.salesforce.kind} != {
        FieldKind.BOOLEAN
    }:
        what = "opt_out is for a checkbox on both sides."
        yield Misfit(("sync_rule",), what, "Use another rule, or map a checkbox to a checkbox.")


def _values(entry: MappingEntry, sides: Sides) -> Iterator[Misfit]:
    if isinstance(entry.values, str):
        if not (sides.hubspot.options or sides.salesforce.options):
            what = "Neither side has options that a label could be matched with."
            yield Misfit(("values",), what, "Write the values out, or delete the key.")
        return
    for ours, theirs in entry.values:
        for crm, value in ((Crm.HUBSPOT, ours), (Crm.SALESFORCE, theirs)):
            known = [option.value for option in sides.of(crm).options]
            if known and value not in known:
                what = f'{sides.names[crm]} has no option "{value}".'
                yield Misfit(("values", ours), what, _option(value, sides.of(crm)))


def _option(value: str, schema: FieldSchema) -> str:
    """The option that was meant, perhaps by its label."""
    labelled = [each.value for each in schema.options if each.label.casefold() == value.casefold()]
    if labelled:
        return f'Write its value, not its label: "{labelled[0]}".'
    return did_you_mean(value, [each.value for each in schema.options], otherwise="See the field's options.")


def _defaults(entry: MappingEntry, sides: Sides) -> Iterator[Misfit]:
    for crm, value in entry.default.items():
        why = objection(sides.of(crm), value, create=True)
        if why:
            what = f'{sides.names[crm]} cannot be "{value}": {why}.'
            yield Misfit(("default", crm), what, "Correct the default.")
        elif not entry.passes(crm):
            what = f"{sides.names[crm]} gets no values by {entry.sync_rule}, so no default either."
            yield Misfit(("default", crm), what, "Delete the default, or use another rule.")


def _texts(entry: MappingEntry, sides: Sides) -> Iterator[Misfit]:
    for crm, transforms in entry.transform.items():
        kind = sides.of(crm.other).kind
        if kind not in {*TEXTS, FieldKind.PICKLIST} and entry.passes(crm):
            what = f"{sides.names[crm.other]} ({kind}) is no text for {' and '.join(transforms)}."
            yield Misfit(("transform",), what, "Delete the transform, or name the target that it is for.")
    texts = any(sides.of(crm).kind in TEXTS for crm in Crm)
    if entry.too_long == "cut" and not texts:
        what = "Neither side is a text that could be cut."
        yield Misfit(("too_long",), what, "Delete the key.")


def _order(entry: MappingEntry, sides: Sides) -> Iterator[Misfit]:
    known = [option.value for option in sides.hubspot.options]
    if entry.forward_only and not (entry.order or known):
        what = f"{sides.names[Crm.HUBSPOT]} has no options, so nothing says which way is forward."
        yield Misfit(("forward_only",), what, "List HubSpot's values, the first stage first: order: [...].")
    for value in entry.order:
        if known and value not in known:
            what = f'{sides.names[Crm.HUBSPOT]} has no option "{value}".'
            yield Misfit(("order",), what, _option(value, sides.hubspot))
