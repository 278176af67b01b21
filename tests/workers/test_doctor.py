"""What the doctor says of each thing that can be wrong, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from domain.identity import Crm
from tests.workers.accounts import Accounts, accounts
from tests.workers.configurations import FILE, configuration
from workers.clock import Clock, ManualClock, SystemClock
from workers.configuration import Configuration, ConnectionOptions, connection_options, loads
from workers.doctor import Finding, Health, Patient, examine
from workers.doctor.accounts import check_budget, check_clock, check_zone
from workers.doctor.archive import check_archive
from workers.doctor.machine import check_secrets, check_server, check_webhooks, secrets_needed
from workers.embedded import ensure, stop
from workers.gateways.provisioning import scopes_needed
from workers.ports import Particulars
from workers.setup import missing, provision
from workers.views import ArchiveView, Verified

HOUR = 3_600_000
LISTED = "  limit_sync: {inclusion_list: Sync to Salesforce}\n"


DAY = 24 * HOUR
ARCHIVED = ArchiveView(
    until="1767225600000-0",
    age_ms=60_000,
    written_ms=30_000,
    events=120_000,
    segments=3,
    bytes=9_000_000,
    documents=4,
    waiting=12,
    waiting_ms=20_000,
    snapshots=5,
    snapshot="1767225500000-0",
    snapshot_ms=2 * DAY,
    verified=Verified(SystemClock().now_ms() - DAY, "1767225600000-0", 0),
    keeps_events=200_000,
    keeps_hours=48,
    problem="",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    home = tmp_path_factory.mktemp("server")
    with redis.Redis.from_url(ensure(home), protocol=2) as client:
        yield client
    stop(home)


def options(head: str = "") -> ConnectionOptions:
    return connection_options(configuration(head=head))


def jwt() -> ConnectionOptions:
    text = FILE.replace("domain: acme.my", "domain: login, login: jwt, username: crmsync@acme.com")
    return connection_options(loads(text, file="acme.yaml"))


def patient(
    both: Accounts,
    server: redis.Redis,
    read: Configuration | None = None,
    *,
    absent: Callable[[str], str] = lambda _: "",
    clock: Clock | None = None,
) -> Patient:
    return Patient(
        configuration=read or configuration(section=LISTED),
        server=server,
        absent=absent,
        gateways=lambda: both.gateways,
        provisioning=lambda: both.provisioning,
        lists=lambda: both.lists,
        rules=lambda: both.rules,
        public_url="https://sync.acme.com",
        clock=clock or SystemClock(),
        archive=lambda: ARCHIVED,
        archive_place="var/archive",
        snapshot_days=7,
    )


def complaints(findings: Iterator[Finding]) -> list[str]:
    return [f"{one.health}: {one.what} {one.remedy}" for one in findings if one.health is not Health.OK]


def set_up(both: Accounts) -> None:
    provision(missing(configuration(), both.schemas), both.provisioning, both.gateways)
    both.add_list("Sync to Salesforce", "DYNAMIC")


# -- a whole connection


def test_a_healthy_connection_has_nothing_to_complain_of(server: redis.Redis) -> None:
    with accounts() as both:
        set_up(both)
        findings = list(examine(patient(both, server)))
    assert complaints(iter(findings)) == []
    told = [finding.what for finding in findings]
    assert "HubSpot's time zone is Europe/Vienna." in told
    assert 'The inclusion list "Sync to Salesforce" is active.' in told
    assert "HubSpot may be asked 500,000 times a day; polling takes 5,760." in told
    assert "Webhooks are expected at https://sync.acme.com/webhooks/hubspot/acme." in told
    assert "The archive in var/archive holds 120,000 events, and 12 wait for it." in told
    assert "5 snapshots, the newest 2 days old." in told
    assert "The archive was verified up to 1767225600000-0, and was whole." in told


def test_fresh_accounts_need_setup_and_a_list(server: redis.Redis) -> None:
    with accounts() as both:
        both.add_list("Sync with Salesforce", "DYNAMIC")
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            "fail: acme.yaml:3:1: HubSpot shows no field salesforce_record_id of contacts to hold the other "
            "side's id. Run crmsync setup."
        ),
        *(
            f"fail: acme.yaml:3:1: Salesforce shows no field HubSpot_Contact_Id__c of {name} to hold the "
            "other side's id. Run crmsync setup."
            for name in ("Lead", "Contact")
        ),
        'fail: HubSpot has no list "Sync to Salesforce". Did you mean "Sync with Salesforce"?',
    ]


def test_a_static_list_is_refused(server: redis.Redis) -> None:
    with accounts() as both:
        provision(missing(configuration(), both.schemas), both.provisioning, both.gateways)
        both.add_list("Sync to Salesforce", "SNAPSHOT")
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            'fail: The inclusion list "Sync to Salesforce" is static, and nobody ever joins it by himself. '
            "Choose an active list."
        )
    ]


@pytest.mark.rule(68, 131)
@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ("communication_preferences.write", []),
        ("communication_preferences.read_write", []),
        (
            "communication_preferences.read",
            [
                (
                    "fail: The HubSpot credential lacks the scope communication_preferences.write. "
                    "Add it to the app or service key that the token belongs to."
                )
            ],
        ),
    ],
)
def test_the_scope_for_opt_outs_is_asked_for_where_they_are_mapped(
    server: redis.Redis, scope: str, says: list[str]
) -> None:
    mapping = "{hubspot: hs_email_optout, salesforce: HasOptedOutOfEmail, sync_rule: opt_out}"
    others = ["crm.schemas.contacts.write", "crm.lists.write", scope]
    with accounts(scopes=[*scopes_needed(["contacts"], opt_outs=False), *others]) as both:
        set_up(both)
        assert complaints(examine(patient(both, server))) == []
        read = configuration(section=LISTED, mappings=(mapping,))
        assert complaints(examine(patient(both, server, read))) == says


@pytest.mark.rule(131)
def test_each_scope_that_lacks_is_named(server: redis.Redis) -> None:
    granted = set(scopes_needed(["contacts"], opt_outs=False)) - {
        "crm.objects.contacts.write",
        "crm.objects.owners.read",
    }
    with accounts(scopes=[*granted, "crm.schemas.contacts.write", "crm.lists.write"]) as both:
        set_up(both)
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            "fail: The HubSpot credential lacks the scope crm.objects.contacts.write. "
            "Add it to the app or service key that the token belongs to."
        ),
        (
            "fail: The HubSpot credential lacks the scope crm.objects.owners.read. "
            "Add it to the app or service key that the token belongs to."
        ),
        (
            "fail: HubSpot's owners cannot be read: The HubSpot app lacks a scope that this call needs. "
            "(MISSING_SCOPES) Grant the scope that the message names to the app, then clear the suspension."
        ),
    ]


@pytest.mark.rule(130)
def test_a_wrong_token_is_told_once(server: redis.Redis) -> None:
    with accounts(credential="pat-wrong") as both:
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            "fail: HubSpot cannot be used: The CRM does not accept our login. (INVALID_AUTHENTICATION) "
            "Renew the credential, check that the integration user is active, then clear the suspension."
        )
    ]


@pytest.mark.rule(131, 132)
def test_an_object_that_our_user_cannot_see_is_told(server: redis.Redis) -> None:
    with accounts() as both:
        set_up(both)
        both.control(Crm.SALESFORCE, "permissions", object="Lead", access="none")
        said = complaints(examine(patient(both, server)))
    assert said[0] == (
        "fail: The Salesforce credential lacks Read on Lead. "
        "Grant it to the integration user in a permission set."
    )


@pytest.mark.rule(132)
def test_a_mapped_field_that_our_user_cannot_see_is_told(server: redis.Redis) -> None:
    titled = configuration(section=LISTED, mappings=("{hubspot: jobtitle, salesforce: {Contact: Title}}",))
    with accounts() as both:
        set_up(both)
        both.control(Crm.SALESFORCE, "permissions", object="Contact", field="Title", access="none")
        (said,) = complaints(examine(patient(both, server, titled)))
    assert said.startswith('fail: acme.yaml:9:40: Salesforce shows no field "Title" of Contact. ')


def test_without_a_secret_no_account_is_asked(server: redis.Redis) -> None:
    def absent(name: str) -> str:
        return "CRMSYNC_ACME_HUBSPOT_TOKEN is not set: copy it." if name == "hubspot_token" else ""

    with accounts() as both:
        said = complaints(examine(patient(both, server, absent=absent)))
        assert [both.asked(crm) for crm in Crm] == [0, 0]
    assert said == ["fail: CRMSYNC_ACME_HUBSPOT_TOKEN is not set. Copy it."]


def test_a_small_allowance_is_told_before_polling_eats_it(server: redis.Redis) -> None:
    with accounts(daily_calls=15_000) as both:
        set_up(both)
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            "warn: Polling alone takes 11,520 of the 12,000 calls a day that Salesforce may be asked. "
            "Poll less often (polling: {interval: 29s}), or raise api_call_limit."
        )
    ]


def test_a_wrong_clock_is_told(server: redis.Redis) -> None:
    with accounts() as both:
        set_up(both)
        late = ManualClock(SystemClock().now_ms() - HOUR)
        said = complaints(examine(patient(both, server, clock=late)))
    assert len(said) == len(Crm)
    assert said[0].startswith("fail: Our clock is 3")


# -- one check each


def test_a_server_that_forgets_is_told(tmp_path: Path) -> None:
    with redis.Redis.from_url(ensure(tmp_path), protocol=2) as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")
        said = complaints(check_server(client))
    stop(tmp_path)
    assert said == [
        (
            "fail: The log's server: maxmemory-policy is allkeys-lru, so a full server throws the log away. "
            "Set it to noeviction."
        ),
        "fail: The log's server: appendonly is no, so a restart loses what came in last. Set it to yes.",
    ]


def test_a_server_that_is_away_is_told() -> None:
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as nobody:
        said = complaints(check_server(nobody))
    assert said == [
        "fail: The log's server cannot be used (ConnectionError). Start it, or correct CRMSYNC_REDIS_URL."
    ]


@pytest.mark.parametrize(
    ("head", "webhooks", "needed"),
    [
        pytest.param(
            "",
            True,
            (
                "hubspot_token",
                "hubspot_client_secret",
                "salesforce_consumer_key",
                "salesforce_consumer_secret",
            ),
            id="webhooks and client credentials",
        ),
        pytest.param(
            "",
            False,
            ("hubspot_token", "salesforce_consumer_key", "salesforce_consumer_secret"),
            id="no public address",
        ),
        pytest.param(
            "hubspot: {credential: service_key}\n",
            True,
            ("hubspot_token", "salesforce_consumer_key", "salesforce_consumer_secret"),
            id="a service key",
        ),
    ],
)
def test_only_the_secrets_in_use_are_needed(head: str, *, webhooks: bool, needed: tuple[str, ...]) -> None:
    assert secrets_needed(options(head), webhooks=webhooks) == needed


def test_a_signed_login_needs_its_key_file() -> None:
    needed = secrets_needed(jwt(), webhooks=False)
    assert needed == ("hubspot_token", "salesforce_consumer_key", "salesforce_private_key_file")


def test_every_absent_secret_is_told() -> None:
    said = complaints(check_secrets(options(), lambda name: f"{name} is not set: find it.", webhooks=False))
    assert said == [
        f"fail: {name} is not set. Find it." for name in secrets_needed(options(), webhooks=False)
    ]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param(
            None,
            "warn: Webhooks are on without a public address: HubSpot is polled every 15 s. "
            "Set CRMSYNC_PUBLIC_URL, or webhooks: {enabled: false} if that is meant.",
            id="none",
        ),
        pytest.param("http://sync.acme.com", "the address must begin with https://", id="not encrypted"),
        pytest.param("https://localhost:8000", '"localhost" is not known on the internet', id="this machine"),
        pytest.param("https://10.1.2.3", '"10.1.2.3" is not known on the internet', id="inside"),
        pytest.param("https://crm.local", '"crm.local" is not known on the internet', id="inside by name"),
        pytest.param("https://sync.acme.com?a=b", "the address must not have ? or #", id="a query"),
    ],
)
def test_an_address_that_hubspot_cannot_call_is_told(url: str | None, says: str) -> None:
    (said,) = complaints(check_webhooks(options(), url))
    assert says in said


def test_polling_only_is_no_complaint() -> None:
    assert complaints(check_webhooks(options("webhooks: {enabled: false}\n"), None)) == []


@pytest.mark.parametrize(
    ("skew_ms", "says"),
    [
        pytest.param(4_000, [], id="within a few seconds"),
        pytest.param(
            30_000,
            ["warn: Our clock is 30 s behind HubSpot's. Let this machine set its clock by NTP."],
            id="behind",
        ),
        pytest.param(
            -300_000,
            ["fail: Our clock is 300 s ahead of HubSpot's. Let this machine set its clock by NTP."],
            id="far ahead",
        ),
    ],
)
def test_clocks_are_compared(skew_ms: int, says: list[str]) -> None:
    assert complaints(check_clock(Crm.HUBSPOT, skew_ms)) == says


def test_a_time_zone_that_nobody_knows_is_told() -> None:
    assert complaints(check_zone(Crm.HUBSPOT, "Mars/Olympus")) == [
        (
            "fail: HubSpot's time zone \"Mars/Olympus\" is not in this machine's time-zone data. "
            "Update the tzdata package, or choose another zone in the account."
        )
    ]


@pytest.mark.parametrize(
    ("account", "says"),
    [
        pytest.param(
            Particulars("1", "UTC"),
            "warn: HubSpot does not say how many calls a day it takes. "
            "Set hubspot: api_call_limit: {per_day: ...}.",
            id="unknown",
        ),
        pytest.param(
            Particulars("1", "UTC", calls_per_day=250_000, calls_used=250_000),
            "fail: HubSpot's calls of the day are used up (250,000 of 250,000). "
            "Wait until they are given anew, or see who else calls.",
            id="used up",
        ),
    ],
)
def test_the_days_calls_are_looked_at(account: Particulars, says: str) -> None:
    assert complaints(check_budget(Crm.HUBSPOT, account, options(), objects=1)) == [says]


def test_other_objects_share_the_scopes_of_custom_ones() -> None:
    assert scopes_needed(["badges"], opt_outs=False)[:2] == [
        "crm.objects.custom.read",
        "crm.objects.custom.write",
    ]


# -- its page


@pytest.mark.rule(131)
def test_the_page_on_connecting_names_every_scope_and_secret() -> None:
    page = (Path(__file__).parents[2] / "docs" / "connect.md").read_text()
    named = [*scopes_needed(["contacts"], opt_outs=True), *configuration().kinds["contacts"].salesforce]
    secrets = {*secrets_needed(options(), webhooks=True), *secrets_needed(jwt(), webhooks=True)}
    named += [f"CRMSYNC_ACME_{secret.upper()}" for secret in secrets]
    assert [name for name in named if name not in page] == []


# -- validation rules


def test_validation_rules_that_may_not_be_read_are_no_failure(server: redis.Redis) -> None:
    with accounts() as both:
        set_up(both)
        both.control(Crm.SALESFORCE, "permissions", object="ValidationRule", access="none")
        said = complaints(examine(patient(both, server)))
    assert said == [
        (
            "warn: Salesforce's validation rules cannot be read (INVALID_TYPE): writes are not checked by "
            "them. Grant the integration user View Setup and Configuration, if they are to be checked before."
        )
    ]


def test_validation_rules_are_counted(server: redis.Redis) -> None:
    with accounts() as both:
        set_up(both)
        rule = {"name": "No_Atlantis", "formula": 'City = "Atlantis"', "message": "No."}
        both.control(Crm.SALESFORCE, "validation_rules", entity="Lead", **rule)
        told = [finding.what for finding in examine(patient(both, server))]
    assert "Salesforce's active validation rules can be read: 1." in told


# -- the archive


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"problem": "segments/1 is missing"}, "fail: The archive in /a: segments/1 is missing See"),
        ({"waiting_ms": HOUR}, "warn: The archive in /a holds 120,000 events, and 12 wait for it for 60 min"),
        ({"snapshot_ms": 15 * DAY}, "warn: 5 snapshots, the newest 15 days old. Start the workers"),
        ({"verified": None}, "warn: The archive was never verified. Run crmsync log verify"),
        ({"verified": Verified(0, "1-0", 0)}, "warn: The archive was not verified for long."),
        (
            {"verified": Verified(0, "1-0", 2)},
            "fail: The last crmsync log verify found faults in the archive: 2.",
        ),
    ],
)
def test_an_archive_that_needs_somebody_is_told(changes: dict[str, Any], says: str) -> None:
    found = replace(ARCHIVED, **changes)
    (said,) = complaints(check_archive(found, "/a", 7, SystemClock().now_ms()))
    assert said.startswith(says)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"snapshot_ms": 90 * DAY, "snapshot": ARCHIVED.until}, id="nothing happened since"),
        pytest.param({"verified": None, "segments": 1}, id="hardly begun"),
        pytest.param({"snapshot_ms": None, "snapshots": 0, "verified": None, "segments": 0}, id="empty"),
    ],
)
def test_an_archive_in_which_little_happens_is_no_complaint(changes: dict[str, Any]) -> None:
    found = replace(ARCHIVED, **changes)
    assert complaints(check_archive(found, "/a", 7, SystemClock().now_ms())) == []
