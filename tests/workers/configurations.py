"""Configuration files and account schemas to vary in tests."""

import re

from domain.identity import Crm
from domain.kinds import KINDS, ObjectKind
from domain.schema import FieldKind, FieldSchema, ObjectSchema, Option
from workers.configuration import Configuration, ConfigurationError, Schemas, check_against, loads

FILE = """\
connection: acme
salesforce: {domain: acme.my}
contacts:
  defaults: {Lead: {Company: Unknown}}
  field_mappings:
    - {hubspot: email, salesforce: Email}
    - {hubspot: lastname, salesforce: LastName}
"""

BADGES = ObjectKind(
    name="badges",
    hubspot="badges",
    salesforce=("Badge__c",),
    match={"badges": ("code",), "Badge__c": ("Code__c",)},
    hubspot_key="sf_badge",
    salesforce_key="HubSpot_Badge__c",
)
"""A kind that the product knows nothing of."""


def file(*, mappings: tuple[str, ...] = (), section: str = "", head: str = "") -> str:
    """The file with more mappings from line 8 on, more keys of the section, or more at its top."""
    more = "".join(f"    - {mapping}\n" for mapping in mappings)
    return head + FILE.replace("contacts:\n", "contacts:\n" + section) + more


def configuration(*, mappings: tuple[str, ...] = (), section: str = "", head: str = "") -> Configuration:
    return loads(file(mappings=mappings, section=section, head=head), file="acme.yaml")


def problems(text: str, **kinds: ObjectKind) -> list[str]:
    """What a file is refused with; nothing if it is accepted."""
    try:
        loads(text, file="acme.yaml", kinds=kinds or KINDS)
    except ConfigurationError as error:
        return [without_column(line) for line in str(error).splitlines()]
    return []


def without_column(message: str) -> str:
    """``acme.yaml:8:7: …`` as ``acme.yaml:8: …``: most tests care for the line alone."""
    return re.sub(r"(\.yaml:\d+):\d+: ", r"\1: ", message)


def field(
    name: str,
    kind: FieldKind = FieldKind.TEXT,
    *,
    options: tuple[str, ...] = (),
    writable: bool = True,
    required: bool = False,
    unique: bool = False,
    calculated: bool = False,
) -> FieldSchema:
    return FieldSchema(
        name=name,
        label=name.replace("_", " ").title(),
        kind=kind,
        native=kind.value,
        options=tuple(Option(value, value.title()) for value in options),
        restricted=bool(options),
        createable=writable,
        updateable=writable,
        required=required,
        unique=unique,
        calculated=calculated,
    )


def schemas(
    hubspot: tuple[FieldSchema, ...] = (),
    lead: tuple[FieldSchema, ...] = (),
    contact: tuple[FieldSchema, ...] = (),
) -> Schemas:
    """What both accounts have for ``FILE``, and more."""
    email, last = field("Email", FieldKind.EMAIL), field("LastName", required=True)
    key = field("HubSpot_Contact_Id__c", unique=True)
    ours = (field("email", FieldKind.EMAIL), field("lastname"), field("salesforce_record_id", unique=True))
    rows = (
        (Crm.HUBSPOT, "contacts", (*ours, *hubspot)),
        (Crm.SALESFORCE, "Lead", (email, last, key, field("Company", required=True), *lead)),
        (Crm.SALESFORCE, "Contact", (email, last, key, *contact)),
    )
    return {
        (crm, name): ObjectSchema(crm, name, {one.name: one for one in fields}) for crm, name, fields in rows
    }


def unfit(configuration: Configuration, schemas: Schemas) -> list[str]:
    """What the accounts are found to lack."""
    return [without_column(str(problem)) for problem in check_against(configuration, schemas)]
