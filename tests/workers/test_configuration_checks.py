"""A connection's file against what the two accounts have and allow."""

import msgspec
import pytest

from domain.identity import Crm
from domain.owners import Owner
from domain.schema import FieldKind, FieldSchema, Option
from tests.workers.configurations import FILE, configuration, field, schemas, unfit, without_column
from workers.configuration import check_owners, loads, to_document

SAME_OPTIONS = "Give both sides the same options or map the values; else such values are held back."
PICKLIST, TEXT, NUMBER = FieldKind.PICKLIST, FieldKind.TEXT, FieldKind.NUMBER


def about(
    mapping: str,
    *,
    hubspot: FieldSchema | None = None,
    lead: FieldSchema | None = None,
    contact: FieldSchema | None = None,
) -> list[str]:
    """What is said about one mapping, which stands in line 8."""
    known = schemas(*((one,) if one else () for one in (hubspot, lead, contact)))
    return unfit(configuration(mappings=(mapping,)), known)


def test_a_file_that_fits_both_accounts_has_no_problem() -> None:
    assert unfit(configuration(), schemas()) == []


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        pytest.param(
            "{hubspot: jobtitel, salesforce: Title}",
            'HubSpot has no property "jobtitel" of contacts. Did you mean "job_title"?',
            id="a mistyped property",
        ),
        pytest.param(
            "{hubspot: Job Title, salesforce: Title}",
            'HubSpot has no property "Job Title" of contacts. Did you mean "job_title"?',
            id="a label for a property",
        ),
        pytest.param(
            "{hubspot: job_title, salesforce: title}",
            'Salesforce shows no field "title" of Lead or Contact. Did you mean "Title"?',
            id="a field in other letters",
        ),
        pytest.param(
            "{hubspot: job_title, salesforce: {Lead: Title, Contact: Titel}}",
            'Salesforce shows no field "Titel" of Contact. Did you mean "Title"?',
            id="a mistyped field of one object",
        ),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known(mapping: str, says: str) -> None:
    said = about(mapping, hubspot=field("job_title"), lead=field("Title"), contact=field("Title"))
    assert said == [f"acme.yaml:8: {says}"]


def test_a_field_that_resembles_none_may_be_hidden() -> None:
    many = tuple(field(f"Custom_{letter}__c") for letter in "abcdefghijklmno")
    read = configuration(mappings=("{hubspot: lastname2, salesforce: {Lead: Zzz}}",))
    said = unfit(read, schemas(hubspot=(field("lastname2"),), lead=many))
    assert said == [
        (
            'acme.yaml:8: Salesforce shows no field "Zzz" of Lead. Check the API name, and that the '
            "integration's user may see the field."
        )
    ]


@pytest.mark.rule(70)
def test_one_object_with_the_field_is_enough() -> None:
    said = about("{hubspot: web, salesforce: Website}", hubspot=field("web"), lead=field("Website"))
    assert said == []


@pytest.mark.rule(72)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (FieldKind.PICKLIST, FieldKind.PICKLIST),
        (FieldKind.PICKLIST, FieldKind.REFERENCE),
        (FieldKind.MULTIPICKLIST, FieldKind.MULTIPICKLIST),
        (FieldKind.BOOLEAN, FieldKind.BOOLEAN),
        (FieldKind.NUMBER, FieldKind.NUMBER),
        (FieldKind.NUMBER, FieldKind.INTEGER),
        (FieldKind.TEXT, FieldKind.TEXT),
        (FieldKind.TEXT, FieldKind.MULTILINE),
        (FieldKind.TEXT, FieldKind.EMAIL),
        (FieldKind.TEXT, FieldKind.PHONE),
        (FieldKind.TEXT, FieldKind.URL),
        (FieldKind.TEXT, FieldKind.PICKLIST),
        (FieldKind.MULTILINE, FieldKind.MULTILINE),
        (FieldKind.DATE, FieldKind.DATE),
        (FieldKind.DATETIME, FieldKind.DATETIME),
        (FieldKind.REFERENCE, FieldKind.REFERENCE),
    ],
)
def test_these_types_go_together(ours: FieldKind, theirs: FieldKind) -> None:
    said = about("{hubspot: a, salesforce: B}", hubspot=field("a", ours), lead=field("B", theirs))
    assert said == []


