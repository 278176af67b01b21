"""Answers that neither CRM documents: a gateway gives each row an outcome, or raises an error of ours."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domain.errors import SyncError, Transient
from domain.identity import Crm
from domain.outcomes import OutcomeClass
from domain.schema import FieldKind, FieldSchema, ObjectSchema
from tests.contract.sides import Allowance, org, portal
from workers.gateways.hubspot import HubSpotGateway
from workers.gateways.salesforce import SalesforceGateway
from workers.gateways.salesforce_export import SalesforceExport
from workers.gateways.tokens import MemoryTokenStore, Token
from workers.ports import Search, WriteRow

OBJECTS = {Crm.HUBSPOT: "contacts", Crm.SALESFORCE: "Contact"}
HTML = b"<html><body><h1>We are down for maintenance</h1></body></html>"

Gateway = HubSpotGateway | SalesforceGateway


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def serving(canned: bytes) -> Iterator[str]:
    """A server that answers every request with the same bytes and hangs up."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline()).strip():
                name, _, value = line.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
            self.rfile.read(length)
            self.wfile.write(canned)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def gateway(crm: Crm, url: str) -> Gateway:
    """Logged in, and knowing its schema, so that the first call is the one that the test is about."""
    store = MemoryTokenStore()
    store.save(Token("token", "https://acme.my.salesforce.com"))
    name = OBJECTS[crm]
    schemas = {name: ObjectSchema(crm, name, {"x": FieldSchema("x", "X", FieldKind.TEXT, "string")})}
    if crm is Crm.HUBSPOT:
        return HubSpotGateway(portal(url, Allowance(), store=store), schemas=schemas)
    return SalesforceGateway(org(url, Allowance(), store=store), schemas=schemas)


