"""From a file to a configuration, or to all that is wrong with the file at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from domain.kinds import KINDS, ObjectKind
from workers.configuration.model import ConnectionEntry, MappingEntry, SectionEntry
from workers.configuration.problems import ConfigurationError, Problem
from workers.configuration.rules import SectionRules
from workers.configuration.source import Source, parse
from workers.configuration.wording import problems_of

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One connection's file, valid in itself. Whether the accounts fit it, ``check_against`` says."""

    source: Source
    entry: ConnectionEntry  #: everything but the sections
    sections: Mapping[str, SectionEntry]  #: by the name of the kind
    kinds: Mapping[str, ObjectKind]  #: of the sections, with the key fields that the file names

    @property
    def connection(self) -> str:
        return self.entry.connection


def load(path: Path, *, kinds: Mapping[str, ObjectKind] = KINDS) -> Configuration:
    """Read and check one file, which is called after its connection: ``<connection>.yaml``.

    Raises:
        ConfigurationError: with every problem of the file.
    """
    configuration = loads(_text(path), file=str(path), kinds=kinds)
    if path.suffix == ".yaml" and path.stem != configuration.connection:
        raise ConfigurationError([_misnamed(configuration, path)])
    return configuration


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        what = f"The file cannot be read: {error.strerror}."
        problem = Problem(str(path), 0, what, "Correct the path or its permissions.")
    except UnicodeDecodeError:
        problem = Problem(str(path), 0, "The file is not UTF-8 text.", "Save it as UTF-8.")
    raise ConfigurationError([problem])


def _misnamed(configuration: Configuration, path: Path) -> Problem:
    source, name = configuration.source, configuration.connection
    what = f'The connection "{name}" stands in a file of another name.'
    remedy = f"Call the file {name}.yaml, or the connection {path.stem}."
    return source.problem(what, remedy, "connection")


def loads(text: str, *, file: str, kinds: Mapping[str, ObjectKind] = KINDS) -> Configuration:
    """As ``load``, from text; ``file`` is how messages call it."""
    data, source, problems = parse(text, file)
    if problems and not data:
        raise ConfigurationError(problems)
    reading = _Reading(source, kinds, problems)
    configuration = reading.configuration(data)
    if configuration is None or reading.problems:
        raise ConfigurationError(reading.problems)
    return configuration


class _Reading:
    """Reads piece by piece, so that one broken piece does not hide what is wrong with the others."""

    def __init__(self, source: Source, kinds: Mapping[str, ObjectKind], problems: list[Problem]) -> None:
        self.source = source
        self.kinds = kinds
        self.problems = list(problems)

    def configuration(self, data: Mapping[str, Any]) -> Configuration | None:
        rest = {name: value for name, value in data.items() if name not in self.kinds}
        entry = self._valid(ConnectionEntry, rest, also=self.kinds)
        kinds = {name: _with_keys(self.kinds[name], data[name]) for name in data if name in self.kinds}
        sections = {name: self._section(kind, data[name]) for name, kind in kinds.items()}
        if not sections:
            remedy = f"Add a section: {', '.join(self.kinds)}."
            self.problems.append(self.source.problem("The file says nothing to sync.", remedy))
        if entry is not None:
            self._credential(entry)
        whole = {name: section for name, section in sections.items() if section is not None}
        return Configuration(self.source, entry, whole, kinds) if entry else None

    def _section(self, kind: ObjectKind, data: Any) -> SectionEntry | None:
        rules = SectionRules(kind, self.source)
        if isinstance(data, dict):
            self.problems += rules.of_section(data)
            self.problems += rules.of_list(data)
            if isinstance(data.get("field_mappings"), list):
                data = {**data, "field_mappings": self._mappings(rules, data["field_mappings"])}
        section = self._valid(SectionEntry, data, kind.name)
        self.problems += rules.of_computed(section) if section else []
        return section

    def _mappings(self, rules: SectionRules, raw: list[Any]) -> list[MappingEntry]:
        entries = {index: self._mapping(rules.kind, index, item) for index, item in enumerate(raw)}
        mappings = {index: entry for index, entry in entries.items() if entry is not None}
        self.problems += rules.of_mappings(mappings)
        return list(mappings.values())

    def _mapping(self, kind: ObjectKind, index: int, item: Any) -> MappingEntry | None:
        return self._valid(MappingEntry, item, kind.name, "field_mappings", index)

    def _credential(self, entry: ConnectionEntry) -> None:
        if entry.webhooks.enabled and entry.hubspot.credential == "service_key":
            what = "HubSpot sends no webhooks for a service key."
            remedy = "Set it to false, or use the token of a private_app or project_app."
            self.problems.append(self.source.problem(what, remedy, "webhooks", "enabled"))

    def _valid(self, model: type[T], data: Any, *place: str | int, also: Collection[str] = ()) -> T | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.problems += problems_of(error, model, self.source, place, also)
            return None


def _with_keys(kind: ObjectKind, data: Any) -> ObjectKind:
    """The kind with the key fields, and those of HubSpot's own integration, that its section names."""
    given = data if isinstance(data, dict) else {}
    names = {key: given[key] for key in ("hubspot_key", "salesforce_key") if isinstance(given.get(key), str)}
    native = given.get("native_ids")
    if isinstance(native, dict) and native.keys() <= set(kind.salesforce):
        by_property = {str(field): name for name, field in native.items()}
        kind = msgspec.structs.replace(kind, native_ids=by_property)
    return msgspec.structs.replace(kind, **names)


def sample(connection: str) -> str:
    """A complete file for a connection of this name."""
    text = Path(__file__).with_name("sample.yaml").read_text("utf-8")
    return text.replace("connection: acme ", f"connection: {connection} ", 1)
