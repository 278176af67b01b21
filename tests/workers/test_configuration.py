"""A connection's file: what is taken from it, and the answer to every mistake."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Crm
from domain.mapping import SyncRule
from domain.policy import FieldMapping
from domain.schema import FieldKind
from tests.workers.configurations import (
    BADGES,
    FILE,
    configuration,
    field,
    file,
    problems,
    schemas,
)
from workers.configuration import (
    Budget,
    ConfigurationError,
    audit,
    connection_options,
    load,
    loads,
    sample,
    to_document,
)
from workers.configuration.model import (
    ComputedEntry,
    ConnectionEntry,
    MappingEntry,
    Model,
    RouteEntry,
    Salesforce,
    SectionEntry,
)
from workers.configuration.standard import mappings_of

ROOT = Path(__file__).parents[2]


NEEDED: dict[type[Model], dict[str, object]] = {
    ConnectionEntry: {"connection": "acme", "salesforce": {"domain": "acme.my"}},
    Salesforce: {"domain": "acme.my"},
    SectionEntry: {"field_mappings": []},
    RouteEntry: {"create": "lead"},
    MappingEntry: {"hubspot": "any", "salesforce": "Any"},
    ComputedEntry: {"hubspot": "any", "formula": "1"},
}


def models(annotation: object) -> list[type[Model]]:
    """The models in a type, wrapped as it may be."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models(inner)]


def keys_of(model: type[Model], prefix: str = "") -> Iterator[tuple[str, type[Model], str]]:
    """Every key of a file with those around it, the model that has it, and its name there."""
    for name, info in model.model_fields.items():
        yield prefix + name, model, name
        for inner in models(info.annotation):
            yield from keys_of(inner, f"{prefix}{name}.")


KEYS = [*keys_of(ConnectionEntry), *keys_of(SectionEntry)]


# -- mistakes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "1: The file is empty. Start from config/sample.yaml.example.", id="empty"),
        pytest.param(
            "# nothing\n", "1: The file is empty. Start from config/sample.yaml.example.", id="only a comment"
        ),
        pytest.param(
            "- acme\n",
            "1: The file does not consist of keys and values. Start from config/sample.yaml.example.",
            id="a list",
        ),
        pytest.param(
            "contacts:\n\tcreate_as: lead\n",
            "2: The line is indented with a tab. YAML takes spaces only: use two a level.",
            id="a tab",
        ),
        pytest.param(
            'connection: "acme\nhubspot: {}\n',
            "3: This is not YAML: found unexpected end of stream. Look at this line and the one before "
            "for a missing colon, quote or bracket, or for wrong indentation.",
            id="an open quote",
        ),
        pytest.param(
            "connection: acme\nhubspot: credential: private_app\n",
            "2: This is not YAML: mapping values are not allowed here. Look at this line and the one before "
            "for a missing colon, quote or bracket, or for wrong indentation.",
            id="two colons in a line",
        ),
        pytest.param(
            "connection: acme\n---\nconnection: other\n",
            "2: A second document starts here. Give each connection a file of its own.",
            id="two documents",
        ),
        pytest.param(
            "a: &limit 5\nb: *limit\n",
            '2: "*limit" is a YAML alias. Write the value out instead.',
            id="an alias",
        ),
        pytest.param(
            "connection: acme\x07\n",
            "1: There is a control character. Delete it; plain UTF-8 text is expected.",
            id="a control character",
        ),
        pytest.param(
            "? [a, b]\n: c\n",
            "1: A key must be a plain word. Look for a misplaced bracket.",
            id="a list as key",
        ),
    ],
)
def test_what_is_not_yaml_gets_one_message(text: str, says: str) -> None:
    assert problems(text) == [f"acme.yaml:{says}"]


