"""The control API's routes that only a Salesforce org has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulators.base import Request
from simulators.salesforce import dml, people_actions, setup
from simulators.salesforce.errors import ApiError
from simulators.salesforce.ids import normalise
from simulators.salesforce.rules import plain
from simulators.salesforce.transactions import Transaction

if TYPE_CHECKING:
    from simulators.salesforce.app import Salesforce

_KEY_FIELD = {"type": "Text", "label": "HubSpot Contact Id", "length": 32, "externalId": True, "unique": True}

Handler = Callable[[Request], Any]


def routes(simulator: "Salesforce") -> dict[str, Handler]:
    """Each handler asks the simulator for its org: a reset replaces it."""
    return {
        "POST /_sim/undelete": lambda request: _undelete(simulator, request.json()),
        "POST /_sim/convert": lambda request: _convert(simulator, request.json()),
        "POST /_sim/provision": lambda _: _provision(simulator),
        "POST /_sim/sessions/expire": lambda _: {"ended": simulator.sessions.expire_all()},
        "GET /_sim/users": lambda _: _users(simulator),
        **_setup_routes(simulator),
    }


def _setup_routes(simulator: "Salesforce") -> dict[str, Handler]:
    return {
        "POST /_sim/fields": lambda request: _create_field(simulator, request.json()),
        "PATCH /_sim/fields": lambda request: setup.change_field(simulator.org, request.json()),
        "POST /_sim/objects": lambda request: setup.create_object(simulator.org, request.json()),
        "POST /_sim/permissions": lambda request: setup.permit(simulator.org, request.json()),
        "POST /_sim/custom_permissions": lambda request: _permit(simulator, request.json()),
        "GET /_sim/rules": lambda _: _rules(simulator),
        "DELETE /_sim/rules": lambda _: _forget_rules(simulator),
        "POST /_sim/validation_rules": lambda r: plain(setup.add_validation_rule(simulator.org, r.json())),
        "POST /_sim/duplicate_rules": lambda r: plain(setup.add_duplicate_rule(simulator.org, r.json())),
        "POST /_sim/automations": lambda r: plain(setup.add_automation(simulator.org, r.json())),
        "POST /_sim/assignment_rules": lambda r: plain(setup.add_assignment_rule(simulator.org, r.json())),
    }


def _undelete(simulator: "Salesforce", body: dict[str, Any]) -> dict[str, Any]:
    name = body.get("object", simulator.objects[0])
    described = simulator.org.schema.objects[name]

    def undelete(work: Transaction) -> str:
        record_id = normalise(body["id"]) or ""
        dml.undelete(work, described, record_id)
        return record_id

    return simulator.as_person(name, undelete)


def _convert(simulator: "Salesforce", body: dict[str, Any]) -> dict[str, Any]:
    lead = simulator.existing("Lead", body.get("id") or body["email"])
    result: dict[str, Any] = {}

    def convert(work: Transaction) -> str:
        names = {"account_id": body.get("account_id"), "opportunity": body.get("opportunity")}
        result.update(people_actions.convert(work, lead["Id"], **names))
        return str(result["contactId"])

    simulator.as_person("Contact", convert)
    return result


def _create_field(simulator: "Salesforce", body: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"id": setup.create_custom_field(simulator.org, body["FullName"], body["Metadata"])}
    except ApiError as error:
        raise ValueError(str(error)) from error


def _provision(simulator: "Salesforce") -> dict[str, Any]:
    """The external id field that ties a lead or contact to its HubSpot contact."""
    org = simulator.org
    names = [f"{entity}.HubSpot_Contact_Id__c" for entity in ("Lead", "Contact")]
    missing = [name for name in names if name not in org.tooling_ids]
    return {name: setup.create_custom_field(org, name, _KEY_FIELD) for name in missing}


def _rules(simulator: "Salesforce") -> dict[str, Any]:
    rules = simulator.org.rules
    return {
        "validation_rules": [plain(rule) for rule in rules.validation],
        "duplicate_rules": [plain(rule) for rule in rules.duplicates],
        "automations": [plain(rule) for rule in rules.automations],
        "assignment_rules": [plain(rule) for rule in rules.assignments],
    }


def _permit(simulator: "Salesforce", body: dict[str, Any]) -> dict[str, str]:
    org = simulator.org
    return {"id": org.add_permission(str(body["name"]), str(body.get("user_id") or org.integration_user))}


def _forget_rules(simulator: "Salesforce") -> dict[str, Any]:
    rules = simulator.org.rules
    for kept in (rules.validation, rules.duplicates, rules.automations, rules.assignments):
        kept.clear()
    return _rules(simulator)


def _users(simulator: "Salesforce") -> dict[str, str]:
    org = simulator.org
    return {"integration": org.integration_user, "person": org.person_user, "process": org.process_user}
