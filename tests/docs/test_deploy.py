"""The files of deploy/ agree with the Procfile, with the settings and with the tools that read them."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from workers.gateways.hubspot_client import Portal
from workers.gateways.salesforce_client import Org
from workers.settings import PREFIX, Settings
from workers.storage.redis_store import MOST_CONNECTIONS
from workers.telemetry import MetricName

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"crmsync_[a-z_]+")

PROCESSES = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


def run(*command: str | Path) -> str:
    """What a linter says; it must be content."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str) -> Path:
    return Path(sys.executable).parent / name


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def deployments() -> dict[str, dict[str, Any]]:
    """Process -> its one container."""
    items = yaml.safe_load((DEPLOY / "kubernetes" / "crmsync.yaml").read_text())["items"]
    pods = [item["spec"]["template"]["spec"] for item in items if item["kind"] == "Deployment"]
    return {container["name"]: container for pod in pods for container in pod["containers"]}


def dockerfile_command() -> list[str]:
    last = (DEPLOY / "Dockerfile").read_text().splitlines()[-1]
    return list(json.loads(last.removeprefix("CMD ")))


def test_compose_runs_the_commands_of_the_procfile() -> None:
    services = compose()["services"]
    assert {name: services[name]["command"] for name in PROCESSES} == PROCESSES


def test_kubernetes_runs_the_commands_of_the_procfile() -> None:
    commands = {name: container["args"] for name, container in deployments().items()}
    assert commands == {name: shlex.split(command) for name, command in PROCESSES.items()}


def test_the_image_serves_the_web_unless_told_otherwise() -> None:
    assert dockerfile_command() == shlex.split(PROCESSES["web"])


def test_the_systemd_target_starts_every_process_of_the_procfile() -> None:
    target = (DEPLOY / "systemd" / "crmsync.target").read_text()
    assert set(re.findall(r"crmsync@(\w+)\.service", target)) == set(PROCESSES)


def test_the_systemd_unit_finds_its_command_in_the_procfile() -> None:
    """The unit looks its command up with sed; this runs the same sed."""
    unit = (DEPLOY / "systemd" / "crmsync@.service").read_text()
    script = re.search(r"exec \$\$\((sed .*)\)'", unit)
    assert script
    found = {name: run("sh", "-c", script[1].replace("%i", name)).strip() for name in PROCESSES}
    assert found == PROCESSES


def test_the_systemd_unit_may_open_the_sockets_of_some_hundred_connections() -> None:
    unit = (DEPLOY / "systemd" / "crmsync@.service").read_text()
    limit = re.search(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    sockets = sum(signature(each).parameters["connections"].default for each in (Portal, Org))
    assert limit
    assert int(limit[1]) > MOST_CONNECTIONS + 300 * sockets


def test_composes_log_neither_evicts_nor_forgets() -> None:
    command = compose()["services"]["valkey"]["command"]
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


@pytest.mark.parametrize(
    "file", ["deploy/Dockerfile", "deploy/compose.yaml", "deploy/systemd/crmsync@.service"]
)
def test_only_variables_that_exist_are_set(file: str) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+", (ROOT / file).read_text()))
    assert named <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_the_example_names_every_setting() -> None:
    example = (ROOT / ".env.example").read_text()
    missing = [
        field
        for field in Settings.model_fields.keys() - {"environment"}
        if PREFIX + field.upper() not in example
    ]
    assert missing == []


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/crmsync.json"])
def test_only_metrics_that_exist_are_watched(file: str) -> None:
    named = set(METRIC.findall((DEPLOY / file).read_text()))
    assert named
    assert named <= set(get_args(MetricName))


def test_every_alert_says_what_is_wrong() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)


def test_the_dashboards_panels_do_not_overlap() -> None:
    panels = json.loads((DEPLOY / "grafana" / "crmsync.json").read_text())["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels) == len({panel["id"] for panel in panels})


def test_the_image_holds_what_it_copies() -> None:
    """What .dockerignore shuts out cannot be copied."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source for line in copied for source in line.split()} == let_in


@pytest.mark.skipif(sys.platform != "linux", reason="the linter is pinned for Linux")
def test_the_dockerfile_lints_clean() -> None:
    assert run(tool("hadolint"), DEPLOY / "Dockerfile") == ""


def test_the_compose_file_answers_to_its_schema() -> None:
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd on this machine")
@pytest.mark.parametrize("process", PROCESSES)
def test_systemd_accepts_the_unit(process: str, tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        shutil.copy(unit, tmp_path)
    instance = tmp_path / f"crmsync@{process}.service"
    shutil.copy(DEPLOY / "systemd" / "crmsync@.service", instance)
    assert run("systemd-analyze", "verify", instance) == ""
