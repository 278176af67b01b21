"""What each program is: its pins, its configuration, and how it says what it read.

A read is the program's own command with its own files: for Singer taps a catalog and a state, for Airbyte
sources a configured catalog and a state.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.connectors.environments import Environment

Json = dict[str, Any]
TIMEOUT_S = 600
START = "2020-01-01T00:00:00Z"


@dataclass
class Reading:
    """What one run of a program gave: rows by stream, and the state that its next run continues from."""

    rows: dict[str, list[Json]] = field(default_factory=dict)
    state: Any = None

    def add(self, stream: str, row: Json) -> None:
        self.rows.setdefault(stream, []).append(row)


@dataclass(frozen=True)
class Workplace:
    """Where a program runs: its environment, a folder for its files, and its process's variables."""

    environment: Environment
    folder: Path
    variables: dict[str, str]

    def write(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, command: str, *arguments: str) -> str:
        """Run one of the program's commands; returns its standard output."""
        log = self.folder / "log.txt"
        with log.open("a") as errors:
            done = subprocess.run(
                [self.environment.command(command), *arguments],
                env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.variables},
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            said = log.read_text()[-2000:] + done.stdout[-2000:]
            raise ProgramError(f"{command} ended with {done.returncode}: {said}")
        return done.stdout


class ProgramError(Exception):
    """A program did not do what it was asked for."""


@dataclass(frozen=True)
class Program:
    """A program that reads a CRM.

    `streams`: its name for each object of the CRM that it is asked for. `key`, `value`: a row's id, and its
    value of the field that is edited meanwhile; `keys`: the id's name in streams where it is another.
    `extra`: query parameters which the program sends though the API has none of that name. `pins`: the
    package's name, where it is not the program's.
    """

    name: str
    crm: str
    command: str
    config: Json
    streams: dict[str, str]
    read: Callable[["Program", Workplace, Any], Reading]
    key: str
    value: Callable[[Json], Any]
    keys: dict[str, str] = field(default_factory=dict)
    extra: frozenset[str] = frozenset()
    catalog_option: str = "--properties"
    pins: str = ""

    @property
    def package(self) -> str:
        return self.pins or self.name


def _messages(output: str) -> list[Json]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def read_singer(program: Program, place: Workplace, state: Any) -> Reading:
    """Discover, select, sync."""
    config = place.write("config.json", program.config)
    catalog = json.loads(place.run(program.command, "--config", config, "--discover"))
    for stream in catalog["streams"]:
        _select(stream, wanted=stream["tap_stream_id"] in program.streams.values())
    arguments = ["--config", config, program.catalog_option, place.write("catalog.json", catalog)]
    if state is not None:
        arguments += ["--state", place.write("state.json", state)]
    reading = Reading(state=state)
    for message in _messages(place.run(program.command, *arguments)):
        if message["type"] == "RECORD":
            reading.add(message["stream"], message["record"])
        elif message["type"] == "STATE":
            reading.state = message["value"]
    return reading


def _select(stream: Json, *, wanted: bool) -> None:
    for entry in stream["metadata"]:
        entry["metadata"]["selected"] = wanted and entry["metadata"].get("inclusion") != "unsupported"
        keys = entry["metadata"].get("valid-replication-keys")
        if wanted and keys:
            entry["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": keys[0]}


def read_airbyte(program: Program, place: Workplace, state: Any) -> Reading:
    """Check, discover, read."""
    config = place.write("config.json", program.config)
    checked = _messages(place.run(program.command, "check", "--config", config))
    if {"status": "SUCCEEDED"} not in [message.get("connectionStatus") for message in checked]:
        raise ProgramError(f"{program.name}: check failed: {checked[-1]}")
    found = _messages(place.run(program.command, "discover", "--config", config))
    known = next(message["catalog"]["streams"] for message in found if message["type"] == "CATALOG")
    chosen = [_configured(stream) for stream in known if stream["name"] in program.streams.values()]
    arguments = ["--config", config, "--catalog", place.write("catalog.json", {"streams": chosen})]
    if state is not None:
        arguments += ["--state", place.write("state.json", state)]
    reading, states = Reading(), {}
    for message in _messages(place.run(program.command, "read", *arguments)):
        if message["type"] == "RECORD":
            reading.add(message["record"]["stream"], message["record"]["data"])
        elif message["type"] == "STATE":
            states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    reading.state = list(states.values())
    return reading


