"""Which fields of a person must be left as they are, so that what is decided of them stays the same.

Those are the fields that a list, a rule or a formula reads, those whose values are ids, and, of the others,
the words that a schema or the configuration names. What is said of a field holds for those it is mapped to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.conditions import compile_expression
from domain.groups import pointers
from domain.identity import CRMS, HUBSPOT, SALESFORCE, Crm
from domain.kinds import ObjectKind
from domain.money import CURRENCY
from domain.policy import Computed, FieldMapping, KindPolicy, Policy
from domain.schema import FieldKind, ObjectSchema

Field = tuple[Crm, str, str]
"""(CRM, object, field)."""

WORD = "an option of the field, or a value that the configuration names"

_ID = "an id"
_IDS = frozenset({FieldKind.REFERENCE, FieldKind.ID})


@dataclass(frozen=True)
class Unmasked:
    """What stays."""

    whole: dict[Field, str]  #: fields all of whose values stay -> why
    words: dict[Field, frozenset[str]]  #: fields of which some values stay -> these, folded
    addresses: dict[str, Field]  #: object -> the field that holds the address by which it is found

    def keeps(self, field: Field, part: str) -> bool:
        """Whether a value of a field stays for what it says; of a multi-select, one of its parts."""
        return fold(part) in self.words.get(field, ())


def fold(word: str) -> str:
    return word.strip().casefold()


def unmasked(policies: Iterable[Policy]) -> Unmasked:
    """What must stay for configurations that were in force."""
    kinds = [kind for policy in policies for kind in policy.kinds.values()]
    whole = {field: why for kind in kinds for field, why in _read(kind)}
    words: dict[Field, set[str]] = {}
    for field, word in (each for kind in kinds for each in _words(kind)):
        words.setdefault(field, set()).add(fold(word))
    for fields in _components(group for kind in kinds for group in _together(kind)):
        _spread(sorted(fields), whole, words)
    found = [(name, field) for kind in kinds for name, field in _addresses(kind.kind)]
    return Unmasked(whole, {field: frozenset(each) for field, each in words.items()}, dict(found))


def _spread(fields: list[Field], whole: dict[Field, str], words: dict[Field, set[str]]) -> None:
    """Have what is said of one field hold for those that carry the same values."""
    cause = next((field for field in fields if field in whole), None)
    named = set[str]().union(*(words.get(field, ()) for field in fields))
    for field in fields:
        if cause is not None:
            whole.setdefault(field, f"goes with {' '.join(cause)}: {whole[cause]}")
        if named:
            words[field] = named


def _components(groups: Iterable[set[Field]]) -> list[set[Field]]:
    """The groups, those that share a field put together."""
    made: list[set[Field]] = []
    for group in groups:
        touching = [each for each in made if not each.isdisjoint(group)]
        made = [each for each in made if each.isdisjoint(group)] + [group.union(*touching)]
    return made


# -- what a configuration says of fields


def _places(kind: ObjectKind) -> Iterator[tuple[Crm, str]]:
    return ((crm, name) for crm in CRMS for name in kind.objects(crm))


def _read(kind: KindPolicy) -> Iterator[tuple[Field, str]]:
    """Fields that stay whole, and why; the first reason counts least."""
    yield from _ids(kind)
    ours = (HUBSPOT, kind.kind.hubspot)
    for name in kind.inclusion.properties if kind.inclusion else ():
        yield (*ours, name), "the inclusion list reads it"
    for route in kind.routes:
        yield from (((*ours, name), "a rule of create_as reads it") for name in route.when.fields)
    for object_name, condition in kind.filters.items():
        why = f"the filter of {object_name} reads it"
        yield from (((SALESFORCE, object_name, name), why) for name in condition.fields)
    for object_name in kind.amounts:
        yield (SALESFORCE, object_name, CURRENCY), "says in which currency amounts are"
    yield from _judged(kind)
    for computed in kind.section.computed:
        yield from _computed(kind, computed)


def _ids(kind: KindPolicy) -> Iterator[tuple[Field, str]]:
    for (crm, name), schema in kind.schemas.items():
        for field in schema.fields.values():
            if field.kind in _IDS:
                yield (crm, name, field.name), _ID
    for pointer in pointers([kind.kind]):
        if pointer.other is not None:
            yield from (((pointer.crm, name, pointer.field), _ID) for name in kind.kind.objects(pointer.crm))


def _judged(kind: KindPolicy) -> Iterator[tuple[Field, str]]:
    """What validation rules read that stop writes."""
    for name, rules in kind.rules.items():
        for rule in rules.rules:
            if rule.trusted and rule.formula is not None:
                read = (rules.shape.spelling.get(each.lower()) for each in rule.formula.fields)
                why = f"the validation rule {rule.text.name} reads it"
                yield from (((SALESFORCE, name, each), why) for each in read if each is not None)


def _computed(kind: KindPolicy, computed: Computed) -> Iterator[tuple[Field, str]]:
    ours, theirs = (HUBSPOT, kind.kind.hubspot), (SALESFORCE, computed.object)
    written, read = (ours, theirs) if computed.target is HUBSPOT else (theirs, ours)
    schema = kind.schemas.get(read) or ObjectSchema(*read, {})
    formula = compile_expression(computed.formula, schema, kind.zone)
    yield (*written, computed.field), "it is computed"
    yield from (((*read, name), f"{computed.field} is computed from it") for name in formula.fields)


def _words(kind: KindPolicy) -> Iterator[tuple[Field, str]]:
    """Values that schemas and the configuration name."""
    for (crm, name), schema in kind.schemas.items():
        for field in schema.fields.values():
            named = [word for option in field.options for word in (option.value, option.label)]
            named += [field.default] if field.default else []
            named += ["true", "false"] if field.kind is FieldKind.BOOLEAN else []
            yield from (((crm, name, field.name), word) for word in named)
    for name, defaults in kind.section.defaults.items():
        yield from (((SALESFORCE, name, field), word) for field, word in defaults.items())
    for mapping in kind.section.mappings:
        ours = (HUBSPOT, kind.kind.hubspot, mapping.hubspot)
        yield from ((ours, word) for word in _named(mapping))


def _named(mapping: FieldMapping) -> Iterator[str]:
    options = mapping.options
    yield from options.order
    yield from options.translation.default.values()
    for pair in options.translation.values:
        yield from pair


def _together(kind: KindPolicy) -> Iterator[set[Field]]:
    """Fields between which values are carried or compared."""
    for mapping in kind.section.mappings:
        theirs = {(SALESFORCE, name, field) for name, field in mapping.salesforce.items()}
        yield {(HUBSPOT, kind.kind.hubspot, mapping.hubspot), *theirs}
    yield {(crm, name, field) for crm, name in _places(kind.kind) for field in kind.kind.match.get(name, ())}


def _addresses(kind: ObjectKind) -> Iterator[tuple[str, Field]]:
    for crm, name in _places(kind):
        if fields := kind.match.get(name):
            yield name, (crm, name, fields[0])