@pytest.mark.rule(72)
@pytest.mark.parametrize(
    ("ours", "theirs", "remedy"),
    [
        pytest.param(
            FieldKind.NUMBER,
            FieldKind.PICKLIST,
            "The property needs a field of type number or integer, "
            "the field a property of type text or picklist.",
            id="a number for a choice",
        ),
        pytest.param(
            FieldKind.MULTILINE,
            FieldKind.TEXT,
            "The property needs a field of type multiline, "
            "the field a property of type text, email, phone or url.",
            id="long text for short",
        ),
        pytest.param(
            FieldKind.TEXT,
            FieldKind.OTHER,
            "A compound field cannot be mapped: map its parts, such as Street and City.",
            id="a compound field",
        ),
        pytest.param(
            FieldKind.TEXT,
            FieldKind.TIME,
            "The property needs a field of type text, multiline, email, phone, url or picklist.",
            id="a field that goes with nothing",
        ),
        pytest.param(
            FieldKind.OTHER,
            FieldKind.BOOLEAN,
            "The field needs a property of type boolean.",
            id="a property that goes with nothing",
        ),
        pytest.param(
            FieldKind.REFERENCE,
            FieldKind.PHONE,
            "The property needs a field of type reference, the field a property of type text or phone.",
            marks=pytest.mark.rule(73),
            id="a HubSpot user for anything but a lookup",
        ),
        pytest.param(FieldKind.ID, FieldKind.TIME, "Delete the mapping.", id="two of that sort"),
    ],
)
def test_other_types_are_refused(ours: FieldKind, theirs: FieldKind, remedy: str) -> None:
    said = about("{hubspot: a, salesforce: {Lead: B}}", hubspot=field("a", ours), lead=field("B", theirs))
    assert said == [
        f"acme.yaml:8: HubSpot's a ({ours}) and Salesforce's Lead.B ({theirs}) do not go together. {remedy}"
    ]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [("always_use_salesforce", True), ("always_use_hubspot", False), ("two_way", False)],
)
def test_an_id_may_be_shown_as_text_but_not_written(rule: str, *, fits: bool) -> None:
    mapping = f"{{hubspot: account, salesforce: {{Contact: AccountId}}, sync_rule: {rule}}}"
    said = about(mapping, hubspot=field("account"), contact=field("AccountId", FieldKind.REFERENCE))
    assert (said == []) is fits


@pytest.mark.rule(85)
@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "says"),
    [
        pytest.param(
            "two_way",
            field("a"),
            field("B", calculated=True),
            "Salesforce's Lead.B is read-only: it is calculated. Use always_use_salesforce.",
            id="a formula",
        ),
        pytest.param(
            "prefer_salesforce_unless_blank",
            field("a"),
            field("B", writable=False),
            "Salesforce's Lead.B is read-only. Use always_use_salesforce, "
            "or give the integration user edit access to the field.",
            id="a field without edit access",
        ),
        pytest.param(
            "always_use_salesforce",
            field("a", writable=False),
            field("B"),
            "HubSpot's a is read-only. Use always_use_hubspot.",
            id="a read-only property",
        ),
        pytest.param(
            "always_use_salesforce",
            field("a", writable=False),
            field("B", calculated=True),
            "HubSpot's a is read-only. So is the other side: use dont_sync, or delete the mapping.",
            id="both read-only",
        ),
    ],
)
def test_a_rule_that_writes_to_a_read_only_side_is_refused(
    rule: str, ours: FieldSchema, theirs: FieldSchema, says: str
) -> None:
    mapping = f"{{hubspot: a, salesforce: B, sync_rule: {rule}}}"
    assert about(mapping, hubspot=ours, lead=theirs) == [f"acme.yaml:8: {says}"]


