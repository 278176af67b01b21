"""How the values of a connection's file are read: each from its text, or refused with a remedy.

What is given may be anything that YAML can say; each function returns what its key holds.
"""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from domain.identity import Crm
from domain.translating import Transform
from workers.configuration.formulas import unparsable
from workers.configuration.problems import did_you_mean

_UNITS = {"s": 1, "m": 60, "h": 3600}

BY_LABEL = "by_label"
"""Says that options with the same label stand for each other."""

MOST = 1_000_000_000
"""The largest number that may stand anywhere: whoever means more means no limit."""

CENTURY = 36_500
"""The largest number of days, for the same reason: the server keeps moments as doubles, exact to 2**53 ms."""


def wrong(what: str, remedy: str) -> PydanticCustomError:
    """An error of a validator, in whole sentences."""
    return PydanticCustomError("sentence", "{what}", {"what": what, "remedy": remedy})


def seconds(value: object) -> object:
    found = re.fullmatch(r"(\d{1,6})\s*([smh])", str(value))
    if not found:
        raise wrong(f'"{value}" is not a length of time.', "Write a number and s, m or h: 15s, 15m, 1h.")
    return int(found[1]) * _UNITS[found[2]]


def percent(value: object) -> object:
    found = re.fullmatch(r"(\d{1,3})\s*%", str(value))
    if not found:
        raise wrong(f'"{value}" is not a share.', "Write a percentage such as 80%.")
    return int(found[1])


def limit(value: object) -> object:
    return None if value == "unlimited" else value


def connection(value: object) -> object:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", str(value)):
        raise wrong(
            f'"{value}" cannot be the name of a connection.',
            "Use up to 40 small letters, digits and hyphens: it becomes part of the names of variables.",
        )
    return value


def zone(value: object) -> object:
    try:
        return ZoneInfo(str(value)).key
    except (LookupError, ValueError, OSError):
        raise wrong(
            f'"{value}" is not a time zone.', 'Write a name such as "Europe/Vienna" or "UTC".'
        ) from None


def domain(value: object) -> object:
    found = re.fullmatch(r"(?:https://)?([a-zA-Z0-9.-]+)\.salesforce\.com/?", str(value))
    if found:
        raise wrong(f'"{value}" is a whole address.', f'Write only its first part: "{found[1]}".')
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.-]*", str(value)):
        raise wrong(f'"{value}" is not a Salesforce domain.', 'Write My Domain as in "acme.my".')
    return value


def fields(value: object) -> object:
    """A field name for every object that has it, or object -> field."""
    if isinstance(value, dict) and value and all(isinstance(name, str) and name for name in value.values()):
        return value
    if isinstance(value, str) and value:
        return value
    raise wrong(
        "This is no field of Salesforce.",
        "Write a field's API name, or one for each object: {Lead: Street, Contact: MailingStreet}.",
    )


def formula(value: object) -> object:
    found = unparsable(value) if isinstance(value, str) and value else None
    if found:
        raise wrong(*found)
    return value


def currency(value: object) -> object:
    if not re.fullmatch(r"[A-Z]{3}", str(value)):
        raise wrong(f'"{value}" is not a currency.', "Write its ISO code, as in EUR.")
    return value


def given(value: object) -> object:
    if not value:
        raise wrong("inclusion_list is empty.", "Name a list, or delete the key: then nobody is left out.")
    return value


def condition(value: object) -> object:
    """A formula for the records of every object, or object -> formula."""
    if isinstance(value, str) and value:
        return formula(value)
    if isinstance(value, dict) and value and all(isinstance(each, str) and each for each in value.values()):
        return {name: formula(each) for name, each in value.items()}
    raise wrong("This is no formula.", "Write one, or one for each object: {Lead: ..., Contact: ...}.")


def value_map(value: object) -> object:
    """Pairs of (HubSpot's, Salesforce's), or ``by_label``."""
    if value == BY_LABEL:
        return value
    if not (isinstance(value, dict) and value):
        raise wrong(
            "This is no map of values.",
            "Write HubSpot's values with Salesforce's behind them: {NEW: Open, OPEN: Working}; or by_label.",
        )
    return [(ours, each) for ours, theirs in value.items() for each in _listed(theirs)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def by_target(value: object) -> object:
    """Target -> transforms; what names no target is for both."""
    given = value if isinstance(value, dict) else {str(crm): value for crm in Crm}
    for each in (name for names in given.values() for name in _listed(names)):
        if each not in list(Transform):
            raise wrong(f'"{each}" is no transform.', did_you_mean(str(each), map(str, Transform)))
    return {target: _listed(each) for target, each in given.items()}


def targets(value: object) -> object:
    return list(Crm) if value == "both" else _listed(value)


def routes(value: object) -> object:
    """One object, or rules of which the last may be an object alone."""
    if not isinstance(value, str | list):
        raise wrong("create_as says nothing.", "Write lead, contact, do_nothing, or a list of rules.")
    rules = value if isinstance(value, list) else [value]
    return [{"create": rule} if isinstance(rule, str) else rule for rule in rules]


def choice(key: str, *words: str) -> BeforeValidator:
    """One of these words for every object of Salesforce, or object -> word."""

    def check(value: object) -> object:
        for each in value.values() if isinstance(value, dict) and value else [value]:
            if each not in words:
                shown = f'"{each}"' if isinstance(each, str) and each else "empty"
                raise wrong(f"{key} cannot be {shown}.", did_you_mean(str(each), words))
        return value

    return BeforeValidator(check)


def never(value: object) -> object:
    return None if value == "never" else value


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[Annotated[int, Field(ge=0, le=MOST)] | None, BeforeValidator(limit)]