def test_brackets_without_end_are_no_traceback() -> None:
    assert problems("a: " + "[" * 100_000) == [
        "acme.yaml:1: This is nested too deeply. Look for runs of brackets."
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param(
            "connection: acme\n",
            "",
            '1: The key "connection" is missing. Add it; docs/configuration.md says what it takes.',
            id="no name",
        ),
        pytest.param(
            "acme\n",
            "Acme EU\n",
            '1: "Acme EU" cannot be the name of a connection. Use up to 40 small letters, digits and '
            "hyphens: it becomes part of the names of variables.",
            id="a name with a space",
        ),
        pytest.param(
            "connection: acme\n",
            "connection: acme\nconnection: other\n",
            '2: "connection" stands twice, first in line 1. Keep one of the two.',
            id="a key twice",
        ),
        pytest.param(
            "salesforce: {",
            "timezone: UTC\nsalesforce: {",
            '2: There is no key "timezone" here. Did you mean "time_zone"?',
            id="a mistyped key",
        ),
        pytest.param(
            "contacts:\n",
            "contact: {}\ncontacts:\n",
            '3: There is no key "contact" here. Did you mean "contacts"?',
            id="a section of another name",
        ),
        pytest.param(
            "salesforce: {domain: acme.my}",
            "salesforce: {domain: acme.my, sandbox: yes}",
            '2: There is no key "sandbox" here. Choose from: login, domain, username, api_call_limit, '
            "validation_rules.",
            id="a key that resembles none",
        ),
        pytest.param(
            "salesforce: {domain: acme.my}",
            "salesforce:",
            "2: salesforce cannot be empty. It must be a mapping: indented lines of the form key: value.",
            id="a key without value",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: https://acme.my.salesforce.com/",
            '2: "https://acme.my.salesforce.com/" is a whole address. Write only its first part: "acme.my".',
            id="an address for a domain",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: acme/my",
            '2: "acme/my" is not a Salesforce domain. Write My Domain as in "acme.my".',
            id="not a domain",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: login",
            '2: The login client_credentials does not work on "login". Write My Domain as in "acme.my" '
            'or "acme--dev.sandbox.my".',
            id="client credentials without My Domain",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: login, login: jwt",
            "2: The login jwt needs a username. Add the integration user's: username: crmsync@acme.com.",
            id="jwt without user",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: acme.my, username: me@acme.com",
            "2: The login client_credentials takes no username. Delete it: the app's own settings name "
            "the user it runs as.",
            id="client credentials with a user",
        ),
        pytest.param(
            "salesforce: {",
            "hubspot: {credential: api_key}\nsalesforce: {",
            '2: credential cannot be "api_key". Choose from: project_app, private_app, service_key.',
            id="an unknown credential",
        ),
        pytest.param(
            "salesforce: {",
            "hubspot: {api_call_limit: {share: 80}}\nsalesforce: {",
            '2: "80" is not a share. Write a percentage such as 80%.',
            id="a share without percent",
        ),
        pytest.param(
            "salesforce: {",
            "hubspot: {api_call_limit: {share: 120%}}\nsalesforce: {",
            "2: share is out of range. It must be at most 100%.",
            id="more than everything",
        ),
        pytest.param(
            "domain: acme.my",
            "domain: acme.my, api_call_limit: {per_day: many}",
            '2: per_day cannot be "many". It must be a whole number.',
            id="a word for a number",
        ),
        pytest.param(
            "salesforce: {",
            "polling: {interval: 15}\nsalesforce: {",
            '2: "15" is not a length of time. Write a number and s, m or h: 15s, 15m, 1h.',
            id="a time without unit",
        ),
        pytest.param(
            "salesforce: {",
            "polling: {interval: 1s}\nsalesforce: {",
            "2: interval is out of range. It must be at least 5 seconds.",
            id="polling too often",
        ),
        pytest.param(
            "salesforce: {",
            "retention: {decision_days: 36501}\nsalesforce: {",
            "2: decision_days is out of range. It must be at most 36500.",
            id="more than a century of decisions",
        ),
        pytest.param(
            "salesforce: {",
            "retention: {sync_error_days: 1000000000}\nsalesforce: {",
            "2: sync_error_days is out of range. It must be at most 36500.",
            id="more than a century of sync errors",
        ),
        pytest.param(
            "salesforce: {",
            "time_zone: Vienna\nsalesforce: {",
            '2: "Vienna" is not a time zone. Write a name such as "Europe/Vienna" or "UTC".',
            id="a city for a zone",
        ),
        pytest.param(
            "salesforce: {",
            "webhooks: {enabled: maybe}\nsalesforce: {",
            '2: enabled cannot be "maybe". It must be true or false.',
            id="neither yes nor no",
        ),
        pytest.param(
            "salesforce: {",
            "hubspot: {credential: service_key}\nwebhooks: {enabled: true}\nsalesforce: {",
            "3: HubSpot sends no webhooks for a service key. Set it to false, or use the token of a "
            "private_app or project_app.",
            id="webhooks for a service key",
        ),
        pytest.param(
            "  defaults: ",
            "  create_as: leads\n  defaults: ",
            '4: create_as cannot be "leads". Did you mean "lead"?',
            id="an unknown object to create",
        ),
        pytest.param(
            "  defaults: ",
            "  create_as: [lead, {when: 'TRUE', create: contact}]\n  defaults: ",
            "4: The rules behind this one are never reached: it has no condition. "
            "Give it a condition (when), or make it the last.",
            id="a rule that hides others",
        ),
        pytest.param(
            "  defaults: ",
            "  create_as:\n    - {when: 'AND(TRUE', create: contact}\n  defaults: ",
            "5: This is no formula at its end: unexpected end of the formula, expected ',' or ')'. "
            "See docs/formula.md.",
            id="a condition that is no formula",
        ),
        pytest.param(
            "  defaults: ",
            "  create_as: [{when: 'TRUE', create: contacts}]\n  defaults: ",
            '4: create_as cannot be "contacts". Did you mean "contact"?',
            id="a rule that creates an unknown object",
        ),
        pytest.param(
            "  defaults: ",
            "  limit_sync: {salesforce_filter: {Leads: 'TRUE'}}\n  defaults: ",
            '4: The section contacts knows no Salesforce object "Leads". Did you mean "Lead"?',
            id="a filter of an unknown object",
        ),
        pytest.param(
            "  defaults: ",
            "  limit_sync: {salesforce_filter: 'City = \"Vienna'}\n  defaults: ",
            '4: This is no formula at character 8, ""Vienna": the text is not closed on its line, '
            "or holds an unknown escape. See docs/formula.md.",
            id="a filter that is no formula",
        ),
        pytest.param(
            "  defaults: ",
            "  when_salesforce_record_deleted: delete\n  defaults: ",
            '4: when_salesforce_record_deleted cannot be "delete". Did you mean "delete_in_hubspot"?',
            id="half a choice",
        ),
        pytest.param(
            "  defaults: ",
            "  when_salesforce_record_created: {Lead: nothing}\n  defaults: ",
            '4: when_salesforce_record_created cannot be "nothing". Did you mean "do_nothing"?',
            id="half a choice for one object",
        ),
        pytest.param(
            "  defaults: ",
            "  when_salesforce_record_deleted: {Leads: delete_in_hubspot}\n  defaults: ",
            '4: The section contacts knows no Salesforce object "Leads". Did you mean "Lead"?',
            id="a choice for an object that is none",
        ),
        pytest.param(
            "  defaults: ",
            "  limit_sync: {inclusion_list: }\n  defaults: ",
            "4: inclusion_list is empty. Name a list, or delete the key: then nobody is left out.",
            id="no list",
        ),
        pytest.param(
            "  defaults: ",
            "  guards: {creates_per_hour: -1}\n  defaults: ",
            "4: creates_per_hour is out of range. It must be at least 0.",
            id="a negative guard",
        ),
        pytest.param(
            "Lead: {Company: Unknown}",
            "Leed: {Company: Unknown}",
            '4: The section contacts knows no Salesforce object "Leed". Did you mean "Lead"?',
            id="defaults of an unknown object",
        ),
        pytest.param(
            "Lead: {Company: Unknown}",
            "Lead: Unknown",
            '4: Lead cannot be "Unknown". It must be a mapping: indented lines of the form key: value.',
            id="a default without field",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_remedy(old: str, new: str, says: str) -> None:
    assert old in FILE
    assert problems(FILE.replace(old, new)) == [f"acme.yaml:{says}"]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        pytest.param(
            "{hubspot: jobtitle, salesforce: Title, sync_rule: prefer_hubspot}",
            'sync_rule cannot be "prefer_hubspot". Did you mean "prefer_hubspot_unless_blank"?',
            id="an unknown rule",
        ),
        pytest.param(
            "{hubspot: jobtitle, salesforce: Title, rule: two_way}",
            'There is no key "rule" here. Did you mean "sync_rule"?',
            id="a mistyped key",
        ),
        pytest.param(
            "{hubspot: jobtitle}",
            'The key "salesforce" is missing. Add it; docs/configuration.md says what it takes.',
            id="half a mapping",
        ),
        pytest.param(
            "jobtitle",
            'An entry of field_mappings cannot be "jobtitle". It must be a mapping: indented lines of '
            "the form key: value.",
            id="a word for a mapping",
        ),
        pytest.param(
            "{hubspot: jobtitle, salesforce: [Title]}",
            "This is no field of Salesforce. Write a field's API name, or one for each object: "
            "{Lead: Street, Contact: MailingStreet}.",
            id="a list of fields",
        ),
        pytest.param(
            "{hubspot: address, salesforce: {Lead: Street, Contacts: MailingStreet}}",
            'The section contacts knows no Salesforce object "Contacts". Did you mean "Contact"?',
            id="an unknown object",
        ),
        pytest.param(
            "{hubspot: lastname, salesforce: Title}",
            'The property "lastname" is already mapped in line 7. Keep one of the two; one mapping can '
            "name a field for each object: salesforce: {Lead: Street, Contact: MailingStreet}.",
            id="a property twice",
            marks=pytest.mark.rule(71),
        ),
        pytest.param(
            "{hubspot: jobtitle, salesforce: {Contact: lastname}}",
            "Contact.lastname is already mapped in line 7. Keep one of the two; one mapping can "
            "name a field for each object: salesforce: {Lead: Street, Contact: MailingStreet}.",
            id="a field twice, in other letters",
        ),
        pytest.param(
            "{hubspot: salesforce_record_id, salesforce: Title}",
            '"salesforce_record_id" holds the other side\'s record id, which crmsync writes itself. '
            "Delete the mapping.",
            id="the key property",
        ),
        pytest.param(
            "{hubspot: jobtitle, salesforce: {Lead: HubSpot_Contact_Id__c}}",
            '"HubSpot_Contact_Id__c" holds the other side\'s record id, which crmsync writes itself. '
            "Delete the mapping.",
            id="the key field",
        ),
        pytest.param(
            "{hubspot: city, salesforce: City, sync_rule: two_way, values: {a: X, b: X}}",
            '"X" could become "a" or "b" in HubSpot. Keep one of them, or use always_use_hubspot, '
            "which writes nothing there.",
            id="a value map that is ambiguous on the way back",
        ),
        pytest.param(
            "{hubspot: city, salesforce: City, sync_rule: two_way, values: {a: [X, Y]}}",
            '"a" could become "X" or "Y" in Salesforce. Keep one of them, or use always_use_salesforce, '
            "which writes nothing there.",
            id="a value map that is ambiguous on the way there",
        ),
        pytest.param(
            "{hubspot: city, salesforce: City, values: by_name}",
            "This is no map of values. Write HubSpot's values with Salesforce's behind them: "
            "{NEW: Open, OPEN: Working}; or by_label.",
            id="no value map",
        ),
        pytest.param(
            "{hubspot: city, salesforce: City, transform: capitals}",
            '"capitals" is no transform. Choose from: trim, upper, lower, title, digits.',
            id="an unknown transform",
        ),
        pytest.param(
            "{hubspot: city, salesforce: City, forward_only: sales_force}",
            'An entry of forward_only cannot be "sales_force". Did you mean "salesforce"?',
            id="an unknown side",
        ),
        pytest.param(
            "{hubspot: hs_email_optout, salesforce: HasOptedOutOfEmail, sync_rule: two_way}",
            "two_way could opt a person in again who had opted out. Use opt_out or dont_sync.",
            id="an opt-out that could be undone",
            marks=pytest.mark.rule(68),
        ),
    ],
)
def test_a_wrong_mapping_is_named_with_its_remedy(mapping: str, says: str) -> None:
    assert problems(file(mappings=(mapping,))) == [f"acme.yaml:8: {says}"]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        pytest.param(
            "{hubspot: email, salesforce: Email, sync_rule: always_use_hubspot}",
            '6: "email" finds the record on the other side and cannot be always_use_hubspot. '
            "Use two_way or prefer_salesforce_unless_blank.",
            id="one-way",
        ),
        pytest.param(
            "{hubspot: email, salesforce: Work_Email__c}",
            '6: "email" finds records by Lead.Email, not by Lead.Work_Email__c. Map it to Email.',
            id="re-pointed",
        ),
        pytest.param(
            "{hubspot: phone, salesforce: Phone}",
            '5: "email" is not mapped, and by it contacts find each other. '
            "Add: - {hubspot: email, salesforce: Email}.",
            id="not mapped",
        ),
    ],
)
@pytest.mark.rule(66)
def test_the_email_mapping_is_limited(mapping: str, says: str) -> None:
    refused = problems(FILE.replace("{hubspot: email, salesforce: Email}", mapping))
    assert refused[0] == f"acme.yaml:{says}"


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("always_use_hubspot", "{a: X, b: X}"),
        ("always_use_salesforce", "{a: [X, Y]}"),
        ("two_way", "{a: X, b: Y}"),
    ],
)
def test_a_value_map_may_be_ambiguous_where_nothing_travels(rule: str, values: str) -> None:
    mapping = f"{{hubspot: city, salesforce: City, sync_rule: {rule}, values: {values}}}"
    assert problems(file(mappings=(mapping,))) == []


