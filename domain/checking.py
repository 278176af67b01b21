"""What writes are checked by beside their own values: validation rules, and fields that go together."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.identity import Crm
from domain.kinds import ObjectKind
from domain.mapping import MappedField
from domain.rules import ObjectRules, RuleText, Runner, compile_rules
from domain.schema import FieldSchema, ObjectSchema
from domain.state import Connection

Place = tuple[Crm, str]
"""An object of one CRM."""

Documents = Callable[[str], Any]
"""Finds a document of the log by its digest, as plain JSON values. Raises KeyError if it is absent."""


def rules_of(
    kind: ObjectKind, connection: Connection, documents: Documents, schemas: Mapping[Place, ObjectSchema]
) -> dict[str, ObjectRules]:
    """The validation rules of each Salesforce object that has any, as the connection knows them."""
    trusted = frozenset(key for key, standing in connection.standings.items() if standing.trusted)
    runner = msgspec.convert(documents(connection.runner), Runner) if connection.runner else None
    rules = {}
    for name in kind.salesforce:
        schema, document = schemas.get((Crm.SALESFORCE, name)), connection.rules.get(name)
        texts = msgspec.convert(documents(document), tuple[RuleText, ...]) if document else ()
        if schema is not None and texts:
            rules[name] = compile_rules(texts, trusted, schema, runner)
    return rules


def required_of(schema: ObjectSchema) -> tuple[str, ...]:
    """The fields of an object without which no record can be made."""
    return tuple(field.name for field in schema.fields.values() if field.required and field.createable)


def dependent_of(schema: ObjectSchema) -> tuple[FieldSchema, ...]:
    """The picklists of an object whose options another field decides."""
    return tuple(field for field in schema.fields.values() if field.controller)


def judged_fields(
    fields: Mapping[str, tuple[MappedField, ...]],
    dependent: Mapping[Place, tuple[FieldSchema, ...]],
    rules: Mapping[str, ObjectRules],
) -> dict[Place, frozenset[str]]:
    """Fields of each Salesforce object that must be known to judge a write, mapped or not."""
    judged = {}
    for name, mapped in fields.items():
        written = {each.salesforce for each in mapped}
        pairs = ({each.name, each.controller or ""} for each in dependent.get((Crm.SALESFORCE, name), ()))
        reads = rules[name].reads if name in rules else frozenset()
        judged[Crm.SALESFORCE, name] = reads.union(*(each for each in pairs if not each.isdisjoint(written)))
    return judged
