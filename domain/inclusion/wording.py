"""Filters in the words of HubSpot's list editor, with labels instead of API names where they are known."""

from collections.abc import Iterable

from domain.schema import FieldKind, ObjectSchema

_OPERATORS = {
    "IS_BLANK": "is unknown",
    "IS_NOT_BLANK": "is known",
    "CONTAINS_ALL": "contains all of",
    "DOES_NOT_CONTAIN_ALL": "does not contain all of",
}


def operator_words(operator: str, *, several: bool = False) -> str:
    """Spell an operator: ``IS_ANY_OF`` is "is any of"; ``several`` operands are "is equal to any of"."""
    words = _OPERATORS.get(operator, operator.lower().replace("_", " "))
    return f"{words} any of" if several else words


def joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)


class Labels:
    """Names for people; without a schema, the API names."""

    def __init__(self, schema: ObjectSchema | None) -> None:
        self._schema = schema

    def knows(self, name: str) -> bool:
        """Say whether the property can be read; without a schema, every one is taken to be readable."""
        return self._schema is None or name in self._schema.fields

    def of(self, name: str) -> str:
        known = self._schema.fields.get(name) if self._schema else None
        return known.label if known else name

    def options(self, name: str, values: Iterable[str]) -> tuple[str, ...]:
        known = self._schema.fields.get(name) if self._schema else None
        labels = {option.value: option.label for option in known.options} if known else {}
        return tuple(labels.get(value, value) for value in values)

    def single(self, name: str) -> bool:
        """Say whether the property is known to hold one option at most."""
        known = self._schema.fields.get(name) if self._schema else None
        return known is not None and known.kind is not FieldKind.MULTIPICKLIST
