"""YAML with line numbers. Every scalar stays the text that stands in the file; only null is not text.

YAML's own guesses are what bites: ``NO`` would be false, ``0123`` eighty-three, ``12:30`` seven hundred and
fifty. What a value means is for the model to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workers.configuration.problems import Problem

Place = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists from 0."""

DEEPEST = 20
"""Levels of nesting; a right file has five."""

NULL = "tag:yaml.org,2002:null"
SAMPLE = "config/sample.yaml.example"


@dataclass(frozen=True, slots=True)
class Source:
    """Where in which file things stand."""

    file: str
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """The line of a value, or of the nearest thing around it that stands in the file."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def parse(text: str, file: str) -> tuple[dict[str, Any], Source, list[Problem]]:
    """Read one document: its values (empty if nothing can be read), their lines, and the problems met."""
    reader = _Reader(file)
    return reader.document(text), Source(file, reader.lines), reader.problems


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []

    def document(self, text: str) -> dict[str, Any]:
        try:
            if self._unreadable(text):
                return {}
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            self._broken(error)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._problem(line, "There is a control character.", "Delete it; plain UTF-8 text is expected.")
        else:
            return self._root(root)
        return {}

    def _root(self, root: Node | None) -> dict[str, Any]:
        if isinstance(root, MappingNode):
            return self._mapping(root, ())
        if root is None:
            self._problem(1, "The file is empty.", f"Start from {SAMPLE}.")
        else:
            self._problem(1, "The file does not consist of keys and values.", f"Start from {SAMPLE}.")
        return {}

    def _value(self, node: Node, place: Place) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*place, index)) for index, item in enumerate(node.value)]
        return None if node.tag == NULL else node.value

    def _item(self, node: Node, place: Place) -> Any:
        self.lines[place] = _line(node)
        return self._value(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = _line(key)
            if not isinstance(key, ScalarNode):
                self._problem(line, "A key must be a plain word.", "Look for a misplaced bracket.")
            elif key.value in found:
                first = self.lines[*place, key.value]
                self._problem(
                    line, f'"{key.value}" stands twice, first in line {first}.', "Keep one of the two."
                )
            else:
                self.lines[*place, key.value] = line
                found[key.value] = self._value(value, (*place, key.value))
        return found

    def _unreadable(self, text: str) -> bool:
        """Aliases and endless nesting, which would be read without end."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                self._problem(_line(event), "This is nested too deeply.", "Look for runs of brackets.")
                return True
            if isinstance(event, yaml.AliasEvent):
                what = f'"*{event.anchor}" is a YAML alias.'
                self._problem(_line(event), what, "Write the value out instead.")
        return bool(self.problems)

    def _broken(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        words = str(error.problem or error.context)
        if "'\\t'" in words:
            self._problem(
                line, "The line is indented with a tab.", "YAML takes spaces only: use two a level."
            )
        elif "single document" in str(error.context):
            self._problem(line, "A second document starts here.", "Give each connection a file of its own.")
        else:
            self._problem(
                line,
                f"This is not YAML: {words}.",
                "Look at this line and the one before for a missing colon, quote or bracket, "
                "or for wrong indentation.",
            )

    def _problem(self, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, line, what, remedy))


def _line(thing: Node | yaml.Event) -> int:
    return thing.start_mark.line + 1 if thing.start_mark else 0
