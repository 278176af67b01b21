"""Form submissions: a contact is created or updated by e-mail, as the form's doing."""

from typing import Any

from simulators.base import Answer
from simulators.clock import iso_ms
from simulators.hubspot.calls import Call, Endpoint
from simulators.hubspot.errors import ApiError, Body
from simulators.hubspot.records import Origin, Record

_BODY = {"fields", "context", "submittedAt", "legalConsentOptions", "skipValidation"}
_FIELD = {"objectTypeId", "name", "value"}


def endpoints() -> list[Endpoint]:
    """The submission endpoint, open and with a token."""
    path = "/{portal}/{form}"
    return [
        Endpoint("POST", "forms", path, submit, public=True),
        Endpoint("POST", "secure-forms", path, submit),
    ]


def _refused(message: str, code: str) -> ApiError:
    errors = [{"message": message, "errorType": code}]
    return ApiError(400, {"status": "error", "message": "The request is not valid", "errors": errors})


def submit(call: Call) -> Answer:
    """Submit a form."""
    body = call.body(_BODY, {"fields"})
    if call.param("portal") != str(call.portal.settings.portal_id):
        raise ApiError(404, {"status": "error", "message": "Account not found"})
    values = _values(call, body["fields"])
    if not values.get("email"):
        raise _refused("Required field 'email' is missing", "REQUIRED_FIELD")
    _apply(call, values, str((body.get("context") or {}).get("pageName") or call.param("form")))
    call.request.rows = 1
    return Answer(200, {"inlineMessage": "Thanks for submitting the form."})


def _values(call: Call, fields: list[Body]) -> dict[str, str]:
    given: dict[str, Any] = {}
    for entry in fields:
        call.check_fields(entry, _FIELD)
        if entry.get("objectTypeId", "0-1") == "0-1":
            given[str(entry.get("name"))] = entry.get("value")
    values, problems = call.portal.tables["contacts"].check(given)
    for problem in problems:
        raise _refused(f"Error in 'fields.{problem['name']}'. {problem['message']}", problem["error"])
    return values


def _apply(call: Call, values: dict[str, str], form_name: str) -> Record:
    portal, table = call.portal, call.portal.tables["contacts"]
    origin = Origin("FORM", call.param("form"))
    record = table.find_by("email", values["email"])
    if record is None:
        record = portal.create(table, values, origin)
    else:
        portal.update(table, record, values, origin)
    count = int(record.values.get("num_conversion_events", "0")) + 1
    calculated = {
        "num_conversion_events": str(count),
        "recent_conversion_date": iso_ms(portal.clock.now_ms()),
        "recent_conversion_event_name": form_name,
    }
    portal.update(table, record, calculated, Origin("CALCULATED", call.param("form")))
    return record
