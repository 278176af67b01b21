"""SOQL through the real client: what a query finds, how it is shown and how it is refused."""

from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from tests.simulators.salesforce_client import EXTERNAL_ID, Org, of


def _people(org: Org) -> None:
    """Four contacts, three of them of one account, with blanks."""
    account = org.sf.Account.create({"Name": "Acme", "Industry": "Energy"})["id"]
    records = [
        of(
            "Contact",
            LastName="Byron",
            FirstName="Ada",
            Email="Ada@example.com",
            AccountId=account,
            Title="Countess",
        ),
        of("Contact", LastName="Boole", Email="boole@example.com", AccountId=account, DoNotCall=True),
        of("Contact", LastName="Åkesson", Email="ake@example.com", AccountId=account, Birthdate="1990-05-17"),
        of("Contact", LastName="O'Brien", **{EXTERNAL_ID: "44"}),
    ]
    body = {"allOrNone": True, "records": records}
    org.sf.restful("composite/sobjects", method="POST", json=body)


def _names(org: Org, where: str, order: str = "LastName") -> list[str]:
    soql = f"SELECT LastName FROM Contact {where} ORDER BY {order}"  # noqa: S608 - SOQL of the test's own
    return [row["LastName"] for row in org.rows(soql)]


ALL = ["Boole", "Byron", "O'Brien", "Åkesson"]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        pytest.param("", ALL, id="all"),
        pytest.param("WHERE LastName = 'BYRON'", ["Byron"], id="letter-case"),
        pytest.param(r"WHERE LastName = 'O\'Brien'", ["O'Brien"], id="escape"),
        pytest.param("WHERE LastName != 'Byron' AND Email != NULL", ["Boole", "Åkesson"], id="and"),
        pytest.param(
            "WHERE Title = 'Countess' OR (DoNotCall = TRUE AND Email LIKE 'b%')", ["Boole", "Byron"], id="or"
        ),
        pytest.param("WHERE NOT (LastName LIKE '_oole' OR Email = null)", ["Byron", "Åkesson"], id="not"),
        pytest.param("WHERE Title != 'Countess'", ["Boole", "O'Brien", "Åkesson"], id="unequal-finds-nulls"),
        pytest.param("WHERE Email IN ('ADA@example.com', 'ake@example.com')", ["Byron", "Åkesson"], id="in"),
        pytest.param("WHERE LastName NOT IN ('Byron', 'Boole')", ["O'Brien", "Åkesson"], id="not-in"),
        pytest.param(
            "WHERE Account.Industry = 'Energy' AND Account.Name < 'B'",
            ["Boole", "Byron", "Åkesson"],
            id="parent",
        ),
        pytest.param("WHERE Birthdate >= 1990-05-17 AND Birthdate < 1990-05-18", ["Åkesson"], id="date"),
        pytest.param("WHERE CreatedDate = TODAY AND CreatedDate = LAST_N_DAYS:3", ALL, id="relative-date"),
        pytest.param("WHERE CreatedDate < TODAY OR CreatedDate > TODAY", [], id="outside-the-day"),
        pytest.param("WHERE LastModifiedDate > 2000-01-01T00:00:00+01:00", ALL, id="datetime"),
        pytest.param(f"WHERE {EXTERNAL_ID} = '44'", ["O'Brien"], id="external-id"),
        pytest.param(
            "WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'Acme')",
            ["Boole", "Byron", "Åkesson"],
            id="semi-join",
        ),
        pytest.param("WHERE Id NOT IN (SELECT ContactId FROM CampaignMember)", ALL, id="anti-join"),
    ],
)
def test_a_filter_finds(org: Org, where: str, names: list[str]) -> None:
    _people(org)
    assert _names(org, where) == names


def test_order_limit_and_offset(org: Org) -> None:
    _people(org)
    assert _names(org, "", "LastName DESC LIMIT 2 OFFSET 1") == ["O'Brien", "Byron"]
    assert _names(org, "", "Title NULLS LAST, LastName DESC") == ["Byron", "Åkesson", "O'Brien", "Boole"]
    assert _names(org, "", "Title, LastName")[-1] == "Byron"


