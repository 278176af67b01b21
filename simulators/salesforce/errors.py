"""Refusals in Salesforce's words (REST API developer guide, "Status Codes and Error Responses")."""

from collections.abc import Iterable
from typing import Any

_HTML = (
    b"<html><head><title>Server Error</title></head><body><h2>The server is temporarily unable to service "
    b"your "
    b"request due to maintenance downtime or capacity problems. Please try again later.</h2></body></html>"
)


class ApiError(Exception):
    """A refusal; `fields` is None where the real body has no such key; `extra`: further keys."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Iterable[str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else list(fields)
        self.extra = extra or {}

    def single(self) -> dict[str, Any]:
        """As an entry of the error list of a single-record call."""
        body = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return body

    def row(self) -> dict[str, Any]:
        """As an entry of `errors` of a row in a collections answer."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}

    def text(self) -> str:
        """As the `sf__Error` cell of a bulk result."""
        return f"{self.code}:{self.message}:{','.join(self.fields or [])} --"


class RowErrors(Exception):  # noqa: N818 - several errors of one row
    """What is wrong with one row."""

    def __init__(self, errors: list[ApiError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors

    @property
    def status(self) -> int:
        return self.errors[0].status


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    return ApiError("NOT_FOUND", message, status=404)


def deleted() -> ApiError:
    return ApiError("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=[])


def no_column(column: str, entity: str) -> ApiError:
    return ApiError("INVALID_FIELD", f"No such column '{column}' on sobject of type {entity}")


def required(names: list[str]) -> ApiError:
    return ApiError(
        "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", fields=names
    )


def read_only(names: list[str]) -> ApiError:
    return ApiError(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this "
        "field and "
        "verify that it is read/write for your profile or permission set.",
        fields=names,
    )


def parser_error(type_name: str, shown: str, column: int) -> ApiError:
    return ApiError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {type_name} from {shown} or request may be missing a required "
        "field at "
        f"[line:1, column:{column}]",
    )


def malformed_json(detail: str) -> ApiError:
    return ApiError("JSON_PARSER_ERROR", detail)


def lock(record_id: str) -> ApiError:
    return ApiError(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
        fields=[],
    )


def session_expired() -> ApiError:
    return ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def limit_exceeded(what: str = "TotalRequests") -> ApiError:
    return ApiError("REQUEST_LIMIT_EXCEEDED", f"{what} Limit exceeded.", status=403)


def html() -> bytes:
    """The page which an edge server sends in place of JSON."""
    return _HTML
