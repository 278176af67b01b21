"""What a mapping does with a value on its way: a value map, a default for blanks, transforms, and cutting.

Without any of these a mapping is the plain converter of the two types, and costs no more.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from domain.convert import converter
from domain.identity import Crm, FieldValue
from domain.schema import FieldKind, FieldSchema

Carry = Callable[[FieldValue], FieldValue]
"""From one side's value to the other's. Raises ``Unconvertible``."""


class Transform(StrEnum):
    """What may be done to a text."""

    TRIM = "trim"  #: no space around it, and one between words
    UPPER = "upper"
    LOWER = "lower"
    TITLE = "title"  #: each word with a capital, the rest in small letters
    DIGITS = "digits"  #: digits only, with a plus in front if there was one


class Translation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The options of one mapping, for both directions."""

    values: tuple[tuple[str, str], ...] = ()  #: (HubSpot's, Salesforce's); of several, the first is written
    by_label: bool = False  #: options with the same label stand for each other
    default: dict[Crm, str] = {}  #: what a target gets instead of a blank
    transform: dict[Crm, tuple[Transform, ...]] = {}  #: by target
    cut: bool = False  #: text that is too long for its target is cut; else it is refused

    def words(self) -> Iterator[str]:
        """What is done, for people."""
        if self.values or self.by_label:
            yield "values by label" if self.by_label else "values mapped"
        for target, transforms in self.transform.items():
            yield f"{', '.join(transforms)} to {target}"
        if self.default:
            yield f"default for {' and '.join(self.default)}"
        if self.cut:
            yield "cut to fit"


PLAIN = Translation()


def translator(
    hubspot: FieldSchema, salesforce: FieldSchema, target: Crm, zone: ZoneInfo, translation: Translation
) -> Carry:
    """Build the function that carries a value to the target. Raises what the converter raises."""
    ours = target is Crm.HUBSPOT
    source, aim = (salesforce, hubspot) if ours else (hubspot, salesforce)
    convert = converter(source, aim, zone)
    before = [
        step for step in (_map(source, aim, target, translation), _transform(target, translation)) if step
    ]
    default = translation.default.get(target)
    length = aim.length if translation.cut else None
    if not before and default is None and length is None:
        return convert

    def carry(value: FieldValue) -> FieldValue:
        for step in before:
            value = step(value) if value is not None else None
        if value is None and default is not None:
            return default
        value = convert(value)
        return value if length is None or value is None else value[:length].rstrip()

    return carry


def _map(
    source: FieldSchema, aim: FieldSchema, target: Crm, translation: Translation
) -> Callable[[str], str] | None:
    table = _by_label(source, aim) if translation.by_label else _table(translation.values, target)
    if not table:
        return None
    if source.kind is FieldKind.MULTIPICKLIST:
        return lambda value: ";".join(table.get(part, part) for part in value.split(";"))
    if translation.by_label and not source.options:
        return lambda value: table.get(value.strip().casefold(), value)
    return lambda value: table.get(value, value)


def _table(values: tuple[tuple[str, str], ...], target: Crm) -> dict[str, str]:
    pairs = values if target is Crm.SALESFORCE else [(theirs, ours) for ours, theirs in values]
    return dict(reversed(pairs))


def _by_label(source: FieldSchema, aim: FieldSchema) -> dict[str, str]:
    """Value -> value. A side without options holds the label itself; its spelling does not count."""
    if not aim.options:
        return {each.value: each.label for each in source.options}
    values = {each.label.strip().casefold(): each.value for each in reversed(aim.options)}
    if not source.options:
        return values
    labelled = {each.value: values.get(each.label.strip().casefold()) for each in source.options}
    return {value: other for value, other in labelled.items() if other is not None}


def _transform(target: Crm, translation: Translation) -> Carry | None:
    steps = [_TRANSFORMS[each] for each in translation.transform.get(target, ())]
    if not steps:
        return None

    def transform(value: FieldValue) -> FieldValue:
        for step in steps:
            value = step(value) if value else None
        return value or None

    return transform


_WORD = re.compile(r"[^\W\d_]+('[^\W\d_]+)*")


def _digits(text: str) -> str:
    plus = "+" if text.lstrip().startswith("+") else ""
    digits = "".join(char for char in text if char.isdecimal() and char.isascii())
    return plus + digits if digits else ""


_TRANSFORMS: dict[Transform, Callable[[str], str]] = {
    Transform.TRIM: lambda text: " ".join(text.split()),
    Transform.UPPER: str.upper,
    Transform.LOWER: str.lower,
    Transform.TITLE: lambda text: _WORD.sub(lambda word: word[0].capitalize(), text),
    Transform.DIGITS: _digits,
}
