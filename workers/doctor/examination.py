"""All checks of a connection, in the order in which a person would mend what they find."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import redis

from domain.errors import SyncError
from domain.identity import Crm
from domain.schema import ObjectSchema
from workers.clock import Clock
from workers.configuration import Configuration, ConnectionOptions, connection_options, syncs_opt_outs
from workers.doctor.accounts import (
    check_budget,
    check_clock,
    check_reading,
    check_rights,
    check_rules,
    check_zone,
)
from workers.doctor.archive import check_archive
from workers.doctor.configured import check_fields, check_inclusion_lists
from workers.doctor.findings import NAMES, Finding, Health, refused
from workers.doctor.machine import check_secrets, check_server, check_webhooks
from workers.ports import CrmGateway, ListGateway, ProvisioningGateway, RuleGateway
from workers.views import ArchiveView


@dataclass(frozen=True)
class Patient:
    """A connection and all that can be asked about it.

    ``absent`` takes a secret's name and says what is wrong with it, with the remedy behind a colon; "" if
    it is there. What reaches a CRM is called only where no secret is absent.
    """

    configuration: Configuration
    server: redis.Redis
    absent: Callable[[str], str]
    gateways: Callable[[], Mapping[Crm, CrmGateway]]
    provisioning: Callable[[], Mapping[Crm, ProvisioningGateway]]
    lists: Callable[[], ListGateway]
    rules: Callable[[], RuleGateway]
    public_url: str | None
    clock: Clock
    archive: Callable[[], ArchiveView]
    archive_place: str
    snapshot_days: int

    @property
    def options(self) -> ConnectionOptions:
        return connection_options(self.configuration)

    def objects(self, crm: Crm) -> list[str]:
        return [name for kind in self.configuration.kinds.values() for name in kind.objects(crm)]


def examine(patient: Patient) -> Iterator[Finding]:
    """Run every check. Accounts are not asked while a secret is absent; nothing is written anywhere."""
    server = list(check_server(patient.server))
    yield from server
    if all(finding.health is not Health.FAIL for finding in server):
        now = patient.clock.now_ms()
        yield from check_archive(patient.archive(), patient.archive_place, patient.snapshot_days, now)
    secrets = list(check_secrets(patient.options, patient.absent, webhooks=patient.public_url is not None))
    yield from secrets
    yield from check_webhooks(patient.options, patient.public_url)
    if any(finding.health is Health.FAIL for finding in secrets):
        return
    schemas: dict[tuple[Crm, str], ObjectSchema] = {}
    for crm in Crm:
        yield from _account(patient, crm, schemas)
    if all((crm, name) in schemas for crm in Crm for name in patient.objects(crm)):
        yield from check_fields(patient.configuration, schemas)
        yield from check_inclusion_lists(patient.configuration, patient.lists())


def _account(patient: Patient, crm: Crm, schemas: dict[tuple[Crm, str], ObjectSchema]) -> Iterator[Finding]:
    """One account; adds the schemas that it shows."""
    gateway, objects = patient.gateways()[crm], patient.objects(crm)
    try:
        account = gateway.account()
        skew_ms = gateway.server_time() - patient.clock.now_ms()
    except SyncError as error:
        yield refused(crm, f"{NAMES[crm]} cannot be used", error)
        return
    yield Finding(Health.OK, f"{NAMES[crm]} answers, and the credential is good.")
    yield from check_clock(crm, skew_ms)
    yield from check_zone(crm, account.zone)
    yield from check_budget(crm, account, patient.options, objects=len(objects))
    opt_outs = syncs_opt_outs(patient.configuration)
    yield from check_rights(crm, patient.provisioning()[crm], objects, opt_outs=opt_outs)
    yield from check_reading(crm, gateway, objects, schemas)
    if crm is Crm.SALESFORCE:
        yield from check_rules(patient.rules(), objects)