@pytest.mark.parametrize("rule", ["always_use_salesforce", "dont_sync"])
def test_a_formula_may_be_read(rule: str) -> None:
    mapping = f"{{hubspot: a, salesforce: B, sync_rule: {rule}}}"
    assert about(mapping, hubspot=field("a"), lead=field("B", calculated=True)) == []


@pytest.mark.rule(74)
def test_options_that_one_side_lacks_are_a_warning() -> None:
    ours = field("stage", PICKLIST, options=("new", "open", "won", "lost", "idle"))
    theirs = field("Stage__c", PICKLIST, options=("open",))
    assert about("{hubspot: stage, salesforce: Stage__c}", hubspot=ours, lead=theirs) == [
        (
            'acme.yaml:8: warning: Lead.Stage__c lacks "new", "won", "lost" and 1 more of stage. '
            "Give both sides the same options or map the values; else such values are held back."
        )
    ]


def test_free_text_for_a_restricted_picklist_is_a_warning() -> None:
    theirs = field("Rating", PICKLIST, options=("Hot", "Cold"))
    assert about("{hubspot: heat, salesforce: Rating}", hubspot=field("heat"), lead=theirs) == [
        (
            "acme.yaml:8: warning: Lead.Rating lacks options for the free text of heat. "
            "Give both sides the same options or map the values; else such values are held back."
        )
    ]


def test_a_date_and_a_moment_need_a_time_zone() -> None:
    mapping = "{hubspot: born, salesforce: Birth__c}"
    known = schemas(hubspot=(field("born", FieldKind.DATE),), lead=(field("Birth__c", FieldKind.DATETIME),))
    assert unfit(configuration(mappings=(mapping,)), known) == [
        (
            "acme.yaml:8: warning: born and Birth__c pair a date with a date and time. "
            "Set time_zone, which says what day a moment belongs to; UTC counts until then."
        )
    ]
    assert unfit(configuration(mappings=(mapping,), head="time_zone: UTC\n"), known) == []


@pytest.mark.rule(44)
def test_a_required_field_must_be_filled_in_new_records() -> None:
    known = schemas(lead=(field("Region__c", required=True),), hubspot=(field("region"),))
    region = "{{hubspot: region, salesforce: {{Lead: Region__c}}, sync_rule: {}}}"
    says = [
        (
            "acme.yaml:5: Lead.Region__c is required, and nothing fills it in new records. "
            "Map a property to it, or give it a default: defaults: {Lead: {Region__c: ...}}."
        )
    ]
    assert unfit(configuration(), known) == says
    assert unfit(configuration(mappings=(region.format("always_use_salesforce"),)), known) == says
    assert unfit(configuration(mappings=(region.format("always_use_hubspot"),)), known) == []
    assert unfit(configuration(section="  create_as: contact\n"), known) == []


@pytest.mark.parametrize(
    ("default", "says"),
    [
        pytest.param(
            "{Compny: Acme, Company: Acme}",
            '4: Salesforce shows no field "Compny" of Lead. Did you mean "Company"?',
            id="an unknown field",
        ),
        pytest.param(
            "{Company: Acme, Rating: Warm}",
            '4: Lead.Rating cannot start as "Warm": the value is not one of the field\'s options. '
            "Correct the default.",
            id="a value that is refused",
        ),
    ],
)
def test_a_default_must_fit_its_field(default: str, says: str) -> None:
    read = loads(FILE.replace("{Company: Unknown}", default), file="acme.yaml")
    assert unfit(read, schemas(lead=(field("Rating", PICKLIST, options=("Hot",)),))) == [f"acme.yaml:{says}"]