@pytest.mark.parametrize(
    ("computed", "says"),
    [
        pytest.param(
            "{salesforce: City}",
            '9: The key "formula" is missing. Add it; docs/configuration.md says what it takes.',
            id="without formula",
        ),
        pytest.param(
            "{salesforce: City, hubspot: city, formula: '1'}",
            "9: A computed field is either HubSpot's or Salesforce's. "
            "Write hubspot for a property that is computed from the Salesforce record, "
            "salesforce for a field that is computed from the HubSpot record.",
            id="on both sides",
        ),
        pytest.param(
            "{salesforce: City, formula: '1 +'}",
            "9: This is no formula at its end: unexpected end of the formula, expected a value. "
            "See docs/formula.md.",
            id="half a formula",
        ),
        pytest.param(
            "{salesforce: {Lead: LastName}, formula: '\"x\"'}",
            "9: Lead.LastName is computed here and filled by another mapping. Keep one of the two.",
            id="mapped as well",
        ),
    ],
)
def test_a_wrong_computed_field_is_named_with_its_remedy(computed: str, says: str) -> None:
    assert problems(f"{FILE}  computed_fields:\n    - {computed}\n")[:1] == [f"acme.yaml:{says}"]


@pytest.mark.rule(34, 42, 52, 58, 75, 101, 121)
@pytest.mark.parametrize("section", ["companies", "deals"])
def test_companies_and_deals_have_no_section_yet(section: str) -> None:
    said = problems(file() + f"{section}: {{}}\n")

    assert [line.partition(" here.")[0] for line in said] == [f'acme.yaml:8: There is no key "{section}"']


