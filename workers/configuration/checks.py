"""Whether the two accounts fit a configuration: its fields exist, go together and can be written."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from zoneinfo import ZoneInfo

from domain.identity import Crm
from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from domain.money import CURRENCY
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from domain.translating import Carry, translator
from domain.validation import objection
from workers.configuration.addresses import split_addresses
from workers.configuration.computing import uncomputable
from workers.configuration.document import objects_created, option_value
from workers.configuration.formulas import unfit
from workers.configuration.loading import Configuration
from workers.configuration.model import MappingEntry, SectionEntry
from workers.configuration.options import Misfit, Sides, misfits
from workers.configuration.pairs import allowed, partners
from workers.configuration.problems import NAMES, Problem, Schemas, Severity, always, did_you_mean, meant
from workers.configuration.source import Place
from workers.configuration.standard import Mapping, left_out, mappings_of

UTC = ZoneInfo("UTC")
SHOWN = 3
"""How many options a message names."""


def check_against(configuration: Configuration, schemas: Schemas) -> list[Problem]:
    """What the accounts do not have or do not allow; errors and warnings, by line.

    An object without a schema gives one warning, and nothing about it is checked.
    """
    sections = configuration.sections.items()
    found = (_Section(configuration, configuration.kinds[name], entry, schemas) for name, entry in sections)
    problems = dict.fromkeys(chain.from_iterable(map(_Section.problems, found)))
    return sorted(problems, key=lambda problem: problem.line)


@dataclass(frozen=True, slots=True)
class _Mapped:
    """One property and one field of one object, both known."""

    place: Place
    entry: MappingEntry
    object: str
    hubspot: FieldSchema
    salesforce: FieldSchema

    @property
    def rule(self) -> SyncRule:
        return self.entry.sync_rule

    def schema(self, crm: Crm) -> FieldSchema:
        return self.hubspot if crm is Crm.HUBSPOT else self.salesforce

    def full_name(self, crm: Crm) -> str:
        return self.hubspot.name if crm is Crm.HUBSPOT else f"{self.object}.{self.salesforce.name}"

    def typed(self, crm: Crm) -> str:
        schema = self.schema(crm)
        return f"{NAMES[crm]}'s {self.full_name(crm)} ({schema.native})"

    def misfits(self) -> Iterator[Misfit]:
        names = {crm: f"{NAMES[crm]}'s {self.full_name(crm)}" for crm in Crm}
        return misfits(self.entry, Sides(self.hubspot, self.salesforce, names))

    def lacking(self, target: Crm) -> str:
        """What the source may hold and the target would refuse, for a message; empty if nothing."""
        if not self.entry.passes(target):
            return ""
        translation = self.entry.options.translation
        carry = translator(self.hubspot, self.salesforce, target, UTC, translation)
        return _lacking(self.schema(target), self.schema(target.other), carry)


@dataclass(frozen=True, slots=True)
class _Section:
    configuration: Configuration
    kind: ObjectKind
    entry: SectionEntry
    schemas: Schemas

    def problems(self) -> Iterator[Problem]:
        yield from self._unknown_objects()
        for place, entry, standard in self._mappings():
            if not standard:
                yield from self._names(entry, place)
            for mapped in self._mapped(entry, place):
                yield from self._pair(mapped)
        for name in self.kind.salesforce:
            yield from self._addresses(name)
        yield from self._formulas()
        for name in objects_created(self.kind, self.entry):
            yield from self._required(name)
        yield from self._defaults()
        yield from self._keys()
        yield from self._currency()

    def _mappings(self) -> Iterator[Mapping]:
        """Those that are used in these accounts."""
        for each in mappings_of(self.kind, self.entry):
            if not (each.standard and left_out(each.entry, self.kind, self.schemas)):
                yield each

    def _unknown_objects(self) -> Iterator[Problem]:
        for crm in Crm:
            for name in self.kind.objects(crm):
                if (crm, name) not in self.schemas:
                    what = f"The fields of {NAMES[crm]}'s {name} are not known and go unchecked."
                    yield self._warning(what, "Check that the account can be reached and shows the object.")

    def _names(self, entry: MappingEntry, place: Place) -> Iterator[Problem]:
        properties = self._fields(Crm.HUBSPOT, self.kind.hubspot)
        if properties and entry.hubspot not in properties:
            what = f'HubSpot has no property "{entry.hubspot}" of {self.kind.hubspot}.'
            yield self._error(what, meant(entry.hubspot, properties), *place, "hubspot")
        if isinstance(entry.salesforce, dict):
            yield from self._field_of_each(entry.salesforce, place)
        else:
            yield from self._field_of_any(entry.salesforce, place)

    def _field_of_each(self, fields: dict[str, str], place: Place) -> Iterator[Problem]:
        for name, field in fields.items():
            known = self._fields(Crm.SALESFORCE, name)
            if known and field not in known:
                what = f'Salesforce shows no field "{field}" of {name}.'
                yield self._error(what, meant(field, known), *place, "salesforce", name)

    def _field_of_any(self, field: str, place: Place) -> Iterator[Problem]:
        by_object = {name: self._fields(Crm.SALESFORCE, name) for name in self.kind.salesforce}
        known = {name: schema for fields in by_object.values() for name, schema in fields.items()}
        if field not in known and all(by_object.values()):
            what = f'Salesforce shows no field "{field}" of {" or ".join(by_object)}.'
            yield self._error(what, meant(field, known), *place, "salesforce")

    def _mapped(self, entry: MappingEntry, place: Place) -> Iterator[_Mapped]:
        ours = self._fields(Crm.HUBSPOT, self.kind.hubspot).get(entry.hubspot)
        for name, field in entry.by_object(self.kind.salesforce).items():
            theirs = self._fields(Crm.SALESFORCE, name).get(field)
            if ours and theirs:
                yield _Mapped(place, entry, name, ours, theirs)

    def _pair(self, mapped: _Mapped) -> Iterator[Problem]:
        if mapped.rule is SyncRule.DONT_SYNC:
            return
        if not allowed(mapped.hubspot, mapped.salesforce, mapped.rule, by_value=bool(mapped.entry.values)):
            what = f"{mapped.typed(Crm.HUBSPOT)} and {mapped.typed(Crm.SALESFORCE)} do not go together."
            yield self._error(what, partners(mapped.hubspot, mapped.salesforce), *mapped.place)
            return
        if not _same_people(mapped):
            what = f"{mapped.typed(Crm.HUBSPOT)} names a user, {mapped.full_name(Crm.SALESFORCE)} none."
            remedy = "Map it to a lookup to users, or delete the mapping."
            yield self._error(what, remedy, *mapped.place)
            return
        for misfit in mapped.misfits():
            yield self._error(misfit.what, misfit.remedy, *mapped.place, *misfit.key)
        yield from self._read_only(mapped)
        yield from self._options(mapped)
        yield from self._day(mapped)

    def _addresses(self, name: str) -> Iterator[Problem]:
        """Addresses that may end up half from one CRM and half from the other."""
        mapped = [each for place, entry, _ in self._mappings() for each in self._mapped(entry, place)]
        places = {each.salesforce.name: each.place for each in mapped if each.object == name}
        rules = {each.salesforce.name: each.rule.value for each in mapped if each.object == name}
        live = {field: rule for field, rule in rules.items() if rule != SyncRule.DONT_SYNC}
        for parts in split_addresses(live):
            listed = ", ".join(f"{field} {rule}" for field, rule in parts.items())
            what = f"{name}'s address is in parts of several rules: {listed}."
            remedy = (
                "Give them one rule; else a state may meet another side's country, and Salesforce refuses it."
            )
            own = next((field for field in parts if places[field] != _STANDARD), next(iter(parts)))
            yield self._warning(what, remedy, *places[own])

    def _read_only(self, mapped: _Mapped) -> Iterator[Problem]:
        shut = {crm: not _writable(mapped.schema(crm)) for crm in Crm}
        for target in Crm:
            if not (shut[target] and mapped.entry.passes(target)):
                continue
            if mapped.rule is SyncRule.OPT_OUT and target is Crm.HUBSPOT:
                what = f"HubSpot takes no opt-outs through {mapped.full_name(target)}."
                remedy = "An opt-out in HubSpot reaches Salesforce; one in Salesforce stays there."
                yield self._warning(what, remedy, *mapped.place, "sync_rule")
                continue
            what = f"{NAMES[target]}'s {mapped.full_name(target)} is read-only{_why(mapped.schema(target))}."
            if shut[target.other]:
                remedy = "So is the other side: use dont_sync, or delete the mapping."
            else:
                remedy = f"Use {always(target)}{_or_grant(target, mapped.schema(target))}."
            yield self._error(what, remedy, *mapped.place, "sync_rule")

    def _options(self, mapped: _Mapped) -> Iterator[Problem]:
        for target in Crm:
            lacking = mapped.lacking(target)
            if lacking:
                what = f"{mapped.full_name(target)} lacks {lacking} of {mapped.full_name(target.other)}."
                remedy = "Give both sides the same options or map the values; else such values are held back."
                yield self._warning(what, remedy, *mapped.place)

    def _day(self, mapped: _Mapped) -> Iterator[Problem]:
        kinds = {mapped.hubspot.kind, mapped.salesforce.kind}
        if kinds == {FieldKind.DATE, FieldKind.DATETIME} and not self._zone_given():
            what = f"{mapped.hubspot.name} and {mapped.salesforce.name} pair a date with a date and time."
            remedy = "Set time_zone, which says what day a moment belongs to; UTC counts until then."
            yield self._warning(what, remedy, *mapped.place)

    def _zone_given(self) -> bool:
        return ("time_zone",) in self.configuration.source.marks

    def _formulas(self) -> Iterator[Problem]:
        for index, rule in enumerate(self.entry.create_as):
            if rule.when:
                place: Place = ("create_as", index, "when")
                yield from self._condition(rule.when, Crm.HUBSPOT, self.kind.hubspot, place)
        limit = self.entry.limit_sync
        for name, source in limit.filters(self.kind.salesforce).items():
            yield from self._condition(
                source, Crm.SALESFORCE, name, ("limit_sync", "salesforce_filter", name)
            )

        for index, entry in enumerate(self.entry.computed_fields):
            for misfit in uncomputable(entry, self.kind, self.schemas):
                yield self._error(misfit.what, misfit.remedy, "computed_fields", index, *misfit.key)

    def _condition(self, source: str, crm: Crm, name: str, place: Place) -> Iterator[Problem]:
        schema = self.schemas.get((crm, name))
        owner = f"HubSpot's {name}" if crm is Crm.HUBSPOT else name
        for what, remedy in unfit(source, schema, owner, condition=True) if schema else ():
            yield self._error(what, remedy, *place)

    def _required(self, name: str) -> Iterator[Problem]:
        filled = {*self.entry.defaults.get(name, {}), *self._filled(name)}
        for field in self._fields(Crm.SALESFORCE, name).values():
            if field.required and field.createable and field.name not in filled:
                what = f"{name}.{field.name} is required, and nothing fills it in new records."
                default = f"defaults: {{{name}: {{{field.name}: ...}}}}"
                remedy = f"Map a property to it, or give it a default: {default}."
                yield self._error(what, remedy, "field_mappings")

    def _filled(self, name: str) -> Iterator[str]:
        """The fields of an object that HubSpot's values reach."""
        for _, entry, _ in self._mappings():
            field = entry.by_object(self.kind.salesforce).get(name)
            if field and entry.passes(Crm.SALESFORCE):
                yield field
        for computed in self.entry.computed_fields:
            yield from filter(None, [computed.by_object(self.kind.salesforce).get(name)])

    def _defaults(self) -> Iterator[Problem]:
        for name, values in self.entry.defaults.items():
            crm = Crm.HUBSPOT if name == self.kind.hubspot else Crm.SALESFORCE
            known = self._fields(crm, name)
            for field, value in values.items() if known else ():
                place: Place = ("defaults", name, field)
                if field not in known:
                    what = f'{NAMES[crm]} shows no field "{field}" of {name}.'
                    yield self._error(what, meant(field, known), *place)
                elif why := _unfit(known[field], value):
                    yield self._error(f'{name}.{field} cannot start as "{value}": {why[0]}.', why[1], *place)

    def _currency(self) -> Iterator[Problem]:
        """Amounts of several currencies, of which none was declared."""
        several = [n for n in self.kind.salesforce if CURRENCY in self._fields(Crm.SALESFORCE, n)]
        amounts = [
            mapped.full_name(Crm.SALESFORCE)
            for place, entry, _ in self._mappings()
            for mapped in self._mapped(entry, place)
            if mapped.salesforce.native == "currency" and mapped.object in several
        ]
        if amounts and not self.entry.currency:
            what = f"Salesforce has several currencies, and amounts are mapped: {_some(amounts)}."
            yield self._warning(
                what, "Say which one HubSpot's amounts are in: currency: EUR.", "field_mappings"
            )

    def _keys(self) -> Iterator[Problem]:
        for crm in Crm:
            for name in self.kind.objects(crm):
                known, key = self._fields(crm, name), self.kind.key_field(crm)
                if known and key not in known:
                    what = f"{NAMES[crm]} shows no field {key} of {name} to hold the other side's id."
                    yield self._error(what, "Run crmsync setup.", f"{crm}_key")
                elif known and not known[key].unique:
                    what = f"{NAMES[crm]}'s {name}.{key} is not unique and cannot hold the other side's id."
                    remedy = f"Name another field as {crm}_key, or make it unique (Salesforce: External ID)."
                    yield self._error(what, remedy, f"{crm}_key")

    def _fields(self, crm: Crm, name: str) -> dict[str, FieldSchema]:
        schema: ObjectSchema | None = self.schemas.get((crm, name))
        return schema.fields if schema else {}

    def _error(self, what: str, remedy: str, *place: str | int) -> Problem:
        return self.configuration.source.problem(what, remedy, self.kind.name, *place)

    def _warning(self, what: str, remedy: str, *place: str | int) -> Problem:
        return self._error(what, remedy, *place)._replace(severity=Severity.WARNING)


