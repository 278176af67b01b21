"""HubSpot's OAuth, imports and form submissions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.simulators.hubspot_client import Crm, ok, refused, serving

CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-client-secret"}


@pytest.fixture(scope="module")
def server() -> Iterator[Crm]:
    with serving() as crm:
        yield crm


@pytest.fixture
def crm(server: Crm) -> Iterator[Crm]:
    yield server.fresh()
    assert server.simulator.violations == []


def refresh(crm: Crm) -> Any:
    api = crm.client.oauth.tokens_api
    return ok(api, "create", grant_type="refresh_token", refresh_token="simulator-refresh", **CLIENT)


def test_a_refresh_token_buys_an_access_token_for_half_an_hour(crm: Crm) -> None:
    bought = refresh(crm)
    assert (bought.expires_in, bought.refresh_token) == (1800, "simulator-refresh")
    path = "/crm/v3/objects/contacts"
    answer = crm.http("GET", path, token=bought.access_token)
    assert answer.headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in answer.headers
    crm.simulator.clock.advance(1812)
    expired = crm.http("GET", path, token=bought.access_token)
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert expired.json()["message"] == "The OAuth token used to make this call expired 12 second(s) ago."


def test_consent_gives_a_code_that_works_once(crm: Crm) -> None:
    target = "https://sync.example.com/back"
    query = {"client_id": CLIENT["client_id"], "redirect_uri": target, "scope": "oauth", "state": "s"}
    consent = crm.http("GET", "/oauth/authorize", params=query, allow_redirects=False)
    code = consent.headers["Location"].partition("code=")[2].partition("&")[0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": target, **CLIENT}
    api = crm.client.oauth.tokens_api
    assert ok(api, "create", **form).token_type == "bearer"
    assert refused(api, "create", **form).status == 400


def test_a_bad_refresh_token_is_refused_as_the_real_one(crm: Crm) -> None:
    error = refused(
        crm.client.oauth.tokens_api, "create", grant_type="refresh_token", refresh_token="x", **CLIENT
    )
    body = json.loads(error.body)
    assert (error.status, body["status"], body["error"]) == (400, "BAD_REFRESH_TOKEN", "invalid_grant")


def test_tokens_can_be_looked_up_and_taken_back(crm: Crm) -> None:
    bought = refresh(crm)
    assert ok(crm.client.oauth.access_tokens_api, "get", bought.access_token).app_id == 1160452
    assert (
        ok(crm.client.oauth.refresh_tokens_api, "get", "simulator-refresh").client_id == CLIENT["client_id"]
    )
    asked = requests.post(
        f"{crm.url}/oauth/2026-03/token/introspect", data={"token": bought.access_token}, timeout=5
    )
    assert (asked.json()["active"], asked.json()["token_use"]) == (True, "access_token")
    ok(crm.client.oauth.refresh_tokens_api, "archive", "simulator-refresh")
    assert crm.http("GET", "/crm/v3/owners/", token=bought.access_token).status_code == 200
    requests.post(f"{crm.url}/oauth/v3/token/revoke", data={"token": bought.access_token}, timeout=5)
    assert crm.http("GET", "/crm/v3/owners/", token=bought.access_token).status_code == 401


def test_newer_token_answers_name_account_and_scopes(crm: Crm) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "simulator-refresh", **CLIENT}
    body = requests.post(f"{crm.url}/oauth/2026-09/token", data=form, timeout=5).json()
    assert body["hub_id"] == 44512002
    assert "crm.lists.read" in body["scopes"]


def test_a_static_token_tells_what_it_may_do(crm: Crm) -> None:
    path = "/oauth/v2/private-apps/get/access-token-info"
    assert crm.http("POST", path, {"tokenKey": "pat-sim"}).json()["appId"] == 1160452


def import_file(crm: Crm, tmp_path: Path, rows: str) -> Any:
    columns = [("Email", "email"), ("Town", "city")]
    mappings = [
        {"columnObjectTypeId": "0-1", "columnName": name, "propertyName": prop, "columnType": None}
        for name, prop in columns
    ]
    file = tmp_path / "people.csv"
    file.write_text(f"Email,Town\n{rows}")
    request = {
        "name": "people",
        "importOperations": {"0-1": "UPSERT"},
        "files": [
            {
                "fileName": file.name,
                "fileFormat": "CSV",
                "fileImportPage": {"hasHeader": True, "columnMappings": mappings},
            }
        ],
    }
    api = crm.client.crm.imports.core_api
    return ok(api, "create", files=[str(file)], import_request=json.dumps(request))


def test_an_import_creates_updates_and_names_bad_rows(crm: Crm, tmp_path: Path) -> None:
    record = crm.contact("a@example.com")
    made = import_file(crm, tmp_path, "a@example.com,Graz\nb@example.com,Wien\nbad,Linz\n")
    done = ok(crm.client.crm.imports.core_api, "get_by_id", made.id)
    assert done.state == "DONE"
    assert done.metadata.counters["CREATED_OBJECTS"] == 2
    assert done.metadata.counters["UPDATED_OBJECTS"] == 1
    errors = ok(crm.client.crm.imports.public_imports_api, "get_errors", made.id).results
    assert [error.error_type for error in errors] == ["INVALID_EMAIL"]
    assert [entry.id for entry in ok(crm.client.crm.imports.core_api, "get_page").results] == [made.id]
    api = crm.client.crm.contacts.basic_api
    shown = api.get_by_id(record, properties=["city"], properties_with_history=["city"])
    assert shown.properties["city"] == "Graz"
    assert shown.properties_with_history["city"][0].source_type == "IMPORT"


def test_a_running_import_can_be_canceled(server: Crm, tmp_path: Path) -> None:
    crm = server.fresh(import_duration=60.0)
    made = import_file(crm, tmp_path, "a@example.com,Graz\n")
    ok(crm.client.crm.imports.core_api, "cancel", made.id)
    assert crm.client.crm.imports.core_api.get_by_id(made.id).state == "CANCELED"


def test_a_form_submission_is_a_change_by_the_form(crm: Crm) -> None:
    fields = [
        {"objectTypeId": "0-1", "name": "email", "value": "a@example.com"},
        {"objectTypeId": "0-1", "name": "city", "value": "Graz"},
    ]
    path = "/submissions/v3/integration/submit/44512002/form-1"
    assert crm.http("POST", path, {"fields": fields}, token="").status_code == 200
    crm.http("POST", path, {"fields": fields[:1]}, token="")
    shown = crm.client.crm.contacts.basic_api.get_by_id(
        "a@example.com",
        id_property="email",
        properties=["num_conversion_events"],
        properties_with_history=["city"],
    )
    assert shown.properties["num_conversion_events"] == "2"
    assert shown.properties_with_history["city"][0].source_type == "FORM"
    bad = [{**fields[0], "value": "nobody"}]
    assert (
        crm.http("POST", path, {"fields": bad}, token="").json()["errors"][0]["errorType"] == "INVALID_EMAIL"
    )