NONSENSE = {
    "html": answer(HTML),
    "empty": answer(b""),
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "a number": answer(b"42"),
    "null": answer(b"null"),
    "an empty list": answer(b"[]"),
    "an empty object": answer(b"{}"),
    "a list of other things": answer(b"[1, 2, 3]"),
    "other types": answer(b'{"results": "none", "records": 3, "done": "perhaps"}'),
    "rows without success": answer(b'[{"id": null}]'),
    "not utf-8": answer(b'{"results": "\xff\xfe"}'),
    "cut short": answer(b'{"results": [').replace(b"Content-Length: 13", b"Content-Length: 1300"),
    "not gzip": answer(b"plain", "200 OK", "Content-Encoding: gzip"),
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("crm", list(Crm), ids=str)
@pytest.mark.parametrize("canned", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_write_whose_answer_makes_no_sense_is_unknown(crm: Crm, canned: bytes) -> None:
    rows = [WriteRow("1", OBJECTS[crm], "003000000000001AAA", {"x": "y"})]

    with serving(canned) as url:
        outcomes = gateway(crm, url).write(rows)

    assert [outcome.outcome for outcome in outcomes] == [OutcomeClass.UNKNOWN]


READS: dict[str, Callable[[Any, str], Any]] = {
    "read": lambda crm, name: crm.read(name, ["003000000000001AAA"], ["x"]),
    "look_up": lambda crm, name: crm.look_up([Search(name, "x", ["y"], ["x"])]),
    "changes": lambda crm, name: crm.changes(name, since=0, until=1, after=None, fields=["x"]),
    "ids": lambda crm, name: crm.ids(name, after=None),
    "describe": lambda crm, name: crm.describe(name),
    "owners": lambda crm, _: crm.owners(),
}


@pytest.mark.parametrize("crm", list(Crm), ids=str)
@pytest.mark.parametrize("canned", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_read_whose_answer_makes_no_sense_may_be_tried_again(crm: Crm, canned: bytes) -> None:
    with serving(canned) as url:
        reader = gateway(crm, url)
        for read in READS.values():
            with pytest.raises(Transient):
                read(reader, OBJECTS[crm])


ERRORS = {
    "400 html": (answer(HTML, "400 Bad Request"), "rejected"),
    "400 empty": (answer(b"", "400 Bad Request"), "rejected"),
    "401 html": (answer(HTML, "401 Unauthorized"), None),
    "403 empty": (answer(b"", "403 Forbidden"), "misconfigured"),
    "404 list": (answer(b"[]", "404 Not Found"), "resolve"),
    "408 empty": (answer(b"", "408 Request Timeout"), "unknown"),
    "429 html": (answer(HTML, "429 Too Many Requests", "Retry-After: 7"), "throttled"),
    "500 not utf-8": (answer(b"\xff\xfe\xfd", "500 Oops"), "unknown"),
    "502 html": (answer(HTML, "502 Bad Gateway"), "unknown"),
    "503 html": (answer(HTML, "503 Service Unavailable", "Retry-After: soon"), "transient"),
    "521 html": (answer(HTML, "521 Web Server Is Down"), "transient"),
    "524 html": (answer(HTML, "524 A Timeout Occurred"), "unknown"),
    "599 empty": (answer(b"", "599 Whatever"), "unknown"),
}


@pytest.mark.parametrize("crm", list(Crm), ids=str)
@pytest.mark.parametrize(("canned", "expected"), ERRORS.values(), ids=ERRORS.keys())
def test_a_status_alone_decides_where_the_body_says_nothing(
    crm: Crm, canned: bytes, expected: str | None
) -> None:
    rows = [
        WriteRow(str(number), OBJECTS[crm], f"00300000000000{number}AAA", {"x": "y"}) for number in (1, 2)
    ]

    with serving(canned) as url:
        outcomes = gateway(crm, url).write(rows)
        with pytest.raises(SyncError):
            gateway(crm, url).read(OBJECTS[crm], ["003000000000001AAA"], ["x"])

    classes = {outcome.outcome.value for outcome in outcomes}
    allowed = {expected} if expected else {"misconfigured", "transient"}
    assert classes <= allowed
    if expected == "throttled":
        assert {outcome.wait_ms for outcome in outcomes} == {7_000}


@pytest.mark.parametrize("seconds", ["86401", "99999999999999999999", "9" * 5_000])
def test_nobody_waits_longer_than_a_day(seconds: str) -> None:
    rows = [WriteRow("1", "contacts", "1", {"x": "y"})]
    with serving(answer(HTML, "503 Service Unavailable", f"Retry-After: {seconds}")) as url:
        [outcome] = gateway(Crm.HUBSPOT, url).write(rows)

    assert (outcome.outcome.value, outcome.wait_ms) == ("transient", 86_400_000)


@pytest.mark.parametrize(
    "status", ["200 OK", "408 Request Timeout", "429 Too Many Requests", "502 Bad Gateway"]
)
def test_a_page_in_the_place_of_a_login_suspends_nothing(status: str) -> None:
    with serving(answer(HTML, status)) as url, pytest.raises(Transient, match="login_unavailable"):
        SalesforceGateway(org(url, Allowance())).describe("Contact")


@pytest.mark.parametrize("token", [None, [], {}, 7])
def test_a_login_that_brings_no_token_suspends_nothing(token: object) -> None:
    body = {"access_token": token, "instance_url": "https://acme.my.salesforce.com"}
    canned = answer(json.dumps(body).encode())
    with serving(canned) as url, pytest.raises(Transient, match="login_unavailable"):
        SalesforceGateway(org(url, Allowance())).describe("Contact")


@pytest.mark.parametrize("body", [HTML, b"", b"{}", b"\xff", b'"Email"\n"a@example.com"\n'])
def test_results_of_a_bulk_query_that_are_no_table_of_records_are_not_taken_for_none(body: bytes) -> None:
    store = MemoryTokenStore()
    store.save(Token("token", "https://acme.my.salesforce.com"))
    schemas = {"Contact": ObjectSchema(Crm.SALESFORCE, "Contact", {})}
    with serving(answer(body)) as url:
        export = SalesforceExport(org(url, Allowance(), store=store), schemas=schemas)
        with pytest.raises(Transient, match="unreadable_answer"):
            export.results("Contact", "750", after=None, fields=["Email"])


ROW = rb"""{"attributes": {"type": "Contact"}, "Id": "003000000000001AAA", "x": "a \\ud83d \ud83d\ude00 %s",
"SystemModstamp": "2026-01-01T00:00:00.000+0000", "CreatedDate": "2026-01-01T00:00:00.000+0000"}"""


@pytest.mark.parametrize(
    "odd", [rb"\ud83d", rb"\ude00\ud83d", b"\xf0\x9f\x98"], ids=["half", "halves", "bytes"]
)
def test_a_character_that_a_crm_cut_in_half_spoils_no_more_than_itself(odd: bytes) -> None:
    body = rb'{"totalSize": 1, "done": true, "records": [%s]}' % (ROW % odd)
    with serving(answer(body)) as url:
        looked = gateway(Crm.SALESFORCE, url).read("Contact", ["003000000000001AAA"], ["x"])
    shown = looked.records[0].fields["x"] or ""
    assert shown.rstrip("\N{REPLACEMENT CHARACTER}") == "a \\ud83d \N{GRINNING FACE} "
    assert shown.endswith("\N{REPLACEMENT CHARACTER}")


def test_an_error_never_shows_a_persons_values() -> None:
    body = b'[{"errorCode": "INVALID_EMAIL_ADDRESS", "message": "Email: invalid email address: ada@x"}]'

    with serving(answer(body, "400 Bad Request")) as url, pytest.raises(SyncError) as refused:
        gateway(Crm.SALESFORCE, url).read("Contact", ["003000000000001AAA"], ["x"])

    assert "ada" not in str(refused.value)
    assert "ada" not in repr(refused.value)


@pytest.mark.parametrize("crm", list(Crm), ids=str)
def test_an_answer_without_a_date_leaves_the_servers_time_open(crm: Crm) -> None:
    body = {
        Crm.HUBSPOT: b'{"results": []}',
        Crm.SALESFORCE: b'{"totalSize": 0, "done": true, "records": []}',
    }[crm]

    with serving(answer(body)) as url:
        found = gateway(crm, url).read(OBJECTS[crm], ["003000000000001AAA"], ["x"])
        with pytest.raises(Transient, match="no_server_time"):
            gateway(crm, url).server_time()

    assert (found.server_time, found.missing) == (0, ["003000000000001AAA"])


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Foo 2026 00:00:00 GMT", "", "0"])
def test_a_date_that_is_none_counts_as_absent(date: str) -> None:
    with serving(answer(b'{"results": []}', "200 OK", f"Date: {date}")) as url:
        assert gateway(Crm.HUBSPOT, url).read("contacts", ["1"], []).server_time == 0
