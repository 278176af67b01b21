"""Logging in, and what happens to calls without a session or beyond the limits, through the real client."""

from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceRefusedRequest,
)

from simulators.salesforce import create
from simulators.server import running
from simulators.tls import make_certificates
from tests.simulators.salesforce_client import DATA, HOST, Org, session_to

CONSUMER = {"consumer_key": "sim-consumer-key", "consumer_secret": "sim-consumer-secret"}
USER = {"username": "integration@sim.example.com", "password": "sim-password"}


def _login(org: Org, **credentials: Any) -> Any:
    return Salesforce(session=session_to(org.url), version="68.0", **credentials)


def _private_key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param({**CONSUMER, "domain": "sim.my"}, id="client-credentials"),
        pytest.param({**CONSUMER, **USER, "domain": "sim.my"}, id="user-name-and-password"),
        pytest.param({**USER, "security_token": "t", "domain": "sim.my"}, id="soap"),
    ],
)
def test_every_way_to_log_in_gives_a_session_that_works(org: Org, credentials: dict[str, str]) -> None:
    assert _login(org, **credentials).limits()["DailyApiRequests"]["Max"] == 100_000


def test_a_jwt_assertion_is_checked_against_the_public_key(org: Org) -> None:
    private, public = _private_key()
    other, _ = _private_key()
    org.set(jwt_public_key=public)
    asked = {"username": USER["username"], "consumer_key": "sim-consumer-key", "instance_url": "sim.my"}
    assert _login(org, privatekey=private, **asked).query("SELECT Id FROM User")["totalSize"] == 3
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_grant"):
        _login(org, privatekey=other, **asked)


REFRESH = {"grant_type": "refresh_token", "client_id": "sim-consumer-key"}
REFRESH |= {"client_secret": "sim-consumer-secret", "refresh_token": "sim-refresh-token"}


def _token(org: Org, **form: str) -> requests.Response:
    return requests.post(f"{org.url}/services/oauth2/token", data={**REFRESH, **form}, timeout=10)


def test_a_refresh_token_gives_a_session(org: Org) -> None:
    issued = _token(org).json()
    assert "refresh_token" not in issued
    org.sf.session_id = issued["access_token"]
    assert org.raw("GET", f"{DATA}/limits").status_code == 200


def test_an_unknown_refresh_token_is_refused(org: Org) -> None:
    refused = _token(org, refresh_token="other")
    assert refused.status_code == 400
    assert refused.json() == {
        "error": "invalid_grant",
        "error_description": "expired access/refresh token",
    }


def test_a_rotating_refresh_token_is_good_for_one_use(org: Org) -> None:
    org.set(rotate_refresh_token=True)
    following = _token(org).json()["refresh_token"]
    assert _token(org).status_code == 400
    assert _token(org, refresh_token=following).status_code == 200


@pytest.mark.parametrize(
    ("credentials", "error"),
    [
        pytest.param({**CONSUMER, "consumer_secret": "no"}, "invalid_client", id="wrong-secret"),
        pytest.param({**CONSUMER, "consumer_key": "no"}, "invalid_client_id", id="wrong-key"),
        pytest.param({**CONSUMER, **USER, "password": "no"}, "invalid_grant", id="wrong-password"),
        pytest.param({**USER, "password": "no", "security_token": "t"}, "INVALID_LOGIN", id="soap"),
    ],
)
def test_wrong_credentials_are_refused_by_name(org: Org, credentials: dict[str, str], error: str) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        _login(org, domain="sim.my", **credentials)
    assert refused.value.code == error


def test_an_expired_session_has_the_real_body(org: Org) -> None:
    org.control("sessions/expire", {})
    answer = org.raw("GET", f"{DATA}/limits")
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_the_client_logs_in_again_after_a_401(org: Org) -> None:
    org.control("sessions/expire", {})
    assert org.sf.query("SELECT Id FROM Contact")["totalSize"] == 0
    org.control("sessions/expire", {})
    assert org.contact()


