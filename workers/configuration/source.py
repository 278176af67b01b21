"""YAML with line numbers. Every scalar stays the text that stands in the file; only null is not text.

YAML's own guesses are what bites: ``NO`` would be false, ``0123`` eighty-three, ``12:30`` seven hundred and
fifty. What a value means is for the model to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workers.configuration.problems import Problem, Severity

Place = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists from 0."""

Mark = tuple[int, int]
"""Line and column, from 1; column 0: the line as a whole."""

START: Mark = (1, 0)

DEEPEST = 20
"""Levels of nesting; a right file has five."""

NULL = "tag:yaml.org,2002:null"
SAMPLE = "config/sample.yaml.example"


@dataclass(frozen=True, slots=True)
class Source:
    """Where in which file things stand."""

    file: str
    marks: Mapping[Place, Mark]

    def mark(self, *place: str | int) -> Mark:
        """Where a value stands, or the nearest thing around it that stands in the file."""
        while place not in self.marks and place:
            place = place[:-1]
        return self.marks.get(place, START)

    def problem(
        self, what: str, remedy: str, *place: str | int, severity: Severity = Severity.ERROR
    ) -> Problem:
        """Something that is wrong with a value."""
        line, column = self.mark(*place)
        return Problem(self.file, line, what, remedy, severity, column)


def parse(text: str, file: str) -> tuple[dict[str, Any], Source, list[Problem]]:
    """Read one document: its values (empty if nothing can be read), their lines, and the problems met."""
    reader = _Reader(file)
    return reader.document(text), Source(file, reader.marks), reader.problems


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Place, Mark] = {}
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
        self.marks[place] = _mark(node)
        return self._value(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line, column = _mark(key)
            if not isinstance(key, ScalarNode):
                self._problem(line, "A key must be a plain word.", "Look for a misplaced bracket.", column)
            elif key.value in found:
                first = self.marks[*place, key.value][0]
                self._problem(
                    line,
                    f'"{key.value}" stands twice, first in line {first}.',
                    "Keep one of the two.",
                    column,
                )
            else:
                self.marks[*place, key.value] = line, column
                found[key.value] = self._value(value, (*place, key.value))
        return found

    def _unreadable(self, text: str) -> bool:
        """Aliases and endless nesting, which would be read without end."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                self._problem(_mark(event)[0], "This is nested too deeply.", "Look for runs of brackets.")
                return True
            if isinstance(event, yaml.AliasEvent):
                what = f'"*{event.anchor}" is a YAML alias.'
                self._problem(_mark(event)[0], what, "Write the value out instead.")
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

    def _problem(self, line: int, what: str, remedy: str, column: int = 0) -> None:
        self.problems.append(Problem(self.file, line, what, remedy, column=column))


def _mark(thing: Node | yaml.Event) -> Mark:
    return (thing.start_mark.line + 1, thing.start_mark.column + 1) if thing.start_mark else START
