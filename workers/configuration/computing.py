"""Whether computed fields exist, can be written, and take what their formulas yield."""

from collections.abc import Iterator

from domain.formula import parse
from domain.formula_inputs import Shape
from domain.identity import Crm
from domain.kinds import ObjectKind
from domain.policy import Computed
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from workers.configuration.document import computed
from workers.configuration.formulas import unfit
from workers.configuration.model import ComputedEntry
from workers.configuration.options import Misfit
from workers.configuration.problems import Schemas, meant

NEEDS = {FieldKind.BOOLEAN: "NOT({})", FieldKind.NUMBER: "0+({})", FieldKind.INTEGER: "0+({})"}
"""Kind -> a formula that compiles only around what such a field takes."""


def uncomputable(entry: ComputedEntry, kind: ObjectKind, schemas: Schemas) -> Iterator[Misfit]:
    """What hinders a computed field; nothing is said while an object's fields are not known."""
    if any((crm, name) not in schemas for crm in Crm for name in kind.objects(crm)):
        return
    fields = list(computed(entry, kind, schemas))
    if not fields:
        wanted = next(iter(entry.by_object(kind.salesforce).values()))
        known = {
            n: each for name in kind.salesforce for n, each in schemas[Crm.SALESFORCE, name].fields.items()
        }
        what = f'Salesforce shows no field "{wanted}" of {" or ".join(entry.by_object(kind.salesforce))}.'
        yield Misfit(("salesforce",), what, meant(wanted, known))
    for each in fields:
        yield from _unfillable(each, kind, schemas)


def _unfillable(field: Computed, kind: ObjectKind, schemas: Schemas) -> Iterator[Misfit]:
    ours, theirs = schemas[Crm.HUBSPOT, kind.hubspot], schemas[Crm.SALESFORCE, field.object]
    reads_salesforce = field.target is Crm.HUBSPOT
    source, target = (theirs, ours) if reads_salesforce else (ours, theirs)
    owner = field.object if reads_salesforce else f"HubSpot's {kind.hubspot}"
    schema = target.fields.get(field.field)
    if schema is None:
        what = f'HubSpot has no property "{field.field}" of {kind.hubspot}.'
        yield Misfit(("hubspot",), what, meant(field.field, target.fields))
        return
    if schema.calculated or schema.apart or not schema.updateable:
        what = f"{field.field} is read-only, so nothing can be computed into it."
        yield Misfit((str(field.target),), what, "Name another field.")
    wrong = unfit(field.formula, source, owner, condition=False) or _mistyped(field, schema, source)
    for what, remedy in wrong:
        yield Misfit(("formula",), what, remedy)


def _mistyped(field: Computed, schema: FieldSchema, source: ObjectSchema) -> list[tuple[str, str]]:
    wrapped = NEEDS.get(schema.kind, "{}").format(field.formula)
    if parse(wrapped).fault(Shape.of(source).types) is None:
        return []
    what = f"{field.field} ({schema.native}) cannot hold what the formula yields."
    return [(what, "Convert it, with VALUE() for a number or a comparison for a checkbox.")]