def test_a_client_with_only_a_token_is_told_that_it_expired(org: Org) -> None:
    bare = Salesforce(
        instance_url=HOST, session_id=org.sf.session_id, session=session_to(org.url), version="68.0"
    )
    org.control("sessions/expire", {})
    with pytest.raises(SalesforceExpiredSession):
        bare.query("SELECT Id FROM Contact")


def test_a_session_ends_a_while_after_its_last_use(org: Org) -> None:
    org.advance(7000)
    assert org.raw("GET", f"{DATA}/limits").status_code == 200
    org.advance(7000)
    assert org.raw("GET", f"{DATA}/limits").status_code == 200
    org.advance(7300)
    assert org.raw("GET", f"{DATA}/limits").status_code == 401


def test_usage_counts_up_to_the_daily_limit_and_then_refuses(org: Org) -> None:
    org.set(daily_limit=2)
    assert org.raw("GET", f"{DATA}/limits").headers["Sforce-Limit-Info"] == "api-usage=1/2"
    assert org.sf.limits()["DailyApiRequests"] == {"Max": 2, "Remaining": 0}
    with pytest.raises(SalesforceRefusedRequest) as refused:
        org.sf.query("SELECT Id FROM Contact")
    content: Any = refused.value.content
    assert content == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    org.advance(86_400)
    org.sf = org.client()
    assert org.sf.query("SELECT Id FROM Contact")["totalSize"] == 0


def test_versions_are_listed_without_a_session(org: Org) -> None:
    newest = requests.get(f"{org.url}/services/data/", timeout=10).json()[-1]
    assert newest == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}


def test_the_resources_name_the_identity_of_the_caller(org: Org) -> None:
    resources = org.raw("GET", f"{DATA}/").json()
    user = org.rows("SELECT Id FROM User WHERE Username = 'integration@sim.example.com'")[0]["Id"]
    assert resources["identity"].endswith(f"/{user}")
    assert resources["sobjects"] == f"{DATA}/sobjects"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        pytest.param("/services/data/v69.0/limits", 404, "NOT_FOUND", id="not-yet"),
        pytest.param("/services/data/v20.0/limits", 410, "UNSUPPORTED_API_VERSION", id="retired"),
        pytest.param(f"{DATA}/nothing", 404, "NOT_FOUND", id="unknown-route"),
    ],
)
def test_what_does_not_exist_is_refused(org: Org, path: str, status: int, code: str) -> None:
    answer = org.raw("GET", path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


def test_unknown_routes_methods_and_parameters_are_recorded(org: Org) -> None:
    org.raw("GET", f"{DATA}/nothing")
    org.raw("PUT", f"{DATA}/limits")
    org.raw("GET", f"{DATA}/query?q=SELECT+Id+FROM+Contact&page=2")
    what = [(entry["what"], entry["detail"]) for entry in org.seen("violations")]
    assert what == [
        ("route", f"GET {DATA}/nothing"),
        ("method", f"PUT {DATA}/limits"),
        ("query parameter", "page"),
    ]


def test_the_date_header_follows_the_simulated_clock(org: Org) -> None:
    before = org.raw("GET", f"{DATA}/limits").headers["Date"]
    org.advance(86_400)
    org.sf = org.client()
    assert org.raw("GET", f"{DATA}/limits").headers["Date"][:16] != before[:16]


def test_the_client_works_over_tls_with_the_authority_made_on_the_spot(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with running(create({"instance_url": ""}), tls=certificates.pair) as listener:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(certificates.authority)
        form = {"grant_type": "client_credentials", "client_id": "sim-consumer-key"}
        form["client_secret"] = "sim-consumer-secret"
        token = session.post(f"{listener.url}/services/oauth2/token", data=form).json()
        assert token["instance_url"] == listener.url
        sf: Any = Salesforce(
            instance_url=token["instance_url"],
            session_id=token["access_token"],
            session=session,
            version="68.0",
        )
        assert sf.Contact.create({"LastName": "Byron"})["success"] is True
        session.close()


def test_header_names_have_the_capitals_of_the_real_ones(org: Org) -> None:
    names = set(org.raw("GET", f"{DATA}/limits").headers)
    assert names >= {"Content-Type", "Content-Length", "Date", "Sforce-Limit-Info"}
