r"""Validation rules after the examples that Salesforce publishes for accounts, contacts and leads.

Source: Salesforce Help, "Examples of Validation Rules" and the pages it lists; those on leads follow the
examples for other objects. Each rule comes with values that violate it and values that pass; what is not
named keeps the blank record's value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from domain.formula import Context, Value

SCHEMA = {
    "Id": "id",
    "OwnerId": "reference",
    "AccountNumber": "string",
    "AccountId": "reference",
    "AnnualRevenue": "currency",
    "BillingCity": "string",
    "BillingCountry": "string",
    "BillingPostalCode": "string",
    "BillingState": "string",
    "Company": "string",
    "Email": "email",
    "Fax": "phone",
    "Industry": "picklist",
    "LeadSource": "picklist",
    "MailingCity": "string",
    "MailingCountry": "string",
    "MailingPostalCode": "string",
    "MailingState": "string",
    "MailingStreet": "textarea",
    "NumberOfEmployees": "int",
    "Phone": "phone",
    "Rating": "picklist",
    "ShippingCountry": "string",
    "ShippingPostalCode": "string",
    "ShippingState": "string",
    "Site": "string",
    "Status": "picklist",
    "Type": "picklist",
    "Account.ShippingPostalCode": "string",
    "Account.Type": "picklist",
    "Commit_Amount__c": "currency",
    "Commission__c": "percent",
    "Credit_Card_Number__c": "string",
    "Discount_Rate__c": "percent",
    "Drivers_License__c": "string",
    "End_Date__c": "date",
    "Even__c": "double",
    "Expense__c": "currency",
    "Guaranteed_Rate__c": "percent",
    "Hours_Worked__c": "double",
    "I_accept_terms__c": "boolean",
    "IP_Address__c": "string",
    "Interests__c": "multipicklist",
    "My_Date__c": "date",
    "Number_of_Days__c": "double",
    "Personal_Goal__c": "string",
    "SSN__c": "string",
    "Start_Date__c": "date",
    "$User.PTO_Balance__c": "double",
    "$User.Spending_Limit__c": "currency",
}

BLANK: dict[str, Value] = dict.fromkeys(name for name in SCHEMA if not name.startswith("$"))

CONTEXT = Context(
    now=datetime(2026, 3, 15, 12, tzinfo=UTC),
    user={
        "Id": "0055g00000BcDeFAAV",
        "PTO_Balance__c": Decimal(5),
        "Spending_Limit__c": Decimal(100),
    },
    profile={"Name": "API Only"},
    role={"Name": "Integration"},
    permissions=frozenset(),
    prior_values={
        **BLANK,
        "Commit_Amount__c": Decimal(100),
        "Guaranteed_Rate__c": Decimal(5),
        "Personal_Goal__c": "Run",
        "Status": "Closed",
    },
)


@dataclass(frozen=True)
class Rule:
    """A published rule; ``violates`` None marks one that only Salesforce can judge."""

    page: str
    name: str
    formula: str
    violates: Mapping[str, Value] | None
    passes: Mapping[str, Value]


_ADDRESS = "Sample Account Address Validation Rules"
_ACCOUNT = "Sample Account Validation Rules"
_CONTACT = "Sample Contact Validation Rules"
_LEAD = "Examples of Validation Rules"
_DATE = "Sample Date Validation Rules"
_NUMBER = "Sample Number Validation Rules"
_USER = "Sample User, Role, and Profile Validation Rules"
_MORE = "Miscellaneous Sample Validation Rules"
_CROSS = "Sample Cross Object Validation Rules"

_STATES = (
    "AL:AK:AZ:AR:CA:CO:CT:DE:DC:FL:GA:HI:ID:IL:IN:IA:KS:KY:LA:ME:MD:MA:MI:MN:MS:MO:MT:NE:NV:NH:NJ:NM:NY:NC:ND:"
    "OH:OK:OR:PA:RI:SC:SD:TN:TX:UT:VT:VA:WA:WV:WI:WY"
)
_COUNTRIES = (
    "AF:AX:AL:DZ:AS:AD:AO:AI:AQ:AG:AR:AM:AW:AU:AZ:BS:BH:BD:BB:BY:BE:BZ:BJ:BM:BT:BO:BA:BW:BV:BR:IO:BN:BG:BF:BI:"
    "CA:CH:DE:FR:GB:IT:US"
)


def _state_rule(kind: str) -> str:
    country, state = f"{kind}Country", f"{kind}State"
    return f"""AND(
        OR({country} = "US", {country} = "USA", ISBLANK({country})),
        OR(LEN({state}) < 2, NOT(CONTAINS("{_STATES}", {state}))))"""


def _country_rule(kind: str) -> str:
    country = f"{kind}Country"
    return f"""OR(LEN({country}) = 1, NOT(CONTAINS("{_COUNTRIES}", {country})))"""


def _zip_by_hand(country: str, postal_code: str) -> str:
    return f"""AND(
        OR({country} = "USA", ISBLANK({country})),
        OR(
            AND(LEN({postal_code}) <> 5, LEN({postal_code}) <> 10),
            NOT(CONTAINS("0123456789", LEFT({postal_code}, 1))),
            NOT(CONTAINS("0123456789", MID({postal_code}, 2, 1))),
            NOT(CONTAINS("0123456789", MID({postal_code}, 3, 1))),
            NOT(CONTAINS("0123456789", MID({postal_code}, 4, 1))),
            NOT(CONTAINS("0123456789", MID({postal_code}, 5, 1))),
            AND(
                LEN({postal_code}) = 10,
                OR(MID({postal_code}, 6, 1) <> "-", NOT(ISNUMBER(RIGHT({postal_code}, 4)))))))"""


RULES = (
    Rule(
        _ADDRESS,
        "Canadian billing postal code",
        r"""AND(
            OR(BillingCountry = "CAN", BillingCountry = "CA", BillingCountry = "Canada"),
            NOT(REGEX(BillingPostalCode, "((?i)[ABCEGHJKLMNPRSTVXY]\\d[A-Z]?\\s?\\d[A-Z]\\d)?")))""",
        {"BillingCountry": "CA", "BillingPostalCode": "94105"},
        {"BillingCountry": "CA", "BillingPostalCode": "K1A 0B1"},
    ),
    Rule(
        _ADDRESS,
        "Billing ZIP code is in billing state",
        """VLOOKUP(
            $ObjectType.Zip_Code__c.Fields.City__c,
            $ObjectType.Zip_Code__c.Fields.Name,
            LEFT(BillingPostalCode, 5)) <> BillingCity""",
        None,
        {"BillingPostalCode": "94105", "BillingCity": "San Francisco"},
    ),
    Rule(
        _ADDRESS,
        "US billing ZIP code",
        r"""AND(
            OR(BillingCountry = "USA", BillingCountry = "US"),
            NOT(REGEX(BillingPostalCode, "\\d{5}(-\\d{4})?")))""",
        {"BillingCountry": "US", "BillingPostalCode": "9410"},
        {"BillingCountry": "US", "BillingPostalCode": "94105-1234"},
    ),
    Rule(
        _ADDRESS,
        "Shipping ZIP code",
        _zip_by_hand("ShippingCountry", "ShippingPostalCode"),
        {"ShippingPostalCode": "94105-12a4"},
        {"ShippingPostalCode": "94105-1234"},
    ),
    Rule(
        _ADDRESS,
        "Valid billing state",
        _state_rule("Billing"),
        {"BillingCountry": "US", "BillingState": "XX"},
        {"BillingCountry": "US", "BillingState": "CA"},
    ),
    Rule(
        _ADDRESS,
        "Valid shipping state",
        _state_rule("Shipping"),
        {"ShippingCountry": "USA", "ShippingState": "C"},
        {"ShippingCountry": "France", "ShippingState": "C"},
    ),
    Rule(
        _ADDRESS,
        "Valid billing country",
        _country_rule("Billing"),
        {"BillingCountry": "Utopia"},
        {"BillingCountry": "FR"},
    ),
    Rule(
        _ADDRESS,
        "Valid shipping country",
        _country_rule("Shipping"),
        {"ShippingCountry": "F"},
        {"ShippingCountry": "DE"},
    ),
    Rule(
        _ACCOUNT,
        "Account number is numeric",
        "AND(NOT(ISBLANK(AccountNumber)), NOT(ISNUMBER(AccountNumber)))",
        {"AccountNumber": "A-1"},
        {"AccountNumber": "1234567"},
    ),
    Rule(
        _ACCOUNT,
        "Account number length",
        "AND(NOT(ISBLANK(AccountNumber)), LEN(AccountNumber) <> 7)",
        {"AccountNumber": "123456"},
        {"AccountNumber": "1234567"},
    ),
    Rule(
        _ACCOUNT,
        "Annual revenue range",
        "OR(AnnualRevenue < 0, AnnualRevenue > 100000000000)",
        {"AnnualRevenue": Decimal(-1)},
        {"AnnualRevenue": Decimal(5)},
    ),
    Rule(
        _ACCOUNT,
        "Industry is required for customers",
        'AND(ISPICKVAL(Type, "Customer"), ISPICKVAL(Industry, ""))',
        {"Type": "Customer"},
        {"Type": "Customer", "Industry": "Energy"},
    ),
    Rule(
        _ACCOUNT,
        "Employees are required for large revenue",
        "AND(AnnualRevenue > 1000000, ISBLANK(NumberOfEmployees))",
        {"AnnualRevenue": Decimal(2_000_000)},
        {"AnnualRevenue": Decimal(2_000_000), "NumberOfEmployees": Decimal(5)},
    ),
    Rule(
        _CONTACT,
        "Mailing address fields are required",
        "OR(ISBLANK( MailingStreet ), ISBLANK( MailingCity ), ISBLANK( MailingCountry ))",
        {"MailingStreet": "1 Market St", "MailingCity": "San Francisco"},
        {"MailingStreet": "1 Market St", "MailingCity": "San Francisco", "MailingCountry": "USA"},
    ),
    Rule(
        _CONTACT,
        "Mailing street is required",
        "ISBLANK( MailingStreet )",
        {"MailingStreet": ""},
        {"MailingStreet": "1 Market St"},
    ),
    Rule(
        _CONTACT,
        "Mailing ZIP code",
        r"""AND(
            OR(ISBLANK(MailingCountry), MailingCountry = "USA", MailingCountry = "US"),
            NOT(REGEX(MailingPostalCode, "((\\d{5}(-\\d{4})?))?")))""",
        {"MailingPostalCode": "ABCDE"},
        {"MailingPostalCode": None},
    ),
    Rule(
        _CONTACT,
        "Phone number has international format",
        'LEFT(Phone, 1) <> "+"',
        {"Phone": "415 555 0100"},
        {"Phone": "+1 415 555 0100"},
    ),
    Rule(
        _CONTACT,
        "US phone number has ten digits",
        r'NOT(REGEX(Phone, "\\D*?(\\d\\D*?){10}"))',
        {"Phone": "415 555 010"},
        {"Phone": "(415) 555-0100"},
    ),
    Rule(
        _CONTACT,
        "Fax number has ten digits if it is there",
        r'AND(NOT(ISBLANK(Fax)), NOT(REGEX(Fax, "\\D*?(\\d\\D*?){10}")))',
        {"Fax": "12"},
        {"Fax": None},
    ),
    Rule(
        _CROSS,
        "Contact must be in the account's ZIP code",
        "AND(NOT(ISBLANK(AccountId)), MailingPostalCode <> Account.ShippingPostalCode)",
        {"AccountId": "001", "MailingPostalCode": "1", "Account.ShippingPostalCode": "2"},
        {"AccountId": "001", "MailingPostalCode": "1", "Account.ShippingPostalCode": "1"},
    ),
    Rule(
        _CROSS,
        "Contacts of customers need an e-mail address",
        'AND(ISPICKVAL(Account.Type, "Customer"), ISBLANK(Email))',
        {"Account.Type": "Customer"},
        {"Account.Type": "Prospect"},
    ),
    Rule(
        _LEAD,
        "A qualified lead can be reached",
        'AND(ISPICKVAL(Status, "Qualified"), OR(ISBLANK(Phone), ISBLANK(Email), ISPICKVAL(Rating, "")))',
        {"Status": "Qualified", "Phone": "1", "Email": "a@example.com"},
        {"Status": "Qualified", "Phone": "1", "Email": "a@example.com", "Rating": "Hot"},
    ),
    Rule(
        _LEAD,
        "A web lead has an e-mail address",
        'AND(ISPICKVAL(LeadSource, "Web"), ISBLANK(Email))',
        {"LeadSource": "Web"},
        {"LeadSource": "Web", "Email": "a@example.com"},
    ),
    Rule(
        _LEAD,
        "A closed lead is not set back",
        """AND(
            ISCHANGED(Status),
            OR(ISPICKVAL(PRIORVALUE(Status), "Closed"), ISPICKVAL(PRIORVALUE(Status), "Lost")),
            NOT(ISPICKVAL(Status, "Re-opened")))""",
        {"Status": "New"},
        {"Status": "Re-opened"},
    ),
    Rule(
        _LEAD,
        "Company is no placeholder",
        'CONTAINS("unknown:n/a:none:-", LOWER(Company))',
        {"Company": "N/A"},
        {"Company": "Analytical Engines"},
    ),
    Rule(
        _DATE,
        "Date must be a weekday",
        """CASE(MOD(My_Date__c - DATE(1900, 1, 7), 7), 0, 0, 6, 0, 1) = 0""",
        {"My_Date__c": date(2026, 3, 14)},
        {"My_Date__c": date(2026, 3, 13)},
    ),
    Rule(
        _DATE,
        "Date must be in the current year",
        "YEAR( My_Date__c ) <> YEAR ( TODAY() )",
        {"My_Date__c": date(2025, 3, 14)},
        {"My_Date__c": date(2026, 12, 31)},
    ),
    Rule(
        _DATE,
        "Date must be the last day of the month",
        """DAY(My_Date__c) <> IF(
            MONTH(My_Date__c) = 12, 31,
            DAY(DATE(YEAR(My_Date__c), MONTH(My_Date__c) + 1, 1) - 1))""",
        {"My_Date__c": date(2026, 2, 27)},
        {"My_Date__c": date(2026, 2, 28)},
    ),
    Rule(
        _DATE,
        "End date comes after start date",
        "Start_Date__c > End_Date__c",
        {"Start_Date__c": date(2026, 3, 2), "End_Date__c": date(2026, 3, 1)},
        {"Start_Date__c": date(2026, 3, 1)},
    ),
    Rule(
        _DATE,
        "Date must be within one year of today",
        "OR(My_Date__c < TODAY(), My_Date__c > ADDMONTHS(TODAY(), 12))",
        {"My_Date__c": date(2027, 3, 16)},
        {"My_Date__c": date(2027, 3, 15)},
    ),
    Rule(
        _NUMBER,
        "Number cannot be negative",
        "Hours_Worked__c < 0",
        {"Hours_Worked__c": Decimal(-1)},
        {"Hours_Worked__c": None},
    ),
    Rule(
        _NUMBER,
        "Number must be even",
        "OR(Even__c < 0, MOD( Even__c, 2) <> 0)",
        {"Even__c": Decimal(3)},
        {"Even__c": Decimal(4)},
    ),
    Rule(
        _NUMBER,
        "Number must be an integer",
        "FLOOR( Even__c ) <> Even__c",
        {"Even__c": Decimal("1.5")},
        {"Even__c": Decimal("-2.0")},
    ),
    Rule(
        _NUMBER,
        "Percentage must be between 0 and 40",
        "OR(Discount_Rate__c < 0, Discount_Rate__c > 0.40)",
        {"Discount_Rate__c": Decimal(41)},
        {"Discount_Rate__c": Decimal(40)},
    ),
    Rule(
        _NUMBER,
        "Commission must be below a quarter",
        "Commission__c > 0.25",
        {"Commission__c": Decimal("25.5")},
        {"Commission__c": Decimal(25)},
    ),
    Rule(
        _USER,
        "Spending stays within the user's limit",
        "Expense__c > $User.Spending_Limit__c",
        {"Expense__c": Decimal("100.01")},
        {"Expense__c": Decimal(100)},
    ),
    Rule(
        _USER,
        "Only the owner changes the goal",
        "AND(ISCHANGED( Personal_Goal__c ), OwnerId <> $User.Id)",
        {"Personal_Goal__c": "Swim", "OwnerId": "0055g00000ZzZzZAAV"},
        {"Personal_Goal__c": "Swim", "OwnerId": "0055g00000BcDeFAAV"},
    ),
    Rule(
        _USER,
        "Only the owner or an administrator changes the goal",
        """AND(
            ISCHANGED( Personal_Goal__c ),
            OwnerId <> $User.Id,
            $Profile.Name <> "Custom: System Admin")""",
        {"Personal_Goal__c": "Swim", "OwnerId": "0055g00000ZzZzZAAV"},
        {"Personal_Goal__c": "Run", "OwnerId": "0055g00000ZzZzZAAV"},
    ),
    Rule(
        _USER,
        "Only the right role gives a discount",
        'AND(Discount_Rate__c > 0.20, $UserRole.Name <> "Sales Director")',
        {"Discount_Rate__c": Decimal(21)},
        {"Discount_Rate__c": Decimal(20)},
    ),
    Rule(
        _MORE,
        "A number is increased but not decreased",
        "PRIORVALUE(Commit_Amount__c) > Commit_Amount__c",
        {"Commit_Amount__c": Decimal(99)},
        {"Commit_Amount__c": Decimal(100)},
    ),
    Rule(
        _MORE,
        "California driver's license",
        r'AND(MailingState = "CA", NOT(REGEX(Drivers_License__c, "([A-Z]\\d{7})?")))',
        {"MailingState": "CA", "Drivers_License__c": "12345678"},
        {"MailingState": "CA", "Drivers_License__c": "A1234567"},
    ),
    Rule(
        _MORE,
        "Terms must be accepted",
        "AND(NOT( I_accept_terms__c ), Number_of_Days__c > $User.PTO_Balance__c)",
        {"I_accept_terms__c": False, "Number_of_Days__c": Decimal(6)},
        {"I_accept_terms__c": True, "Number_of_Days__c": Decimal(6)},
    ),
    Rule(
        _MORE,
        "A saved field does not change",
        "AND(NOT( ISNEW() ), ISCHANGED( Guaranteed_Rate__c ))",
        {"Guaranteed_Rate__c": Decimal(6)},
        {"Guaranteed_Rate__c": Decimal("5.0")},
    ),
    Rule(
        _MORE,
        "Social security number",
        r'NOT(OR(ISBLANK(SSN__c), REGEX(SSN__c, "[0-9]{3}-[0-9]{2}-[0-9]{4}")))',
        {"SSN__c": "123456789"},
        {"SSN__c": "123-45-6789"},
    ),
    Rule(
        _MORE,
        "Credit card number",
        r'NOT(REGEX(Credit_Card_Number__c, "(((\\d{4}-){3}\\d{4})|\\d{16})?"))',
        {"Credit_Card_Number__c": "1234"},
        {"Credit_Card_Number__c": "4444-3333-2222-1111"},
    ),
    Rule(
        _MORE,
        "IP address",
        r"""NOT(REGEX(IP_Address__c,
            "((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"))""",
        {"IP_Address__c": "1.2.3.400"},
        {"IP_Address__c": "10.0.0.1"},
    ),
    Rule(
        _MORE,
        "No more than two interests",
        'AND(PICKLISTCOUNT(Interests__c) > 2, NOT(INCLUDES(Interests__c, "Everything")))',
        {"Interests__c": "Golf;Tennis;Sailing"},
        {"Interests__c": "Golf;Tennis;Everything"},
    ),
)
