"""What holds between the entries of a section, whatever the two accounts look like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.kinds import ObjectKind
from domain.mapping import SyncRule
from workers.configuration.model import DO_NOTHING, MappingEntry
from workers.configuration.problems import Problem, did_you_mean
from workers.configuration.source import Source

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
            yield from self._objects(raw["defaults"], "defaults")
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
            yield from self._once(entry, self._line(*place), seen, index)
            yield from self._key_fields(entry, *place)
            yield from self._match_rule(entry, *place)

    def of_list(self, raw: Sequence[Any]) -> Iterator[Problem]:
        """``raw``: the list of mappings as it stands in the file."""
        wanted = self.kind.match[self.kind.hubspot][0]
        written = (entry.get("hubspot") for entry in raw if isinstance(entry, dict))
        if self.kind.match_required and wanted not in written:
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
        return Problem(self.source.file, self._line(*place), what, remedy)

    def _line(self, *place: str | int) -> int:
        return self.source.line(self.kind.name, *place)
