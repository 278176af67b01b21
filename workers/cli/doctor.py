"""``crmsync doctor`` and ``crmsync setup``: whether a connection can work, and what it needs in both CRMs."""

from pathlib import Path

import click

from domain.identity import Crm
from workers import views
from workers.bootstrap import Link
from workers.cli.configuration import described
from workers.cli.output import emit, say
from workers.cli.session import with_json, with_link
from workers.doctor import Finding, Health, Patient, examine
from workers.gateways.provisioning import HubSpotProvisioning, SalesforceProvisioning
from workers.ports import ProvisioningGateway
from workers.settings import SettingsError
from workers.setup import export as write_files
from workers.setup import missing, provision

MARKS = {Health.OK: "ok  ", Health.WARN: "warn", Health.FAIL: "FAIL"}


@click.command()
@with_json
@with_link
def doctor(link: Link, *, as_json: bool) -> None:
    """Say what is wrong with a connection, and the remedy. Looks only; exit code 1 if it cannot work.

    It looks at the log's server and archive, secrets, webhooks, both accounts, fields and lists.
    """
    found = []
    for finding in examine(_patient(link)):
        found.append(finding)
        if not as_json:
            say(_words(finding))
    if as_json:
        emit([each._asdict() for each in found])
    if any(each.health is Health.FAIL for each in found):
        raise SystemExit(1)


@click.command()
@click.option(
    "--export",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Create nothing; write what an admin can deploy to this directory.",
)
@with_link
def setup(link: Link, *, directory: Path | None) -> None:
    """Create the two key fields in both CRMs, where they are missing."""
    wanted = missing(link.configuration, described(link))
    if not wanted:
        say("Both CRMs have what is needed. Next: crmsync config apply")
    elif directory is not None:
        say(*(f"wrote {path}" for path in write_files(wanted, directory)))
    else:
        done = provision(wanted, _provisioning(link), link.accounts.gateways)
        say(*(f"created {each.provision}" if each.done else each.remedy for each in done))
        if not all(each.done for each in done):
            raise SystemExit(1)
        say("Next: crmsync config apply")


def _words(finding: Finding) -> str:
    remedy = f" {finding.remedy}" if finding.remedy else ""
    return f"{MARKS[finding.health]} {finding.what}{remedy}"


def _patient(link: Link) -> Patient:
    runtime = link.runtime
    return Patient(
        configuration=link.configuration,
        server=runtime.redis,
        absent=lambda name: _absent(link, name),
        gateways=lambda: link.accounts.gateways,
        provisioning=lambda: _provisioning(link),
        lists=lambda: link.accounts.lists,
        rules=lambda: link.accounts.rules,
        public_url=runtime.settings.public_url,
        clock=runtime.clock,
        archive=lambda: views.archive(link.archiver),
        archive_place=runtime.settings.archive(),
        snapshot_days=runtime.settings.snapshot_days,
    )


def _absent(link: Link, name: str) -> str:
    try:
        if name == "salesforce_private_key_file":
            link.secrets.private_key()
        else:
            link.secrets.secret(name)
    except SettingsError as error:
        return str(error)
    return ""


def _provisioning(link: Link) -> dict[Crm, ProvisioningGateway]:
    return {
        Crm.HUBSPOT: HubSpotProvisioning(link.accounts.portal, link.secrets.secret("hubspot_token")),
        Crm.SALESFORCE: SalesforceProvisioning(link.accounts.org),
    }
