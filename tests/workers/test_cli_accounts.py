"""The commands that need the CRMs, from an empty pair of accounts to a list that syncs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain import events as e
from domain.book import Table, decode
from domain.identity import Crm
from tests.contract.staged import Stage, staged
from tests.workers.accounts import TOKEN, Accounts, accounts
from tests.workers.installed import FILE, Installation
from tests.workers.lanes import append, shown
from workers.clock import SystemClock
from workers.configuration.problems import NAMES
from workers.embedded import ensure, stop
from workers.storage.redis_store import connect

LISTED = FILE.replace("  defaults", '  limit_sync: {inclusion_list: "Sync to Salesforce"}\n  defaults')


@pytest.fixture
def both() -> Iterator[Accounts]:
    with accounts() as made:
        made.add_list("Sync to Salesforce", "DYNAMIC")
        httpx.patch(f"{made.urls[Crm.HUBSPOT]}/_sim/settings", json={"rate_limit_ten_secondly": 190})
        yield made


@pytest.fixture
def acme(tmp_path: Path, both: Accounts) -> Iterator[Installation]:
    """An installation with all secrets, on a server of its own."""
    made = Installation(tmp_path, {"acme": LISTED}, **both.environment, CRMSYNC_PUBLIC_URL="")
    made.clock.advance((SystemClock().now_ms() - made.clock.now_ms()) / 1000)
    made.runtime.redis = connect(ensure(tmp_path / "var"))
    yield made
    made.runtime.redis.close()
    stop(tmp_path / "var")


def at_work(acme: Installation) -> None:
    """From now on jobs go on whenever somebody waits."""

    def work() -> None:
        acme.link.control.run()
        acme.link.jobs.ask()
        acme.project()

    acme.clock.work = work


@pytest.fixture
def ready(acme: Installation) -> Installation:
    """Both CRMs set up, and the configuration in force."""
    acme.says("setup")
    acme.says("config", "apply")
    acme.project()
    return acme


def test_setup_writes_out_what_an_admin_can_deploy(acme: Installation, tmp_path: Path) -> None:
    said = acme.says("setup", "--export", str(tmp_path / "out"))

    assert "salesforce/package.xml" in said
    assert (tmp_path / "out" / "hubspot" / "contacts" / "property.json").exists()
    assert "salesforce_record_id" in acme.run("config", "validate").stdout


def test_setup_creates_what_is_missing_and_names_the_next_command(acme: Installation) -> None:
    said = acme.says("setup")

    assert "created hubspot contacts.salesforce_record_id" in said
    assert "Next: crmsync config apply" in said
    assert "Both CRMs have what is needed." in acme.says("setup")


def test_what_the_accounts_lack_keeps_a_configuration_out(acme: Installation) -> None:
    assert "salesforce_record_id" in acme.fails("config", "apply")
    assert acme.json("config", "history") == []


def test_every_mapping_is_listed_with_how_it_works(acme: Installation) -> None:
    acme.says("setup")
    path, own = acme.runtime.file("acme"), "  field_mappings"
    path.write_text(path.read_text().replace(own, f"  standard_mappings: true\n{own}"))

    shown = acme.says("config", "validate", "--mappings")
    listed = acme.json("config", "validate", "--mappings")

    assert "left out" in shown
    rows = {each["hubspot"]: each for each in listed}
    assert rows["email"]["origin"] == "own"
    assert rows["address"]["salesforce"] == {"Lead": "Street", "Contact": "MailingStreet"}
    assert rows["numemployees"]["left_out"].endswith("do not go together")


def test_a_configuration_comes_into_force(acme: Installation) -> None:
    acme.says("setup")
    assert acme.json("config", "validate") == []

    applied = acme.json("config", "apply")
    acme.project()

    assert acme.json("status")["configuration"] == applied["digest"]
    assert "stays in force" in acme.says("config", "apply")


OTHER = LISTED.replace(
    "{hubspot: lastname, salesforce: LastName}",
    "{hubspot: lastname, salesforce: LastName, sync_rule: always_use_hubspot}",
)


def lived_in(acme: Installation) -> None:
    """Both CRMs were read once; one contact is in both, and on the list, with two last names."""
    append(
        acme.lane, *(e.BaselineCompleted(crm=crm, object=name) for crm, name in acme.lane.policy().by_object)
    )
    for crm, name, record_id, names in (
        (Crm.HUBSPOT, "contacts", "1", ("email", "lastname", "city")),
        (Crm.SALESFORCE, "Lead", "00Q1", ("Email", "LastName", "City")),
    ):
        values = dict(zip(names, ("ada@example.com", f"Name in {crm}", "London"), strict=True))
        fields: dict[str, Any] = {
            **dict.fromkeys(acme.lane.policy().by_object[crm, name].needed[crm, name]),
            **values,
        }
        append(acme.lane, shown(crm, name, record_id, source="baseline", **fields))


def test_a_plan_tells_what_a_changed_file_would_write_and_it_is_written(ready: Installation) -> None:
    lived_in(ready)
    assert ready.json("config", "plan")["differs"] is False
    ready.write("acme", OTHER)

    result = ready.run("config", "plan", "--json")
    (row,) = (each for each in json.loads(result.stdout)["rows"] if each["act"] == "update" and each["then"])
    assert result.exit_code == 2
    assert (row["crm"], row["object"], row["then"], row["fields"]) == (
        "salesforce",
        "Lead",
        1,
        {"LastName": 1},
    )
    assert row["samples"] == [{"contact": "hubspot/contacts/1", "now": None, "then": ["LastName"]}]
    said = ready.run("config", "plan").stdout
    assert "LastName 1" in said
    assert "Name in hubspot" not in said
    assert 'LastName: nothing -> "Name in hubspot"' in ready.run("config", "plan", "--show-values").stdout

    ready.says("config", "apply")
    append(ready.lane, e.SyncRequested(entity="hubspot/contacts/1", cause="all", by="test"))
    (intent,) = ready.lane.tables().scan(Table.OUTBOX)
    assert decode(Table.OUTBOX, intent[1]).fields == {"LastName": "Name in hubspot"}


def test_an_earlier_configuration_comes_into_force_again(ready: Installation) -> None:
    assert "no earlier one" in ready.fails("config", "rollback")
    first = ready.json("status")["configuration"]
    ready.write("acme", OTHER)
    ready.says("config", "apply")
    ready.project()

    assert ready.json("config", "plan", "--to", first[:6])["proposed"] == first
    assert ready.json("config", "rollback")["digest"] == first
    ready.project()
    assert ready.json("status")["configuration"] == first
    assert len(ready.json("config", "history")) == 3
    assert "none that begins with zz" in ready.fails("config", "rollback", "zz")


def test_the_one_before_is_what_was_in_force_last_and_not_what_is_newest(ready: Installation) -> None:
    first = ready.json("status")["configuration"]
    for content in (OTHER, OTHER.replace("always_use_hubspot", "two_way")):
        ready.write("acme", content)
        ready.says("config", "apply")
        ready.project()
        if content == OTHER:
            ready.says("config", "rollback")
            ready.project()

    assert ready.json("config", "rollback")["digest"] == first


def test_the_doctor_finds_a_healthy_connection(ready: Installation) -> None:
    findings = ready.json("doctor")

    assert {each["health"] for each in findings} <= {"ok", "warn"}
    assert "ok   All secrets are set." in ready.says("doctor")


def test_the_doctor_fails_where_the_connection_cannot_work(acme: Installation, both: Accounts) -> None:
    both.shut(Crm.HUBSPOT)

    result = acme.run("doctor", "--json")

    assert result.exit_code == 1
    assert any(each["health"] == "fail" and each["remedy"] for each in json.loads(result.stdout))


def test_a_crm_that_refuses_us_is_a_sentence_with_its_remedy(acme: Installation, both: Accounts) -> None:
    both.shut(Crm.HUBSPOT)

    message = acme.fails("config", "apply")

    assert "does not accept our login. Renew the credential" in message
    assert TOKEN not in message


def test_a_crm_that_is_away_asks_for_patience(acme: Installation, both: Accounts) -> None:
    both.shut(Crm.SALESFORCE, 503)

    assert "unavailable for a moment. Run the command again." in acme.fails("config", "apply")


@pytest.mark.parametrize(("crm", "name"), [(Crm.HUBSPOT, "HubSpot"), (Crm.SALESFORCE, "Salesforce")])
def test_a_crm_that_brings_no_answer_is_named(
    acme: Installation, both: Accounts, crm: Crm, name: str
) -> None:
    both.shut(crm, 502)

    assert f"{name} refused a call" in acme.fails("config", "validate")
    found = {each["what"]: each["remedy"] for each in json.loads(acme.run("doctor", "--json").stdout)}
    remedies = [found[what] for what in found if what.startswith(f"{name} cannot be used")]
    assert remedies == ["Nothing: it is tried again. Look at the CRM's status page if it stays."]


ODD = {
    Crm.HUBSPOT: {
        "/account-info/v3/details": b"[]",
        "/crm/v3/properties/contacts": b'{"results": null}',
        "/crm/v3/owners*": b'{"results": [{"email": "a@example.com"}]}',
        "/crm/v3/lists/*": b'{"list": {"listId": "7", "filterBranch": []}}',
    },
    Crm.SALESFORCE: {
        "*/limits/": b'{"DailyApiRequests": {"Max": null}}',
        "*/sobjects/Lead/describe": b"[]",
        "*/query/": b'{"totalSize": 1, "done": true, "records": [{"Name": 7}]}',
    },
}
"""Paths, and JSON of another shape than both CRMs document there."""

ODDLY = "answered in a shape that is not understood"


@pytest.mark.parametrize("crm", list(Crm), ids=str)
def test_an_answer_of_another_shape_is_a_sentence_that_names_the_call(
    acme: Installation, both: Accounts, crm: Crm
) -> None:
    name, stage, secrets = NAMES[crm], Stage(both.urls[crm]), dict(acme.runtime.settings.environment)
    with staged(stage) as url:
        secrets[f"CRMSYNC_ACME_{crm.upper()}_BASE_URL"] = SecretStr(url)
        acme.runtime.settings = acme.runtime.settings.model_copy(update={"environment": secrets})
        for path, answer in ODD[crm].items():
            stage.instead = {path: answer}
            looked = acme.run("doctor", "--json")
            typed = [acme.run(*words).stderr for words in (("setup",), ("config", "apply"))]
            acme.link.metadata.refresh(acme.link.objects(), ("7",))

            findings = [each for each in json.loads(looked.stdout) if ODDLY in each["what"]]
            assert findings, path
            assert looked.exit_code == 1
            for each in findings:
                assert (each["health"], each["what"].startswith(name)) == ("fail", True)
                assert f"{ODDLY}. (/" in each["what"] or f"{ODDLY}. (SELECT " in each["what"]
                assert "see whether something else answers" in each["remedy"]
            assert any(each.startswith(f"Error: {name} {ODDLY} (") for each in typed), path


def test_the_members_of_a_list_are_synced_by_its_name(ready: Installation, both: Accounts) -> None:
    created = {"object": "contacts", "properties": {"email": "ada@example.com", "lastname": "Byron"}}
    both.control(Crm.HUBSPOT, "create", **created)

    at_work(ready)
    job = ready.json("sync", "list", "Sync to Salesforce")

    assert (job["kind"], job["done"], job["finished"]) == ("list", 1, True)
    assert ready.json("status")["queues"]["reads/hubspot/backfill"] == 1


def test_a_job_that_ends_early_is_a_failure_in_json_too(ready: Installation, both: Accounts) -> None:
    def work() -> None:
        both.shut(Crm.HUBSPOT)
        ready.link.jobs.ask()

    ready.clock.work = work
    result = ready.run("sync", "list", "Sync to Salesforce", "--json")

    assert (result.exit_code, json.loads(result.stdout)["failed"]) == (1, "EXPIRED_AUTHENTICATION")
    assert "ended after 0 contacts" in result.stderr


def test_an_unknown_list_matches_nothing(ready: Installation) -> None:
    assert "HubSpot has no contact list Nobody" in ready.fails("sync", "list", "Nobody", code=2)


# -- the inclusion list


@pytest.mark.rule(23)
def test_a_list_that_is_not_active_is_refused_with_the_reason(acme: Installation, both: Accounts) -> None:
    both.add_list("By hand", "SNAPSHOT")
    path = acme.runtime.file("acme")
    path.write_text(LISTED.replace("Sync to Salesforce", "By hand"))
    acme.says("setup")

    assert 'acme.yaml:4:16: The inclusion list "By hand" is static' in acme.fails("config", "apply")


@pytest.mark.rule(23)
@pytest.mark.rule(24)
def test_the_active_lists_are_shown_and_the_chosen_one_is_marked(ready: Installation, both: Accounts) -> None:
    both.add_list("By hand", "SNAPSHOT")
    both.add_list("Newsletter", "DYNAMIC")

    found = {each["name"]: each["chosen"] for each in ready.json("inclusion", "lists")}
    assert found == {"Sync to Salesforce": True, "Newsletter": False}
    assert "the inclusion list" in ready.says("inclusion", "lists")


def test_a_list_goes_by_its_id_once_it_is_in_force(ready: Installation) -> None:
    [found] = ready.json("inclusion", "show")
    listed = next(each for each in ready.json("inclusion", "lists") if each["chosen"])

    assert (found["list_id"], found["name"]) == (listed["list_id"], "Sync to Salesforce")
    assert [text for _, text, *_ in found["filters"]] == [
        "is a member of list Sync to Salesforce",
        "Email is known",
    ]


def test_another_list_is_tried_on_what_is_known(ready: Installation, both: Accounts) -> None:
    both.add_list("Newsletter", "DYNAMIC")
    person = shown(Crm.HUBSPOT, "contacts", "1", email="ada@example.com", lastname="Byron")
    append(ready.lane, person, shown(Crm.HUBSPOT, "contacts", "2"))
    before = ready.lane.log.tail()

    found = ready.json("inclusion", "whatif", "Newsletter")
    assert (found["enters"], found["leaves"], found["stays_on"], found["stays_off"]) == ([], [], 1, 1)
    assert "Nobody is synced by choosing a list" in ready.says("inclusion", "whatif", "Newsletter")
    assert ready.lane.log.tail() == before


def test_a_list_that_is_not_there_or_cannot_decide_is_named_in_a_sentence(
    ready: Installation, both: Accounts
) -> None:
    both.add_list("By hand", "SNAPSHOT")

    assert "HubSpot has no contact list Nowhere" in ready.fails("inclusion", "whatif", "Nowhere", code=2)
    assert "is not active (SNAPSHOT)" in ready.fails("inclusion", "whatif", "By hand")


# -- import from Salesforce


def enter_leads(both: Accounts, *people: dict[str, str]) -> None:
    for fields in people:
        body = {"object": "Lead", "properties": {"Company": "Analytical", **fields}}
        httpx.post(f"{both.urls[Crm.SALESFORCE]}/_sim/create", json=body, timeout=30).raise_for_status()


def read_once(acme: Installation) -> None:
    """Both CRMs are read in full."""
    for crm in Crm:
        acme.link.poller(crm).baseline()
        acme.project()


@pytest.mark.rule(112)
@pytest.mark.rule(113)
def test_an_import_says_first_what_it_would_do_and_then_does_it(ready: Installation, both: Accounts) -> None:
    ada, nobody = {"LastName": "Byron", "Email": "ada@example.com"}, {"LastName": "Nobody"}
    enter_leads(both, ada, nobody, {"LastName": "Twin", "Email": "Ada@example.com"})
    read_once(ready)

    found = ready.json("import", "salesforce", "--preview")
    assert found == {"creates": 1, "exist": 0, "no_email": 1, "same_email": 1, "converted": 0}
    assert "Nothing was asked for." in ready.says("import", "salesforce", "--preview")

    at_work(ready)
    assert "1 contacts were asked for." in ready.says("import", "salesforce", "--where", "LastName = 'Byron'")
    assert ready.json("contact", "show", "ada@example.com")["open"][0]["trigger"] == "import"


def test_an_import_of_nobody_and_one_that_makes_no_sense_are_sentences(ready: Installation) -> None:
    read_once(ready)

    assert "No record with an e-mail address" in ready.fails("import", "salesforce", code=2)
    assert "does not understand --where" in ready.fails("import", "salesforce", "--where", "Ctiy = 'X'")
    assert "Account is not synced" in ready.fails("import", "salesforce", "--object", "Account")


# -- taking over from HubSpot's own integration


def test_pairs_are_taken_over_by_the_ids_that_hubspots_own_integration_kept(
    acme: Installation, both: Accounts
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    own = {"name": "salesforceleadid", "label": "Salesforce Lead ID", "groupName": "contactinformation"}
    url = f"{both.urls[Crm.HUBSPOT]}/crm/v3/properties/contacts"
    body = {**own, "type": "string", "fieldType": "text"}
    httpx.post(url, json=body, headers=headers, timeout=30).raise_for_status()
    enter_leads(both, {"LastName": "Byron", "Email": "work@example.com"})
    [lead] = both.gateways[Crm.SALESFORCE].ids("Lead", after=None).records
    person = {"email": "ada@example.com", "lastname": "Byron", "salesforceleadid": lead.id[:15]}
    both.control(Crm.HUBSPOT, "create", object="contacts", properties=person)
    acme.says("setup")
    acme.says("config", "apply")
    acme.project()
    read_once(acme)
    at_work(acme)

    [found] = acme.json("adopt")
    assert (found["by_id"], found["by_address"], found["hubspot_only"]) == (1, 0, 0)
    assert {each["hubspot"]: each["fate"] for each in found["differences"]}["email"].startswith("to ")