@pytest.mark.rule(98)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("Partner", []),
        ("partner", []),
        ("0121", []),
        ("Partners", ['Lead.RecordTypeId cannot start as "Partners": our user has no such record type.']),
        ("Old", ['Lead.RecordTypeId cannot start as "Old": our user has no such record type.']),
    ],
)
def test_a_record_type_is_called_by_its_name_or_id(given: str, says: list[str]) -> None:
    options = (Option("0121", "Partner"), Option("0122", "Old", active=False))
    types = msgspec.structs.replace(field("RecordTypeId", FieldKind.REFERENCE), options=options)
    text = FILE.replace("Company: Unknown", f'Company: Unknown, RecordTypeId: "{given}"')
    known, read = schemas(lead=(types,)), loads(text, file="acme.yaml")

    said = [each.removeprefix("acme.yaml:4: ").partition(" Did")[0] for each in unfit(read, known)]

    assert [each.partition(" Choose")[0] for each in said] == says
    if not says:
        assert to_document(read, known).sections[0].defaults["Lead"]["RecordTypeId"] == "0121"


def test_a_new_hubspot_record_may_have_defaults_too() -> None:
    text = FILE.replace(
        "Lead: {Company: Unknown}", "Lead: {Company: Unknown}, contacts: {lastname: x, lost: y}"
    )
    assert unfit(loads(text, file="acme.yaml"), schemas()) == [
        (
            'acme.yaml:4: HubSpot shows no field "lost" of contacts. '
            "Choose from: email, lastname, salesforce_record_id."
        )
    ]


def test_the_key_fields_must_exist_and_be_unique() -> None:
    read = configuration(section="  hubspot_key: sf_id\n  salesforce_key: Hs__c\n")
    known = schemas(hubspot=(field("sf_id"),), lead=(field("Hs__c", unique=True),))
    assert unfit(read, known) == [
        (
            "acme.yaml:4: HubSpot's contacts.sf_id is not unique and cannot hold the other side's id. "
            "Name another field as hubspot_key, or make it unique (Salesforce: External ID)."
        ),
        (
            "acme.yaml:5: Salesforce shows no field Hs__c of Contact to hold the other side's id. "
            "Run crmsync setup."
        ),
    ]


def test_an_account_that_shows_nothing_is_one_warning_an_object() -> None:
    assert unfit(configuration(), {}) == [
        f"acme.yaml:3: warning: The fields of {name} are not known and go unchecked. "
        "Check that the account can be reached and shows the object."
        for name in ("HubSpot's contacts", "Salesforce's Lead", "Salesforce's Contact")
    ]


# -- formulas


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        pytest.param(
            "AND(lastname = 'X', lastnam = 'Y')",
            'HubSpot\'s contacts has no field "lastnam" at character 21, "lastnam = \'Y\')". '
            'Did you mean "lastname"?',
            id="a mistyped property",
        ),
        pytest.param(
            "LEN(lastname)",
            "The formula yields no true or false. Compare what it yields with something.",
            id="a number for a condition",
        ),
        pytest.param(
            "lastname = 1",
            'The formula cannot be evaluated at character 10, "= 1": = cannot compare text with number. '
            "See docs/formula.md.",
            id="types that do not go together",
        ),
        pytest.param(
            "$User.Id = lastname",
            "$User.Id cannot be read here: only the record is known. Leave it out.",
            id="the user",
        ),
    ],
)
def test_a_condition_must_fit_the_record_that_it_reads(condition: str, says: str) -> None:
    section = f'  create_as:\n    - {{when: "{condition}", create: contact}}\n    - lead\n'
    assert unfit(configuration(section=section), schemas()) == [f"acme.yaml:5: {says}"]


