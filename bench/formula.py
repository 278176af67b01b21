"""Evaluations per second of validation rules, parsed and compiled beforehand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter

from domain.formula import Context, Formula, Value, parse

ROUNDS = 100_000

RULES = {
    "required together": "AND(NOT($Permission.Import), ISPICKVAL(LeadSource, 'Web'), ISBLANK(Email))",
    "postal code": r"""AND(
        OR(MailingCountry = "USA", MailingCountry = "US", ISBLANK(MailingCountry)),
        NOT(REGEX(MailingPostalCode, "\\d{5}(-\\d{4})?")))""",
    "ten-digit phone": r'NOT(REGEX(Phone, "\\D*?(\\d\\D*?){10}"))',
    "range": "OR(AnnualRevenue < 0, AnnualRevenue > 100000000000)",
    "no decrease": "AND(NOT(ISNEW()), PRIORVALUE(AnnualRevenue) > AnnualRevenue)",
    "adult": "Birthdate > ADDMONTHS(TODAY(), -12 * 18)",
    "text": "UPPER(LEFT(LastName, 1)) & MID(LastName, 2, 80) <> TRIM(LastName)",
}

SCHEMA = {
    "LastName": "string",
    "Email": "email",
    "Phone": "phone",
    "LeadSource": "picklist",
    "MailingCountry": "string",
    "MailingPostalCode": "string",
    "AnnualRevenue": "currency",
    "Birthdate": "date",
}

RECORD: dict[str, Value] = {
    "LastName": "Lovelace",
    "Email": "ada@example.com",
    "Phone": "(415) 555-0100",
    "LeadSource": "Web",
    "MailingCountry": "USA",
    "MailingPostalCode": "94105-1234",
    "AnnualRevenue": Decimal(250_000),
    "Birthdate": date(1985, 12, 10),
}

CONTEXT = Context(
    now=datetime(2026, 1, 15, 12, tzinfo=UTC),
    permissions=frozenset(),
    prior_values={"AnnualRevenue": Decimal(200_000)},
)


def evaluations_per_second(rule: Formula) -> float:
    """Time a fixed number of evaluations, after one that compiles."""
    rule.evaluate(RECORD, schema=SCHEMA, blanks="blank", context=CONTEXT)
    began = perf_counter()
    for _ in range(ROUNDS):
        rule.evaluate(RECORD, schema=SCHEMA, blanks="blank", context=CONTEXT)
    return ROUNDS / (perf_counter() - began)


def main() -> None:
    for name, source in RULES.items():
        print(f"{name:20} {evaluations_per_second(parse(source)):>12,.0f} evaluations/s")


if __name__ == "__main__":
    main()
