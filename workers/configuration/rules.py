"""What holds between the entries of a section, whatever the two accounts look like."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from domain.identity import Crm
from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from workers.configuration.model import DO_NOTHING, MappingEntry, SectionEntry
from workers.configuration.problems import NAMES, Problem, always, did_you_mean
from workers.configuration.source import Source
from workers.configuration.standard import STANDARD

TRUE = frozenset({"true", "yes", "on", "1", "t", "y"})
"""How a file says yes. Source: pydantic, "Booleans"."""

OPTED_OUT = "hs_email_optout"
OPT_OUT_RULES = (SyncRule.OPT_OUT, SyncRule.DONT_SYNC)
"""What HubSpot's own sync allows its opt-out: nothing that could opt anybody in."""

MATCH_RULES = (SyncRule.TWO_WAY, SyncRule.PREFER_SALESFORCE)
"""The field by which records find each other must be able to fill both sides, as in HubSpot's own sync."""


@dataclass(frozen=True, slots=True)
class SectionRules:
    """The rules of one section of a file. Each method yields the problems of its own."""

    kind: ObjectKind
    source: Source

    def of_section(self, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """``raw``: the section as it stands in the file."""
        yield from self._routes(raw.get("create_as"))
        if isinstance(raw.get("defaults"), dict):
            salesforce = {name: each for name, each in raw["defaults"].items() if name != self.kind.hubspot}
            yield from self._objects(salesforce, "defaults")
        if isinstance(raw.get("native_ids"), dict):
            yield from self._objects(raw["native_ids"], "native_ids")
        for key in ("when_salesforce_record_created", "when_salesforce_record_deleted"):
            if isinstance(raw.get(key), dict):
                yield from self._objects(raw[key], key)
        limit = raw.get("limit_sync")
        filters = limit.get("salesforce_filter") if isinstance(limit, dict) else None
        if isinstance(filters, dict):
            yield from self._objects(filters, "limit_sync", "salesforce_filter")

    def _routes(self, raw: object) -> Iterator[Problem]:
        """``raw``: the value of create_as, an object or rules."""
        rules = raw if isinstance(raw, list) else [raw]
        for index, rule in enumerate(rules):
            wanted = rule.get("create") if isinstance(rule, dict) else rule
            choices = [*map(str.lower, self.kind.salesforce), DO_NOTHING]
            if isinstance(wanted, str) and wanted and wanted.lower() not in choices:
                what = f'create_as cannot be "{wanted}".'
                yield self._problem(what, did_you_mean(wanted, choices), "create_as", index)
            if index < len(rules) - 1 and not (isinstance(rule, dict) and rule.get("when")):
                what = "The rules behind this one are never reached: it has no condition."
                yield self._problem(
                    what, "Give it a condition (when), or make it the last.", "create_as", index
                )

    def of_mappings(self, mappings: Mapping[int, MappingEntry]) -> Iterator[Problem]:
        """``mappings``: by position in the file's list; those that cannot be read are left out."""
        seen: dict[str, int] = {}
        for index, entry in mappings.items():
            place = ("field_mappings", index)
            if isinstance(entry.salesforce, dict):
                yield from self._objects(entry.salesforce, *place, "salesforce")
            yield from self._once(entry, self.source.mark(self.kind.name, *place)[0], seen, index)
            yield from self._key_fields(entry, *place)
            yield from self._match_rule(entry, *place)
            yield from self._fixed_rule(entry, *place)
            yield from self._ambiguous(entry, *place)

    def of_computed(self, section: SectionEntry) -> Iterator[Problem]:
        """A computed field may not be mapped, nor computed twice."""
        seen = {
            name
            for entry in section.field_mappings
            for name in _names(entry.hubspot, entry.by_object(self.kind.salesforce))
        }
        for index, entry in enumerate(section.computed_fields):
            place = ("computed_fields", index)
            for given in (entry.salesforce, entry.formula):
                if isinstance(given, dict):
                    yield from self._objects(given, *place)
            names = _names(entry.hubspot, entry.by_object(self.kind.salesforce))
            for name in names & seen:
                what = f"{name} is computed here and filled by another mapping."
                yield self._problem(what, "Keep one of the two.", *place)
            seen |= names

    def of_list(self, raw: Mapping[str, Any]) -> Iterator[Problem]:
        """``raw``: the section as it stands in the file."""
        listed, wanted = raw.get("field_mappings", []), self.kind.match[self.kind.hubspot][0]
        written = [entry.get("hubspot") for entry in listed if isinstance(entry, dict)] if listed else []
        standard = str(raw.get("standard_mappings")).lower() in TRUE and self.kind.name in STANDARD
        if not standard and "field_mappings" not in raw:
            remedy = "Add field_mappings, or standard_mappings: true."
            yield self._problem(f"The section {self.kind.name} maps nothing.", remedy)
        elif not standard and isinstance(listed, list) and self.kind.match_required and wanted not in written:
            field = self.kind.match[self.kind.salesforce[0]][0]
            yield self._problem(
                f'"{wanted}" is not mapped, and by it {self.kind.name} find each other.',
                f"Add: - {{hubspot: {wanted}, salesforce: {field}}}.",
                "field_mappings",
            )

    def _objects(self, names: Mapping[str, object], *place: str | int) -> Iterator[Problem]:
        for name in names:
            if name not in self.kind.salesforce:
                what = f'The section {self.kind.name} knows no Salesforce object "{name}".'
                yield self._problem(what, did_you_mean(name, self.kind.salesforce), *place, name)

    def _once(self, entry: MappingEntry, line: int, seen: dict[str, int], index: int) -> Iterator[Problem]:
        fields = entry.by_object(self.kind.salesforce).items()
        names = [f'The property "{entry.hubspot}"', *(f"{name}.{field}" for name, field in fields)]
        clash = next((name for name in names if name.casefold() in seen), None)
        if clash is not None:
            yield self._problem(
                f"{clash} is already mapped in line {seen[clash.casefold()]}.",
                "Keep one of the two; one mapping can name a field for each object: "
                "salesforce: {Lead: Street, Contact: MailingStreet}.",
                "field_mappings",
                index,
            )
        for name in names:
            seen.setdefault(name.casefold(), line)

    def _key_fields(self, entry: MappingEntry, *place: str | int) -> Iterator[Problem]:
        ours = {entry.hubspot} & {self.kind.hubspot_key}
        theirs = {*entry.by_object(self.kind.salesforce).values()} & {self.kind.salesforce_key}
        for name in (*ours, *theirs):
            yield self._problem(
                f'"{name}" holds the other side\'s record id, which crmsync writes itself.',
                "Delete the mapping.",
                *place,
            )

    def _fixed_rule(self, entry: MappingEntry, *place: str | int) -> Iterator[Problem]:
        if entry.hubspot == OPTED_OUT and entry.sync_rule not in OPT_OUT_RULES:
            what = f"{entry.sync_rule} could opt a person in again who had opted out."
            yield self._problem(what, f"Use {' or '.join(OPT_OUT_RULES)}.", *place, "sync_rule")

    def _ambiguous(self, entry: MappingEntry, *place: str | int) -> Iterator[Problem]:
        """A value must stand for one other in each direction in which it travels."""
        if isinstance(entry.values, str):
            return
        for target in Crm:
            pairs = entry.values if target is Crm.SALESFORCE else [(b, a) for a, b in entry.values]
            meanings = Counter(source for source, _ in dict.fromkeys(pairs))
            twice = [value for value, count in meanings.items() if count > 1] if entry.passes(target) else []
            for value in twice:
                others = " or ".join(f'"{other}"' for source, other in pairs if source == value)
                what = f'"{value}" could become {others} in {NAMES[target]}.'
                remedy = f"Keep one of them, or use {always(target)}, which writes nothing there."
                yield self._problem(what, remedy, *place, "values")

    def _match_rule(self, entry: MappingEntry, *place: str | int) -> Iterator[Problem]:
        if entry.hubspot != self.kind.match[self.kind.hubspot][0]:
            return
        if entry.sync_rule not in MATCH_RULES:
            what = f'"{entry.hubspot}" finds the record on the other side and cannot be {entry.sync_rule}.'
            yield self._problem(what, f"Use {' or '.join(MATCH_RULES)}.", *place, "sync_rule")
        for name, field in entry.by_object(self.kind.salesforce).items():
            wanted = self.kind.match.get(name, (field,))[0]
            if field != wanted:
                what = f'"{entry.hubspot}" finds records by {name}.{wanted}, not by {name}.{field}.'
                yield self._problem(what, f"Map it to {wanted}.", *place, "salesforce", name)

    def _problem(self, what: str, remedy: str, *place: str | int) -> Problem:
        return self.source.problem(what, remedy, self.kind.name, *place)


def _names(hubspot: str | None, salesforce: Mapping[str, str]) -> set[str]:
    """All that one mapping fills or reads, as messages call it."""
    fields = {f"{name}.{field}" for name, field in salesforce.items()}
    return fields | ({f'The property "{hubspot}"'} if hubspot else set())