def test_a_filter_must_fit_each_object_that_it_is_for() -> None:
    section = "  limit_sync: {salesforce_filter: 'Company <> \"x\"'}\n"
    assert unfit(configuration(section=section), schemas()) == [
        (
            'acme.yaml:4: Contact has no field "Company" at character 1, "Company <> "x"". '
            "Choose from: Email, LastName, HubSpot_Contact_Id__c."
        )
    ]


def test_each_object_that_a_rule_may_create_must_be_filled() -> None:
    section = "  create_as:\n    - {when: 'lastname = \"x\"', create: contact}\n    - lead\n"
    lacking = schemas(contact=(field("Level__c", required=True),))
    assert [said.partition(" and ")[0] for said in unfit(configuration(section=section), lacking)] == [
        "acme.yaml:8: Contact.Level__c is required,"
    ]


# -- what mappings do with values


RATING = field("Rating", PICKLIST, options=("hot", "cold"))
HEAT = field("heat", PICKLIST, options=("h", "c"))
BOX = FieldKind.BOOLEAN


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param("values: {h: hot, c: cold}", [], id="a whole map"),
        pytest.param(
            "values: {x: hot}",
            [
                'HubSpot\'s heat has no option "x". Choose from: h, c.',
                'warning: heat lacks "hot", "cold" of Lead.Rating. ' + SAME_OPTIONS,
                'warning: Lead.Rating lacks "h", "c" of heat. ' + SAME_OPTIONS,
            ],
            id="an unknown value in HubSpot",
        ),
        pytest.param(
            "values: {h: hott, c: cold}",
            [
                'Salesforce\'s Lead.Rating has no option "hott". Did you mean "hot"?',
                'warning: heat lacks "hot" of Lead.Rating. ' + SAME_OPTIONS,
                'warning: Lead.Rating lacks "h" of heat. ' + SAME_OPTIONS,
            ],
            id="a mistyped value in Salesforce",
        ),
        pytest.param(
            "values: {h: Hot, c: cold}",
            [
                'Salesforce\'s Lead.Rating has no option "Hot". Write its value, not its label: "hot".',
                'warning: heat lacks "hot" of Lead.Rating. ' + SAME_OPTIONS,
                'warning: Lead.Rating lacks "h" of heat. ' + SAME_OPTIONS,
            ],
            id="a label for a value",
            marks=pytest.mark.rule(79),
        ),
        pytest.param(
            "values: {h: hot, c: cold}, default: {salesforce: warm}",
            [
                (
                    'Salesforce\'s Lead.Rating cannot be "warm": '
                    "the value is not one of the field's options. Correct the default."
                )
            ],
            id="a default that is no option",
        ),
        pytest.param(
            "values: {h: hot, c: cold}, default: {hubspot: h}, sync_rule: always_use_hubspot",
            [
                (
                    "HubSpot's heat gets no values by always_use_hubspot, so no default either. "
                    "Delete the default, or use another rule."
                )
            ],
            id="a default where nothing travels",
        ),
        pytest.param(
            "values: {h: hot, c: cold}, too_long: cut",
            ["Neither side is a text that could be cut. Delete the key."],
            id="nothing to cut",
        ),
        pytest.param(
            "values: {h: hot, c: cold}, forward_only: both, order: [c, x]",
            ['HubSpot\'s heat has no option "x". Choose from: h, c.'],
            id="an unknown stage",
        ),
        pytest.param(
            "values: {h: hot, c: cold}, sync_rule: opt_out",
            ["opt_out is for a checkbox on both sides. Use another rule, or map a checkbox to a checkbox."],
            id="an opt-out that is no checkbox",
        ),
    ],
)
def test_what_a_mapping_does_must_fit_its_fields(options: str, says: list[str]) -> None:
    mapping = f"{{hubspot: heat, salesforce: Rating, {options}}}"
    assert about(mapping, hubspot=HEAT, lead=RATING) == [f"acme.yaml:8: {each}" for each in says]


