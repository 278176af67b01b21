"""HubSpot's error bodies ("Error handling" and "Usage guidelines" in its documentation)."""

import json
from typing import Any

Body = dict[str, Any]


class ApiError(Exception):
    """An answer other than success; `body` lacks `correlationId`, which the server adds."""

    def __init__(self, status: int, body: Body, headers: dict[str, str] | None = None) -> None:
        super().__init__(body.get("message", ""))
        self.status = status
        self.body = body
        self.headers = headers or {}


def invalid(message: str, **more: Any) -> ApiError:
    return ApiError(400, {"status": "error", "message": message, **more, "category": "VALIDATION_ERROR"})


def not_found() -> ApiError:
    return ApiError(404, {"status": "error", "message": "resource not found"})


def id_not_numeric(key: str) -> ApiError:
    message = "Object not found.  objectId are usually numeric."
    return ApiError(404, error_row("OBJECT_NOT_FOUND", message, {"id": [key]}))


def conflict(singular: str, existing_id: int | None) -> ApiError:
    known = "" if existing_id is None else f" Existing ID: {existing_id}"
    message = f"{singular.capitalize()} already exists.{known}"
    return ApiError(409, {"status": "error", "message": message, "category": "CONFLICT"})


def unrecognised(name: str) -> ApiError:
    return invalid(f'Invalid input JSON on line 1, column 1: Unrecognized field "{name}"')


def missing_objects(singular: str, ids: list[str]) -> Body:
    message = (
        f"Could not get some {singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    return error_row("OBJECT_NOT_FOUND", message, {"ids": ids})


def error_row(category: str, message: str, context: dict[str, list[str]]) -> Body:
    return {"status": "error", "category": category, "message": message, "context": context}


def property_errors(problems: list[Body], portal_id: int) -> Body:
    """The body for values that were not valid; each problem has `name`, `error` (a code) and `message`."""
    embedded = [
        {
            "isValid": False,
            "message": problem["message"],
            "error": problem["error"],
            "name": problem["name"],
            "localizedErrorMessage": problem["message"],
            "portalId": portal_id,
        }
        for problem in problems
    ]
    return {
        "status": "error",
        "message": f"Property values were not valid: {json.dumps(embedded, separators=(',', ':'))}",
        "errors": [
            {
                "message": problem["message"],
                "code": problem["error"],
                "context": {"propertyName": [problem["name"]]},
            }
            for problem in problems
        ],
        "category": "VALIDATION_ERROR",
    }


def unauthorised() -> ApiError:
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
        "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return ApiError(401, {"status": "error", "message": message, "category": "INVALID_AUTHENTICATION"})


def expired(seconds: int, moment: str) -> ApiError:
    message = f"The OAuth token used to make this call expired {seconds} second(s) ago."
    context = {"expire time": [moment]}
    body = {"status": "error", "message": message, "category": "EXPIRED_AUTHENTICATION", "context": context}
    return ApiError(401, body)


def missing_scopes(scopes: list[str]) -> ApiError:
    link = "https://developers.hubspot.com/scopes"
    message = (
        "This app hasn't been granted all required scopes to make this call. "
        f"Read more about required scopes here: {link}."
    )
    errors = [
        {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": scopes},
        }
    ]
    body = {"status": "error", "message": message, "errors": errors, "links": {"scopes": link}}
    return ApiError(403, {**body, "category": "MISSING_SCOPES"})


_POLICY_WORDS = {"TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "DAILY": "daily", "SECONDLY": "secondly"}


def rate_limited(policy: str, request_id: str, *, category: bool = False) -> ApiError:
    """A 429 of one of the policies TEN_SECONDLY_ROLLING, DAILY and SECONDLY."""
    message = f"You have reached your {_POLICY_WORDS[policy]} limit."
    kind = {"category": "RATE_LIMITS"} if category else {"errorType": "RATE_LIMIT"}
    body = {"status": "error", "message": message, **kind, "policyName": policy, "requestId": request_id}
    return ApiError(429, body)
