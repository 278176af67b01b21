"""Say in plain words what pydantic found wrong."""

from collections.abc import Collection, Iterator
from textwrap import shorten
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workers.configuration.problems import Problem, did_you_mean
from workers.configuration.source import Place, Source

SHOWN = 60
"""The most characters of a value that a message repeats."""

PAGE = "docs/configuration.md"

_WANTED = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_type": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "one piece of text",
    "string_too_short": "a text that is not empty",
    "dict_type": "a mapping: indented lines of the form key: value",
    "model_type": "a mapping: indented lines of the form key: value",
    "tuple_type": 'a list: indented lines that start with "- "',
}

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def problems_of(
    error: ValidationError, model: type[BaseModel], source: Source, place: Place, also: Collection[str] = ()
) -> Iterator[Problem]:
    """One problem for each error. ``also``: keys that are known besides the model's own."""
    for details in error.errors(include_url=False):
        whole = (*place, *details["loc"])
        what, remedy = _words(details, _name(whole), model, also)
        yield source.problem(what, remedy, *whole)


def _words(
    details: ErrorDetails, name: str, model: type[BaseModel], also: Collection[str]
) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    match kind:
        case "sentence":
            return str(context["what"]), str(context["remedy"])
        case "extra_forbidden":
            known = [*_keys(model, details["loc"][:-1]), *(also if len(details["loc"]) == 1 else ())]
            return f'There is no key "{name}" here.', did_you_mean(name, known)
        case "missing":
            return f'The key "{name}" is missing.', f"Add it; {PAGE} says what it takes."
        case "enum" | "literal_error":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return f"{name} cannot be {_shown(details['input'])}.", did_you_mean(
                str(details["input"]), choices
            )
        case _ if kind in _BOUNDS:
            key, words = _BOUNDS[kind]
            return f"{name} is out of range.", f"It must be {words} {context[key]}{_unit(name)}."
        case _:
            wanted = _WANTED.get(kind, "something else")
            return f"{name} cannot be {_shown(details['input'])}.", f"It must be {wanted}."


def _name(place: Place) -> str:
    *rest, last = place
    return last if isinstance(last, str) else f"An entry of {_name(tuple(rest))}"


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "empty"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f'"{shorten(str(value), SHOWN)}"'


def _unit(name: str) -> str:
    return " seconds" if name in {"interval", "check"} else "%" if name == "share" else ""


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a mapping may have, found by following the way to it through the models."""
    for part in place:
        field = model.model_fields.get(str(part))
        if field is not None:
            inner = [each for each in (field.annotation, *get_args(field.annotation)) if _is_model(each)]
            model = inner[0] if inner else model
    return list(model.model_fields)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