def _configured(stream: Json) -> Json:
    return {
        "stream": stream,
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "cursor_field": stream.get("default_cursor_field", []),
    }


_TAP_SALESFORCE = {
    "refresh_token": "sim-refresh-token",
    "client_id": "sim-consumer-key",
    "client_secret": "sim-consumer-secret",
    "start_date": START,
}
_AIRBYTE_SALESFORCE = {
    "auth_type": "Client",
    "client_id": "sim-consumer-key",
    "client_secret": "sim-consumer-secret",
    "refresh_token": "sim-refresh-token",
    "start_date": START,
}
_OBJECTS = {"Contact": "Contact", "Lead": "Lead", "Account": "Account"}

PROGRAMS = (
    Program(
        name="tap-hubspot",
        crm="hubspot",
        command="tap-hubspot",
        config={"api_key": "pat-sim", "start_date": START},
        streams={"contacts": "contacts", "companies": "companies", "deals": "deals"},
        read=read_singer,
        key="id",
        keys={"companies": "companyId", "deals": "dealId"},
        value=lambda row: row.get("property_city"),
    ),
    Program(
        name="meltano-tap-hubspot",
        crm="hubspot",
        command="tap-hubspot",
        config={"access_token": "pat-sim", "start_date": START},
        streams={"contacts": "contacts", "companies": "companies", "deals": "deals"},
        read=read_singer,
        key="id",
        value=lambda row: row["properties"].get("city"),
        extra=frozenset({"limit", "sort", "order_by"}),
        catalog_option="--catalog",
    ),
    Program(
        name="airbyte-source-hubspot",
        crm="hubspot",
        command="source-hubspot",
        config={
            "credentials": {"credentials_title": "Private App Credentials", "access_token": "pat-sim"},
            "start_date": START,
        },
        streams={"contacts": "contacts", "companies": "companies", "deals": "deals"},
        read=read_airbyte,
        key="id",
        value=lambda row: row.get("properties_city"),
    ),
    Program(
        name="tap-salesforce",
        crm="salesforce",
        command="tap-salesforce",
        config={**_TAP_SALESFORCE, "api_type": "REST"},
        streams=_OBJECTS,
        read=read_singer,
        key="Id",
        value=lambda row: row.get("MailingCity"),
    ),
    Program(
        name="tap-salesforce-bulk",
        pins="tap-salesforce",
        crm="salesforce",
        command="tap-salesforce",
        config={**_TAP_SALESFORCE, "api_type": "BULK"},
        streams=_OBJECTS,
        read=read_singer,
        key="Id",
        value=lambda row: row.get("MailingCity"),
    ),
    Program(
        name="airbyte-source-salesforce",
        crm="salesforce",
        command="source-salesforce",
        config=_AIRBYTE_SALESFORCE,
        streams=_OBJECTS,
        read=read_airbyte,
        key="Id",
        value=lambda row: row.get("MailingCity"),
    ),
    Program(
        name="airbyte-source-salesforce-bulk",
        pins="airbyte-source-salesforce",
        crm="salesforce",
        command="source-salesforce",
        config={**_AIRBYTE_SALESFORCE, "force_use_bulk_api": True, "stream_slice_step": "P120D"},
        streams=_OBJECTS,
        read=read_airbyte,
        key="Id",
        value=lambda row: row.get("MailingCity"),
    ),
)