def test_parents_are_nested_and_a_missing_one_is_null(org: Org) -> None:
    _people(org)
    rows = org.rows("SELECT c.LastName, c.Account.Name, c.Owner.Name FROM Contact c ORDER BY c.LastName")
    assert [row["Account"] and row["Account"]["Name"] for row in rows] == ["Acme", "Acme", None, "Acme"]
    assert rows[0]["Account"]["attributes"]["type"] == "Account"
    assert rows[0]["Owner"]["Name"] == "Integration User"


def test_children_are_a_nested_result_or_null(org: Org) -> None:
    _people(org)
    org.sf.Account.create({"Name": "Empty"})
    rows = org.rows(
        "SELECT Name, (SELECT LastName FROM Contacts WHERE Email != null LIMIT 2) FROM Account ORDER BY Name"
    )
    assert (rows[0]["Contacts"]["totalSize"], rows[0]["Contacts"]["done"]) == (2, True)
    assert rows[1]["Contacts"] is None


def test_counts_and_groups(org: Org) -> None:
    _people(org)
    assert org.sf.query("SELECT COUNT() FROM Contact") == {"totalSize": 4, "done": True, "records": []}
    soql = "SELECT Account.Name company, COUNT(Id), MAX(LastName) last FROM Contact GROUP BY Account.Name"
    rows = org.rows(f"{soql} HAVING COUNT(Id) > 1")
    assert rows == [
        {"attributes": {"type": "AggregateResult"}, "company": "Acme", "expr0": 3, "last": "Åkesson"},
    ]


def test_fields_all_needs_a_small_limit(org: Org) -> None:
    _people(org)
    assert EXTERNAL_ID in org.rows("SELECT FIELDS(ALL) FROM Contact LIMIT 200")[0]
    with pytest.raises(SalesforceMalformedRequest):
        org.rows("SELECT FIELDS(ALL) FROM Contact")


def test_an_address_is_shown_as_its_parts(org: Org) -> None:
    org.contact(MailingCity="Malmö")
    address = org.rows("SELECT MailingAddress FROM Contact")[0]["MailingAddress"]
    assert (address["city"], address["street"]) == ("Malmö", None)


def test_pages_follow_the_next_records_url(org: Org) -> None:
    org.control("seed", {"people": 1500, "seed": 3, "overlap": 1.0})
    client = org.client(**{"Sforce-Query-Options": "batchSize=200"})
    first = client.query("SELECT Id FROM Lead ORDER BY Id")
    assert (len(first["records"]), first["done"]) == (200, False)
    assert first["nextRecordsUrl"].startswith("/services/data/v68.0/query/01g")
    everything = client.query_all("SELECT Id FROM Lead ORDER BY Id")
    assert (
        len({row["Id"] for row in everything["records"]}) == first["totalSize"] == len(everything["records"])
    )


def test_an_unknown_locator_is_refused(org: Org) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.sf.query_more("/services/data/v68.0/query/01g5e0000016PIAYA2-2000", identifier_is_url=True)
    content: Any = refused.value.content
    assert content == [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]


def test_query_all_shows_deleted_and_merged_records(org: Org) -> None:
    winner, loser, gone = (org.contact(LastName=name) for name in ("Byron", "Bryon", "Boole"))
    org.control("merge", {"object": "Contact", "ids": [winner, loser]})
    org.sf.Contact.delete(gone)
    soql = "SELECT Id, IsDeleted, MasterRecordId FROM Contact"
    assert [row["Id"] for row in org.rows(soql)] == [winner]
    rows = {
        row["Id"]: (row["IsDeleted"], row["MasterRecordId"]) for row in org.rows(soql, include_deleted=True)
    }
    assert rows == {winner: (False, None), loser: (True, winner), gone: (True, None)}