def _unfit(schema: FieldSchema, given: str) -> tuple[str, str] | None:
    """Why a field cannot start with a value, and the remedy."""
    value, options = option_value(schema, given), [each.label for each in schema.options if each.active]
    if schema.kind is FieldKind.REFERENCE and options:
        found = any(each.value == value and each.active for each in schema.options)
        return None if found else ("our user has no such record type", did_you_mean(given, options))
    why = objection(schema, value, create=True)
    return (why, "Correct the default.") if why else None


_STANDARD: Place = ("standard_mappings",)


def _same_people(mapped: _Mapped) -> bool:
    """Whether a property of users goes with a lookup that may hold one, as far as its objects are known."""
    lookup = mapped.salesforce.references
    return "owners" not in mapped.hubspot.references or not lookup or "User" in lookup


def _writable(schema: FieldSchema) -> bool:
    return schema.updateable and not schema.calculated


def _why(schema: FieldSchema) -> str:
    return ": it is calculated" if schema.calculated else ""


def _or_grant(target: Crm, schema: FieldSchema) -> str:
    if schema.calculated or target is Crm.HUBSPOT:
        return ""
    return ", or give the integration user edit access to the field"


def _lacking(target: FieldSchema, source: FieldSchema, carry: Carry) -> str:
    """What the source may hold and the target, which takes only its own options, would refuse."""
    if not (target.restricted and target.options) or target.kind is FieldKind.BOOLEAN:
        return ""
    held = [each.value for each in source.options if each.active]
    if source.kind is FieldKind.BOOLEAN:
        held = ["true", "false"]
    elif not source.options:
        return "options for the free text"
    taken = {option.value for option in target.options if option.active}
    return _some([value for value in held if carry(value) not in taken])


def _some(values: list[str]) -> str:
    shown = ", ".join(f'"{value}"' for value in values[:SHOWN])
    return shown if len(values) <= SHOWN else f"{shown} and {len(values) - SHOWN} more"
