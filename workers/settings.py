"""The only reader of the environment: what differs from machine to machine, and the secrets.

What a connection syncs stands in its YAML file. A connection's secrets are looked up by
its name: the connection ``acme-eu`` reads ``CRMSYNC_ACME_EU_HUBSPOT_TOKEN`` and so on.
Every variable may also stand in a file ``.env`` in the working directory; the process's
own environment wins. ``.env.example`` lists them all.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from workers import embedded

PREFIX = "CRMSYNC_"

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

REMEDIES = {
    "hubspot_token": "copy the token of the HubSpot app or service key (docs/connect.md, step 1)",
    "hubspot_client_secret": "copy the client secret of the HubSpot app that sends the webhooks",
    "salesforce_consumer_key": "copy the consumer key of the Salesforce app",
    "salesforce_consumer_secret": "copy the consumer secret of the Salesforce app",
    "salesforce_private_key_file": "name the PEM file whose certificate the Salesforce app holds",
}
"""Per secret: where a person finds it."""


class SettingsError(Exception):
    """A variable is missing or wrong; the message names it and says what to do."""


class ConnectionSettings(BaseModel):
    """One connection's secrets, and where its CRMs are if not at their public addresses.

    ``None`` means not set: which ones a connection needs follows from how it logs in.
    """

    model_config = ConfigDict(frozen=True)

    prefix: str  #: what the names of this connection's variables start with
    hubspot_token: SecretStr | None = None
    hubspot_client_secret: SecretStr | None = None
    hubspot_accept_v1_signatures: bool = False  #: of webhooks; they cover neither URL nor time
    hubspot_base_url: str | None = None
    salesforce_consumer_key: SecretStr | None = None
    salesforce_consumer_secret: SecretStr | None = None
    salesforce_private_key_file: Path | None = None
    salesforce_base_url: str | None = None
    notice_url: SecretStr | None = None  #: who is told of new sync errors and suspensions; None: nobody

    @field_validator(
        "hubspot_token", "hubspot_client_secret", "salesforce_consumer_key", "salesforce_consumer_secret"
    )
    @classmethod
    def _what_a_header_can_carry(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not re.fullmatch("[!-~]+", secret.get_secret_value()):
            raise ValueError("must be one word of visible ASCII characters")
        return secret

    @field_validator("hubspot_base_url", "salesforce_base_url", "notice_url")
    @classmethod
    def _an_address_on_the_web(cls, url: Any) -> Any:
        text = url.get_secret_value() if isinstance(url, SecretStr) else url
        if text and not re.match("https?://[^/]", text):
            raise ValueError("must start with http:// or https://")
        return url

    def secret(self, name: str) -> str:
        """The secret in the clear, for the client that needs it.

        Raises:
            SettingsError: if it is not set.
        """
        found = getattr(self, name)
        if found is None:
            raise SettingsError(f"{self.prefix}{name.upper()} is not set: {REMEDIES[name]}.")
        return str(found.get_secret_value() if isinstance(found, SecretStr) else found)

    def private_key(self) -> str:
        """The PEM text of the key that signs Salesforce logins.

        Raises:
            SettingsError: if no file is named, or it cannot be read.
        """
        path = Path(self.secret("salesforce_private_key_file"))
        try:
            return path.read_text()
        except OSError as error:
            raise SettingsError(
                f"{self.prefix}SALESFORCE_PRIVATE_KEY_FILE names {path}, which cannot be read "
                f"({error.strerror}): correct the path or its permissions."
            ) from None


class Settings(BaseModel):
    """What one process is told by its environment; each field is the variable of the same name."""

    model_config = ConfigDict(frozen=True)

    redis_url: SecretStr | None = None  #: the log's server; None: the embedded server in ``data_dir``
    broker_url: SecretStr | None = None  #: Celery's broker; None: database 1 of the log's server
    data_dir: Path = Path("var")
    config_dir: Path = Path("config")  #: one YAML file per connection
    archive_url: str | None = None  #: a directory, or a bucket's URL; None: ``archive`` in ``data_dir``
    archive_cache_mb: int = Field(
        default=1_000, ge=0
    )  #: of a bucket's files that are kept in ``data_dir``, for each connection; 0: none
    log_events: int = Field(
        default=200_000, ge=1_000
    )  #: that the log's server keeps of a connection, at most
    log_hours: int = Field(default=48, ge=1)  #: for which it keeps them, at most
    snapshot_days: int = Field(
        default=7, ge=1
    )  #: after which the state is kept once more, and an epoch begins
    embedded_port: int = Field(default=0, ge=0, le=65535)  #: 0: the embedded server has a socket only
    public_url: str | None = None  #: how the CRMs reach the web process; None: polling only
    api_token: SecretStr | None = None  #: opens /api, /console and /metrics; None: they stay shut
    flower_address: str = "127.0.0.1"
    flower_port: int = Field(default=5555, ge=0, le=65535)
    flower_basic_auth: SecretStr | None = None  #: ``user:password``
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    environment: dict[str, SecretStr] = Field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings; ``None`` reads the process's environment over ``./.env``.

        An empty variable counts as not set, and blanks around a value do not count. Variables that belong
        to a connection are kept for `connection`; others that start with ``CRMSYNC_`` are ignored.

        Raises:
            SettingsError: naming each wrong variable, what is wrong and the accepted values.
        """
        ours = {name: SecretStr(value) for name, value in _variables(environment).items()}
        given = {name: value.get_secret_value() for name, value in ours.items()}
        known = {field: given[_variable(field)] for field in cls.model_fields if _variable(field) in given}
        try:
            return cls.model_validate({**known, "environment": ours})
        except ValidationError as error:
            raise SettingsError(_in_words(error, PREFIX)) from None

    @field_validator("redis_url")
    @classmethod
    def _a_server_redis_py_can_reach(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url

    @field_validator("flower_basic_auth")
    @classmethod
    def _a_user_and_a_password(cls, pair: SecretStr | None) -> SecretStr | None:
        if pair and not re.fullmatch("[^:]+:.+", pair.get_secret_value()):
            raise ValueError("must be user:password")
        return pair

    def log_server(self) -> str:
        """The URL of the log's server, which need not run yet if it is the embedded one."""
        if self.redis_url:
            return self.redis_url.get_secret_value()
        return embedded.url(self.data_dir)

    def archive(self) -> str:
        """Where the archives of all connections are: a directory or a URL."""
        return self.archive_url or str(self.data_dir / "archive")

    def broker(self) -> str:
        """The URL of Celery's broker."""
        if self.broker_url:
            return self.broker_url.get_secret_value()
        return _beside(self.log_server())

    def connection(self, name: str) -> ConnectionSettings:
        """The secrets and addresses of the connection of that name.

        Raises:
            SettingsError: as ``load`` does.
        """
        prefix = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_"
        fields = ConnectionSettings.model_fields.keys() - {"prefix"}
        given = {field: self.environment.get(prefix + field.upper()) for field in fields}
        values = {field: value.get_secret_value() for field, value in given.items() if value}
        try:
            return ConnectionSettings.model_validate({**values, "prefix": prefix})
        except ValidationError as error:
            raise SettingsError(_in_words(error, prefix)) from None


def _beside(redis_url: str) -> str:
    """Database 1 of the same server, as Celery spells it."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host=1"
    return urlunsplit(parts._replace(path="/1"))


def _variables(environment: Mapping[str, str] | None) -> dict[str, str]:
    found = {**dotenv_values(".env"), **os.environ} if environment is None else environment
    ours = {name: (value or "").strip() for name, value in found.items() if name.startswith(PREFIX)}
    return {name: value for name, value in ours.items() if value}


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _in_words(error: ValidationError, prefix: str) -> str:
    """Names and expectations only: the value itself may be a secret."""
    found = error.errors(include_input=False, include_url=False)
    problems = ((str(each["loc"][0]).upper(), each["msg"].removeprefix("Value error, ")) for each in found)
    return "\n".join(
        f"{prefix}{name} is wrong ({what}): correct it in the environment or in .env."
        for name, what in problems
    )


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, for the processes that it starts."""
    return {**os.environ, **changes}