def test_a_file_without_section_says_nothing_to_sync() -> None:
    said = problems("connection: acme\nsalesforce: {domain: acme.my}\n")
    assert said == ["acme.yaml:1: The file says nothing to sync. Add a section: contacts."]


def test_mappings_must_be_a_list() -> None:
    head = FILE.partition("  field_mappings:")[0]
    said = problems(head + "  field_mappings: {hubspot: email}\n")
    remedy = 'It must be a list: indented lines that start with "- ".'
    assert said == [f"acme.yaml:5: field_mappings cannot be a mapping. {remedy}"]


@pytest.mark.parametrize(
    ("mapping", "column"),
    [
        ("{hubspot: city, salesforce: City, sync_rule: best}", 41),
        ("{hubspot: city, salesforce: 1, rule: x}", 38),
    ],
)
def test_a_message_names_the_column_as_compilers_do(mapping: str, column: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loads(file(mappings=(mapping,)), file="acme.yaml")
    assert str(caught.value).startswith(f"acme.yaml:8:{column}: ")


def test_all_problems_of_a_file_are_told_at_once_by_line() -> None:
    text = file(
        head="conection: acme\n",
        section="  create_as: leed\n  guards: many\n",
        mappings=(
            "{hubspot: lastname, salesforce: Title}",
            "{hubspot: phone, salesforce: Phone, sync_rule: x}",
        ),
    )
    lines = [int(said.split(":")[1]) for said in problems(text)]
    assert lines == [1, 5, 6, 11, 12]


def test_no_message_is_that_of_a_library() -> None:
    said = problems(FILE.replace("{domain: acme.my}", "[1]").replace("Unknown", "{a: b}"))
    assert [line for line in said if "Input should" in line or "type=" in line] == []
    assert len(said) == 2


MANY = "9" * 5000
WORDS = ("", "lead", "unlimited", "15s", "80%", "-1", "1e9", "Lead", "true", "null", "\t", "*a", "é")
NUMBERS = (MANY, f"{MANY}s", f"{MANY}%", "1.5", "10000000000")
LISTS: tuple[list[object], ...] = ([], ["a"], [[]], [None], [{}])
MAPPINGS: tuple[dict[str, object], ...] = ({}, {"": ""}, {"Lead": "a"}, {"Lead": None}, {"x": {}})
ANYTHING = (None, *WORDS, *NUMBERS, *LISTS, *MAPPINGS)


@pytest.mark.parametrize("key", [key for key, _, _ in KEYS])
def test_no_value_anywhere_makes_a_traceback(key: str) -> None:
    *way, last = key.split(".")
    for value in ANYTHING:
        whole = yaml.safe_load(FILE)
        inside = whole if (*way, last)[0] in ConnectionEntry.model_fields else whole["contacts"]
        for part in way:
            inside = inside[part][-1] if part == "field_mappings" else inside.setdefault(part, {})
        inside[last] = value
        said = problems(yaml.safe_dump(whole))
        assert [line for line in said if not line.startswith("acme.yaml:") or "something else" in line] == []


@given(st.text(st.sampled_from("a:-{}[]'\"#&*!|>%@`\n\t ,?~\x00\ufeff"), max_size=30))
def test_no_text_makes_a_traceback(text: str) -> None:
    said = problems(text)
    assert said
    assert [line for line in said if not line.startswith("acme.yaml:")] == []


# -- files


def test_a_file_is_called_after_its_connection(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(FILE)
    with pytest.raises(ConfigurationError, match=r"other.yaml:1:1: .* Call the file acme.yaml, or the"):
        load(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="absent"),
        pytest.param(b"connection: \xff", "not UTF-8", id="not text"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "acme.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=says):
        load(path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(FILE, "utf-8-sig")
    assert load(path).connection == "acme"


def test_the_sample_is_accepted() -> None:
    assert load(ROOT / "config" / "sample.yaml.example").connection == "acme"


# -- what is taken from a file


@pytest.mark.parametrize("key", [key for key, _, _ in KEYS])
def test_the_sample_has_every_key(key: str) -> None:
    word = key.rpartition(".")[2]
    assert re.search(rf"\b{word}:", sample("acme")), word


def test_the_sample_is_made_for_a_connection() -> None:
    assert loads(sample("acme-eu"), file="acme-eu.yaml").connection == "acme-eu"


# -- standard mappings


def mapped(text: str) -> list[MappingEntry]:
    read = loads(text, file="acme.yaml")
    return [each.entry for each in mappings_of(read.kinds["contacts"], read.sections["contacts"])]


STANDARD_FILE = "connection: acme\nsalesforce: {domain: acme.my}\ncontacts:\n  standard_mappings: true\n"


@pytest.mark.rule(59, 67, 68, 90)
def test_the_standard_mappings_have_hubspots_own_rules() -> None:
    rules = {entry.hubspot: entry.sync_rule for entry in mapped(STANDARD_FILE)}
    own = {
        "hs_email_optout": SyncRule.OPT_OUT,
        "hubspot_owner_id": SyncRule.TWO_WAY,
        "salesforceaccountid": SyncRule.ALWAYS_SALESFORCE,
    }
    assert rules.items() >= own.items()
    assert {rule for name, rule in rules.items() if name not in own} == {SyncRule.PREFER_SALESFORCE}


@pytest.mark.rule(69)
def test_a_standard_mapping_may_get_another_rule_and_others_stand_beside_it() -> None:
    text = (
        f"{STANDARD_FILE}  field_mappings:\n"
        "    - {hubspot: jobtitle, salesforce: Title, sync_rule: two_way}\n"
        "    - {hubspot: mobilephone, salesforce: MobilePhone}\n"
    )
    entries = mapped(text)
    assert len(entries) == len(mapped(STANDARD_FILE)) + 1
    assert [entry.sync_rule for entry in entries if entry.hubspot == "jobtitle"] == [SyncRule.TWO_WAY]


def test_a_mapping_of_a_field_takes_the_place_of_the_standard_one() -> None:
    text = f"{STANDARD_FILE}  field_mappings:\n    - {{hubspot: hs_country, salesforce: {{Lead: Country}}}}\n"
    assert "country" not in {entry.hubspot for entry in mapped(text)}


def test_a_section_must_map_something() -> None:
    text = STANDARD_FILE.replace("  standard_mappings: true\n", "  create_as: lead\n")
    assert problems(text) == [
        "acme.yaml:3: The section contacts maps nothing. Add field_mappings, or standard_mappings: true."
    ]


@pytest.mark.rule(76)
def test_standard_mappings_that_do_not_fit_are_left_out_and_told() -> None:
    known = schemas(
        hubspot=(field("numemployees", FieldKind.PICKLIST), field("phone"), field("industry"), field("fax")),
        lead=(field("NumberOfEmployees", FieldKind.INTEGER), field("Phone"), field("Fax", writable=False)),
        contact=(field("Phone"), field("Fax", writable=False)),
    )
    read = loads(STANDARD_FILE, file="acme.yaml")

    told = {each.hubspot: each.left_out for each in audit(read, known)}
    used = {mapping.hubspot for mapping in to_document(read, known).sections[0].mappings}

    assert used == {"email", "lastname", "phone"}
    assert {name for name, why in told.items() if not why} == used
    assert told["numemployees"] == "picklist and integer do not go together"
    assert told["industry"] == "Salesforce shows no such field"
    assert told["fax"] == "it is read-only in Salesforce"
    assert told["city"] == "HubSpot has no such property"


def test_text_stays_as_it_stands_in_the_file() -> None:
    read = configuration(section="  limit_sync: {inclusion_list: 0042}\n")
    limit = read.sections["contacts"].limit_sync
    assert limit is not None
    assert limit.inclusion_list == "0042"
    assert FILE.count("Unknown") == 1
    norway = loads(FILE.replace("Unknown", "NO"), file="acme.yaml")
    assert norway.sections["contacts"].defaults == {"Lead": {"Company": "NO"}}


def test_a_field_name_serves_every_object_that_has_the_field() -> None:
    read = configuration(mappings=("{hubspot: company, salesforce: Company}",))
    mappings = to_document(read, schemas(hubspot=(field("company"),))).sections[0].mappings
    assert mappings[1:] == (
        FieldMapping("lastname", {"Lead": "LastName", "Contact": "LastName"}, SyncRule.PREFER_SALESFORCE),
        FieldMapping("company", {"Lead": "Company"}, SyncRule.PREFER_SALESFORCE),
    )


def test_a_mapping_may_name_a_field_for_each_object() -> None:
    street = "{hubspot: address, salesforce: {Lead: Street, Contact: MailingStreet}, sync_rule: two_way}"
    known = schemas(lead=(field("Street"),), contact=(field("MailingStreet"),))
    mapped = to_document(configuration(mappings=(street,)), known).sections[0].mappings[-1]
    assert mapped == FieldMapping("address", {"Lead": "Street", "Contact": "MailingStreet"}, SyncRule.TWO_WAY)


def test_what_is_not_written_has_its_default() -> None:
    section = to_document(configuration(), schemas()).sections[0]
    assert section.create_as == "Lead"
    assert (section.create_in_hubspot, section.delete_in_hubspot) == (("Lead", "Contact"), ())
    assert not any((section.delete_outside_list, section.merge_in_hubspot, section.follow_latest))
    assert section.guards == {"creates": 5000, "deletes": 50, "blanked": 500}
    assert (section.inclusion_list, section.zone) == (None, "UTC")


def test_what_is_written_counts() -> None:
    written = configuration(
        head="time_zone: Europe/Vienna\n",
        section=(
            "  create_as: contact\n"
            "  when_salesforce_record_created: do_nothing\n"
            "  when_salesforce_record_deleted: {Contact: delete_in_hubspot}\n"
            "  when_salesforce_records_merged: merge_in_hubspot\n"
            "  when_salesforce_has_duplicates: link_latest\n"
            "  deletes_reach: everybody\n"
            "  limit_sync: {inclusion_list: Sync to Salesforce}\n"
            "  guards: {creates_per_hour: 10, deletes_per_hour: unlimited}\n"
            "  hubspot_key: sf_id\n"
            "  salesforce_key: Hs_Id__c\n"
        ),
    )
    section = to_document(written, schemas()).sections[0]
    assert (section.create_as, section.create_in_hubspot) == ("Contact", ())
    assert section.delete_in_hubspot == ("Contact",)
    assert all((section.delete_outside_list, section.merge_in_hubspot, section.follow_latest))
    assert section.guards == {"creates": 10, "blanked": 500}
    assert (section.inclusion_list, section.zone) == ("Sync to Salesforce", "Europe/Vienna")
    assert (section.kind.hubspot_key, section.kind.salesforce_key) == ("sf_id", "Hs_Id__c")
    assert section.defaults == {"Lead": {"Company": "Unknown"}}


def test_nothing_need_be_created_in_salesforce() -> None:
    read = configuration(section="  create_as: do_nothing\n")
    assert to_document(read, schemas()).sections[0].create_as is None


@pytest.mark.parametrize(("said", "kept"), [("200", 200), ("1", 1), ("unlimited", None)])
def test_decisions_read_how_many_of_them_are_kept(said: str, kept: int | None) -> None:
    read = configuration(head=f"retention: {{decisions: {said}}}\n")
    assert to_document(read, schemas()).kept == kept


def test_decisions_read_what_goes_by_age() -> None:
    read = configuration(head="retention: {decision_days: 30, sync_error_days: unlimited}\n")
    document = to_document(read, schemas())
    assert (document.decision_days, document.letter_days) == (30, None)
    absent = to_document(configuration(), schemas())
    assert (absent.decision_days, absent.letter_days) == (None, None)


def test_the_shell_gets_its_options() -> None:
    head = "polling: {interval: 1m, check: 1h}\nhubspot: {api_call_limit: {share: 50%}}\n"
    text = file(head=head).replace("acme.my", "acme.my, api_call_limit: {per_day: 9000}")
    options = connection_options(loads(text, file="acme.yaml"))
    assert (options.poll_seconds, options.check_seconds, options.webhooks) == (60, 3600, True)
    assert options.budgets == {Crm.HUBSPOT: Budget(0.5, None), Crm.SALESFORCE: Budget(0.8, 9000)}
    assert (options.salesforce_login, options.salesforce_domain) == ("client_credentials", "acme.my")


@pytest.mark.parametrize(
    ("head", "taken"),
    [
        pytest.param("", True, id="an app's token"),
        pytest.param("hubspot: {credential: service_key}\n", False, id="a service key"),
        pytest.param("webhooks: {enabled: off}\n", False, id="switched off"),
    ],
)
def test_webhooks_are_taken_where_the_credential_can_send_them(head: str, *, taken: bool) -> None:
    assert connection_options(configuration(head=head)).webhooks is taken


def test_another_kind_needs_no_change_here() -> None:
    text = (
        "connection: acme\nsalesforce: {domain: acme.my}\nbadges:\n  create_as: badge__c\n"
        "  field_mappings:\n    - {hubspot: code, salesforce: Code__c}\n"
    )
    read = loads(text, file="acme.yaml", kinds={"badges": BADGES})
    assert read.kinds["badges"] == BADGES
    assert problems(text.replace("badges", "contacts"), badges=BADGES)[0].startswith("acme.yaml:1: The file")
    assert problems(text.replace("badge__c", "lead"), badges=BADGES) == [
        'acme.yaml:4: create_as cannot be "lead". Choose from: badge__c, do_nothing.'
    ]


# -- its page


PAGE = (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize(("key", "model", "name"), KEYS, ids=[key for key, _, _ in KEYS])
def test_every_key_is_explained_with_its_default(key: str, model: type[Model], name: str) -> None:
    told = re.search(rf"^\| `{re.escape(key)}` \| `?(.+?)`? \|", PAGE, re.MULTILINE)
    assert told
    usual = model.model_validate(NEEDED.get(model, {}))
    if model.model_fields[name].is_required():
        assert told[1] == "required"
    elif told[1].startswith("by ") or told[1] == "none":
        assert not model.model_fields[name].get_default()
    else:
        empty: dict[str, object] = {"{}": {}, "[]": []}
        written = empty.get(told[1], told[1])
        assert model.model_validate({**NEEDED.get(model, {}), name: written}) == usual


def test_the_pages_examples_are_accepted() -> None:
    blocks = [block.partition("```")[0] for block in PAGE.split("```yaml\n")[1:]]
    head = "connection: acme\nsalesforce: {domain: acme.my}\n"
    assert [said for block in blocks for said in problems(head + block)] == []


def test_the_page_tells_of_every_rule() -> None:
    assert [rule for rule in SyncRule if f"| `{rule}` |" not in PAGE] == []