def test_stages_without_order_are_refused() -> None:
    said = about(
        "{hubspot: web, salesforce: Web, forward_only: both}", hubspot=field("web"), lead=field("Web")
    )
    assert said == [
        (
            "acme.yaml:8: HubSpot's web has no options, so nothing says which way is forward. "
            "List HubSpot's values, the first stage first: order: [...]."
        )
    ]


def test_a_number_is_no_text_to_transform() -> None:
    said = about(
        "{hubspot: n, salesforce: N, transform: trim}", hubspot=field("n", NUMBER), lead=field("N", NUMBER)
    )
    assert [each.partition(" Delete")[0] for each in said] == [
        "acme.yaml:8: Salesforce's Lead.N (number) is no text for trim.",
        "acme.yaml:8: HubSpot's n (number) is no text for trim.",
    ]


def test_a_value_map_lets_other_types_go_together() -> None:
    mapping = "{hubspot: vip, salesforce: Rating, values: {'true': hot, 'false': cold}}"
    assert about(mapping, hubspot=field("vip", BOX), lead=RATING) == []


@pytest.mark.rule(68)
def test_hubspot_takes_no_opt_out_of_one_kind_of_e_mail_from_outside() -> None:
    mapping = "{hubspot: hs_email_optout_7, salesforce: HasOptedOutOfEmail, sync_rule: opt_out}"
    ours = field("hs_email_optout_7", BOX, writable=False)
    assert about(mapping, hubspot=ours, lead=field("HasOptedOutOfEmail", BOX)) == [
        (
            "acme.yaml:8: warning: HubSpot takes no opt-outs through hs_email_optout_7. "
            "An opt-out in HubSpot reaches Salesforce; one in Salesforce stays there."
        )
    ]


@pytest.mark.rule(73)
@pytest.mark.parametrize(
    ("objects", "says"),
    [
        (("User",), []),
        (("Group", "User"), []),
        (
            ("Campaign",),
            [
                (
                    "acme.yaml:8: HubSpot's manager (reference) names a user, Lead.Manager__c none. "
                    "Map it to a lookup to users, or delete the mapping."
                )
            ],
        ),
    ],
    ids=str,
)
def test_a_property_of_users_goes_with_a_lookup_to_users(objects: tuple[str, ...], says: list[str]) -> None:
    ours = msgspec.structs.replace(field("manager", FieldKind.REFERENCE), references=("owners",))
    theirs = msgspec.structs.replace(field("Manager__c", FieldKind.REFERENCE), references=objects)
    assert about("{hubspot: manager, salesforce: Manager__c}", hubspot=ours, lead=theirs) == says


# -- addresses


def address(*rules: str) -> list[str]:
    """What is said of state and country of a lead under these rules."""
    mappings = [
        f"{{hubspot: {name}, salesforce: {name.capitalize()}, sync_rule: {rule}}}"
        for name, rule in zip(("state", "country"), rules, strict=True)
    ]
    known = schemas(hubspot=(field("state"), field("country")), lead=(field("State"), field("Country")))
    return unfit(configuration(mappings=tuple(mappings)), known)


@pytest.mark.rule(87, 88)
def test_parts_of_one_address_under_several_rules_are_a_warning() -> None:
    assert address("two_way", "always_use_hubspot") == [
        (
            "acme.yaml:8: warning: Lead's address is in parts of several rules: State two_way, "
            "Country always_use_hubspot. Give them one rule; else a state may meet another side's country, "
            "and Salesforce refuses it."
        )
    ]


@pytest.mark.rule(87)
@pytest.mark.parametrize("rules", [("two_way", "two_way"), ("two_way", "dont_sync")], ids=str)
def test_one_rule_for_an_address_is_right(rules: tuple[str, str]) -> None:
    assert address(*rules) == []


# -- computed fields


