"""From a configured mapping to a field ready for use: what can be known ahead is worked out here."""

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import msgspec

from domain.conditions import Expression
from domain.convert import TEXTS, Unconvertible, as_text, converter
from domain.formula import FormulaError, Value
from domain.formula_inputs import text_of
from domain.identity import Crm, Fields, FieldValue
from domain.mapping import MappedField, SyncRule
from domain.ranking import forward_only
from domain.schema import FieldKind, FieldSchema
from domain.translating import PLAIN, Translation, translator

VIRTUAL = "="
"""What the name of a computed value begins with, on the side that has no field for it."""

ERROR = "#Error! "
"""What a computed value begins with that cannot be computed, as Salesforce shows it; the reason follows."""


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a mapping does beside its rule."""

    translation: Translation = Translation()
    forward_only: tuple[Crm, ...] = ()  #: targets that never move back
    order: tuple[str, ...] = ()  #: HubSpot's values, the first stage first; none: as its options stand

    def words(self) -> Iterator[str]:
        """What is done beside the rule, for people."""
        yield from self.translation.words()
        if self.forward_only:
            yield f"only forward in {' and '.join(self.forward_only)}"


class Sides(msgspec.Struct, frozen=True):
    """The two fields of a mapping."""

    hubspot: FieldSchema
    salesforce: FieldSchema


def mapped_field(rule: SyncRule, sides: Sides, zone: ZoneInfo, options: Options) -> MappedField:
    """Prepare a mapping of two fields."""
    ours, theirs = sides.hubspot, sides.salesforce
    to_hubspot = translator(ours, theirs, Crm.HUBSPOT, zone, options.translation)
    order = options.order or tuple(each.value for each in ours.options)
    guard = forward_only(options.forward_only, order, to_hubspot) if options.forward_only else None
    to_salesforce = translator(ours, theirs, Crm.SALESFORCE, zone, options.translation)
    fills = tuple(options.translation.default)
    texts = to_salesforce is as_text and to_hubspot is as_text
    return MappedField(
        ours.name,
        theirs.name,
        rule,
        ours,
        theirs,
        to_hubspot,
        to_salesforce,
        moves_back=guard,
        fills=fills,
        note="; ".join(options.words()),
        plain=texts and ours.kind in TEXTS and theirs.kind in TEXTS,
        verbatim=to_salesforce is as_text or (ours.kind is theirs.kind and options.translation == PLAIN),
    )


def computed_field(target: Crm, schema: FieldSchema, expression: Expression) -> MappedField:
    """Prepare a field that is computed from the other side's record. ``schema``: of the field.

    The other side has a value by no field's name; it is in the field's own form, or says what went wrong.
    """
    name = VIRTUAL + schema.name
    names = (schema.name, name) if target is Crm.HUBSPOT else (name, schema.name)
    rule = SyncRule.ALWAYS_SALESFORCE if target is Crm.HUBSPOT else SyncRule.ALWAYS_HUBSPOT
    return MappedField(
        *names,
        rule,
        schema,
        schema,
        _computed,
        _computed,
        computed=_computing(schema, expression),
        note=f"computed: {expression.formula.source}",
    )


def _computed(value: FieldValue) -> FieldValue:
    if value is not None and value.startswith(ERROR):
        raise Unconvertible(value.removeprefix(ERROR))
    return value


def _computing(schema: FieldSchema, expression: Expression) -> Callable[[Fields, int], FieldValue]:
    converters = {kind: converter(_result(kind), schema, expression.zone) for kind in _KINDS.values()}

    def compute(record: Fields, now: int) -> FieldValue:
        value = expression.value(record, now)
        if isinstance(value, FormulaError):
            return f"{ERROR}the formula gives no answer: {value.reason}"
        try:
            return converters[_kind(value)](text_of(value))
        except ValueError as error:
            return f"{ERROR}{error}"

    return compute


_KINDS = {
    "bool": FieldKind.BOOLEAN,
    "Decimal": FieldKind.NUMBER,
    "date": FieldKind.DATE,
    "time": FieldKind.TIME,
}
_KINDS |= {"datetime": FieldKind.DATETIME, "str": FieldKind.TEXT, "NoneType": FieldKind.TEXT}


def _kind(value: Value) -> FieldKind:
    return _KINDS[type(value).__name__]


def _result(kind: FieldKind) -> FieldSchema:
    return FieldSchema(name="", label="", kind=kind, native="formula")
