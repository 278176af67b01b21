"""What the environment says, and how a wrong one is answered."""

from pathlib import Path

import pytest

from workers.settings import Settings, SettingsError


def test_nothing_set_means_the_embedded_server_and_files_beside_us() -> None:
    settings = Settings.load({})
    assert (settings.redis_url, settings.data_dir, settings.config_dir) == (None, Path("var"), Path("config"))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.load({"CRMSYNC_API_TOKEN": ""}).api_token is None


def test_a_connection_reads_its_own_secrets() -> None:
    settings = Settings.load(
        {
            "CRMSYNC_ACME_EU_HUBSPOT_TOKEN": "eu-token",
            "CRMSYNC_ACME_HUBSPOT_TOKEN": "acme-token",
            "CRMSYNC_ACME_EU_SALESFORCE_BASE_URL": "http://127.0.0.1:9001",
        }
    )
    acme_eu = settings.connection("acme-eu")
    assert acme_eu.secret("hubspot_token") == "eu-token"
    assert acme_eu.salesforce_base_url == "http://127.0.0.1:9001"
    assert acme_eu.hubspot_base_url is None


def test_a_missing_secret_is_named_with_its_remedy() -> None:
    with pytest.raises(SettingsError, match="CRMSYNC_ACME_HUBSPOT_TOKEN is not set: copy the token"):
        Settings.load({}).connection("acme").secret("hubspot_token")


def test_the_private_key_is_read_from_its_file(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("PEM")
    settings = Settings.load({"CRMSYNC_ACME_SALESFORCE_PRIVATE_KEY_FILE": str(key)})
    assert settings.connection("acme").private_key() == "PEM"


def test_an_unreadable_private_key_is_named(tmp_path: Path) -> None:
    settings = Settings.load({"CRMSYNC_ACME_SALESFORCE_PRIVATE_KEY_FILE": str(tmp_path / "none.pem")})
    with pytest.raises(SettingsError, match=r"CRMSYNC_ACME_SALESFORCE_PRIVATE_KEY_FILE names .*none\.pem"):
        settings.connection("acme").private_key()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("CRMSYNC_LOG_LEVEL", "loud", id="no such level"),
        pytest.param("CRMSYNC_FLOWER_PORT", "many", id="not a number"),
        pytest.param("CRMSYNC_FLOWER_BASIC_AUTH", "secret-without-user", id="no user before the password"),
        pytest.param("CRMSYNC_REDIS_URL", "secret-host:6379", id="no scheme"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.load({name: value})
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("HUBSPOT_TOKEN", "pat-two\nlines", id="a line break within"),
        pytest.param("SALESFORCE_CONSUMER_SECRET", "s\u00e9same", id="a letter that no header carries"),
        pytest.param("HUBSPOT_BASE_URL", "api.hubapi.com", id="an address without its scheme"),
        pytest.param("NOTICE_URL", "hooks.example.com/T00", id="a secret address without its scheme"),
        pytest.param("HUBSPOT_ACCEPT_V1_SIGNATURES", "perhaps", id="neither true nor false"),
    ],
)
def test_a_wrong_variable_of_a_connection_is_named_and_its_value_is_not_shown(name: str, value: str) -> None:
    settings = Settings.load({f"CRMSYNC_ACME_{name}": value})
    with pytest.raises(SettingsError, match=f"^CRMSYNC_ACME_{name} is wrong ") as caught:
        settings.connection("acme")
    assert value not in str(caught.value)


def test_a_line_break_behind_a_secret_does_not_count() -> None:
    settings = Settings.load({"CRMSYNC_ACME_HUBSPOT_TOKEN": "pat-1\n", "CRMSYNC_API_TOKEN": " \n"})
    assert settings.connection("acme").secret("hubspot_token") == "pat-1"
    assert settings.api_token is None


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings.load(
        {
            "CRMSYNC_REDIS_URL": "redis://:hidden@host/0",
            "CRMSYNC_ACME_HUBSPOT_TOKEN": "hidden",
            "CRMSYNC_API_TOKEN": "hidden",
        }
    )
    assert "hidden" not in f"{settings!r} {settings} {settings.connection('acme')!r}"


def test_a_file_in_the_working_directory_fills_in_what_the_environment_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CRMSYNC_LOG_LEVEL=debug\nCRMSYNC_DATA_DIR=/from/file\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRMSYNC_DATA_DIR", "/from/environment")

    settings = Settings.load()

    assert (settings.log_level, settings.data_dir) == ("debug", Path("/from/environment"))


@pytest.mark.parametrize(
    ("log", "broker"),
    [
        pytest.param("redis://host:6379/0", "redis://host:6379/1", id="a host"),
        pytest.param(
            "rediss://:pw@host/0?ssl_cert_reqs=none", "rediss://:pw@host/1?ssl_cert_reqs=none", id="TLS"
        ),
        pytest.param("unix:///var/v.sock", "redis+socket:///var/v.sock?virtual_host=1", id="a socket"),
        pytest.param(
            "unix://:pw@/var/v.sock", "redis+socket://:pw@/var/v.sock?virtual_host=1", id="a password"
        ),
    ],
)
def test_the_broker_is_the_second_database_of_the_logs_server(log: str, broker: str) -> None:
    assert Settings.load({"CRMSYNC_REDIS_URL": log}).broker() == broker


def test_the_embedded_servers_address_is_known_before_it_runs(tmp_path: Path) -> None:
    settings = Settings.load({"CRMSYNC_DATA_DIR": str(tmp_path)})
    assert settings.log_server() == f"unix://{tmp_path}/valkey/v.sock"
    assert settings.broker() == f"redis+socket://{tmp_path}/valkey/v.sock?virtual_host=1"


def test_a_broker_of_its_own_is_taken_as_it_is() -> None:
    settings = Settings.load({"CRMSYNC_BROKER_URL": "amqp://guest@rabbit//"})
    assert settings.broker() == "amqp://guest@rabbit//"