def test_changes_are_read_in_order_from_where_the_last_page_ended(org: Org) -> None:
    org.control("seed", {"people": 300, "seed": 3, "overlap": 1.0})
    seen: list[str] = []
    stamp, last = "1970-01-01T00:00:00Z", "000000000000000"
    while True:
        after = f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{last}')"
        order = "ORDER BY SystemModstamp, Id LIMIT 50"
        soql = f"SELECT Id, SystemModstamp FROM Lead WHERE {after} {order}"  # noqa: S608 - SOQL of the test's own
        rows = org.rows(soql)
        if not rows:
            break
        seen += [row["Id"] for row in rows]
        stamp, last = rows[-1]["SystemModstamp"].replace(".000+0000", "Z"), rows[-1]["Id"]
    assert len(seen) == len(set(seen)) == org.sf.query("SELECT COUNT() FROM Lead")["totalSize"]


@pytest.mark.parametrize("order", ["Id", "Id, LastName"], ids=["by-index", "sorted"])
def test_ids_are_read_in_order_from_where_the_last_page_ended(org: Org, order: str) -> None:
    org.control("seed", {"people": 300, "seed": 3, "overlap": 1.0})
    seen: list[str] = []
    while True:
        after = f"WHERE Id > '{seen[-1]}'" if seen else ""
        soql = f"SELECT Id FROM Lead {after} ORDER BY {order} LIMIT 40"  # noqa: S608 - SOQL of the test's own
        rows = org.rows(soql)
        if not rows:
            break
        seen += [row["Id"] for row in rows]
    assert len(seen) == len(set(seen)) == org.sf.query("SELECT COUNT() FROM Lead")["totalSize"]
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        pytest.param(
            "select count() from XYZZY",
            "INVALID_TYPE",
            "ERROR at Row:1:Column:21\nsObject type 'XYZZY'",
            id="object",
        ),
        pytest.param(
            "SELECT Nope FROM Contact",
            "INVALID_FIELD",
            "No such column 'Nope' on entity 'Contact'",
            id="column",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'", id="end"
        ),
        pytest.param("SELECT Id Contact", "MALFORMED_QUERY", "unexpected token", id="syntax"),
        pytest.param(
            "SELECT Id FROM Contact WHERE Id != null AND Title = 'x' OR Title = 'y'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
            id="mixed-without-parentheses",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE SystemModstamp > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "must be of type dateTime and should not be enclosed in quotes",
            id="quoted-datetime",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE Title = 5",
            "INVALID_FIELD",
            "should be enclosed in quotes",
            id="bare-text",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE Id = 'x'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: x",
            id="id",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE Description = 'x'",
            "INVALID_FIELD",
            "can not be filtered",
            id="long-text",
        ),
        pytest.param(
            "SELECT Id, COUNT(Id) FROM Contact",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Id",
            id="group",
        ),
        pytest.param(
            "SELECT Id FROM Contact OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset",
            id="offset",
        ),
        pytest.param(
            "SELECT Id FROM Contact ORDER BY MailingAddress", "INVALID_FIELD", "can not be sorted", id="sort"
        ),
        pytest.param(
            "SELECT SUM(LastName) FROM Contact", "INVALID_FIELD", "aggregate operator SUM", id="sum"
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE Title INCLUDES ('x')",
            "INVALID_FIELD",
            "multipicklist",
            id="includes",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE CreatedDate > 2026-13-45T99:00:00Z",
            "MALFORMED_QUERY",
            "Invalid datetime",
            id="no-such-day",
        ),
        pytest.param(
            "SELECT Id FROM Contact WHERE COUNT(Id) = 3",
            "MALFORMED_QUERY",
            "not allowed in WHERE",
            id="where",
        ),
    ],
)
def test_a_bad_query_is_refused(org: Org, soql: str, code: str, part: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        org.sf.query(soql)
    content: Any = refused.value.content
    assert content[0]["errorCode"] == code
    assert part in content[0]["message"]


def test_a_query_that_is_too_long_for_a_uri_is_refused(org: Org) -> None:
    ids = ",".join(["'0035e00000AbCdEAAV'"] * 900)
    assert (
        org.raw("GET", f"/services/data/v68.0/query?q=SELECT+Id+FROM+Contact+WHERE+Id+IN+({ids})").status_code
        == 414
    )