@pytest.mark.parametrize(
    ("computed", "says"),
    [
        pytest.param("{salesforce: Web, formula: 'lastname'}", [], id="right"),
        pytest.param(
            "{salesforce: Wob, formula: 'lastname'}",
            ['Salesforce shows no field "Wob" of Lead or Contact. Did you mean "Web"?'],
            id="an unknown field",
        ),
        pytest.param(
            "{hubspot: webb, formula: {Lead: 'LastName'}}",
            ['HubSpot has no property "webb" of contacts. Did you mean "web"?'],
            id="an unknown property",
        ),
        pytest.param(
            "{hubspot: web, formula: {Lead: 'lastnam'}}",
            ['Lead has no field "lastnam" at character 1, "lastnam". Did you mean "LastName"?'],
            id="a field that its object lacks",
        ),
        pytest.param(
            "{salesforce: Size, formula: 'lastname'}",
            [
                (
                    "Size (number) cannot hold what the formula yields. "
                    "Convert it, with VALUE() for a number or a comparison for a checkbox."
                )
            ],
            id="a text for a number",
        ),
        pytest.param(
            "{salesforce: Score, formula: '1'}",
            ["Score is read-only, so nothing can be computed into it. Name another field."],
            id="a read-only field",
        ),
    ],
)
def test_a_computed_field_must_take_what_its_formula_yields(computed: str, says: list[str]) -> None:
    lead = (field("Web"), field("Size", NUMBER), field("Score", NUMBER, writable=False))
    read = loads(f"{FILE}  computed_fields:\n    - {computed}\n", file="acme.yaml")
    assert unfit(read, schemas(hubspot=(field("web"),), lead=lead)) == [
        f"acme.yaml:9: {each}" for each in says
    ]


@pytest.mark.rule(89)
def test_amounts_of_several_currencies_need_one_that_is_declared() -> None:
    amount = msgspec.structs.replace(field("Size", NUMBER), native="currency")
    known = schemas(hubspot=(field("size", NUMBER),), lead=(amount, field("CurrencyIsoCode")))
    mapping = "{hubspot: size, salesforce: Size}"
    assert unfit(configuration(mappings=(mapping,)), known) == [
        (
            'acme.yaml:5: warning: Salesforce has several currencies, and amounts are mapped: "Lead.Size". '
            "Say which one HubSpot's amounts are in: currency: EUR."
        )
    ]
    read = configuration(mappings=(mapping,), section="  currency: EUR\n")
    assert unfit(read, known) == []
    assert to_document(read, known).sections[0].defaults["Lead"]["CurrencyIsoCode"] == "EUR"


# -- owners


PEOPLE = {
    Crm.HUBSPOT: [Owner("1", "Ann Lee", "ann@acme.com"), Owner("2", "Bob Ray", "bob@acme.com")],
    Crm.SALESFORCE: [Owner("005A", "Ann Lee", "ann@acme.com"), Owner("00GA", "Inbound", queue=True)],
}


def owners_of(table: str) -> list[str]:
    read = configuration(
        section=f"  owners: {{table: {table}}}\n",
        mappings=("{hubspot: hubspot_owner_id, salesforce: OwnerId, sync_rule: two_way}",),
    )
    return [without_column(str(problem)) for problem in check_owners(read, PEOPLE)]


def test_hubspots_owners_without_a_user_are_a_warning() -> None:
    assert owners_of("{}") == [
        (
            "acme.yaml:4: warning: 1 of 2 HubSpot owners have no active Salesforce user: bob@acme.com. "
            "Give them the same e-mail address there, or name them under owners.table."
        )
    ]
    assert owners_of("{bob@acme.com: Inbound}") == []


def test_an_owner_whom_the_table_names_must_exist() -> None:
    assert owners_of("{bobb@acme.com: Inbund}")[:2] == [
        'acme.yaml:4: HubSpot has no owner "bobb@acme.com". Did you mean "bob@acme.com"?',
        'acme.yaml:4: Salesforce has no owner "Inbund". Did you mean "Inbound"?',
    ]
