"""A call as the handlers see it: who calls, at which version, with what body, in which transaction."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from simulators.base import Answer, Request
from simulators.salesforce import errors, times
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.org import Actor, Org
from simulators.salesforce.store import Record
from simulators.salesforce.transactions import Transaction

Dispatch = Callable[["Call"], Answer]


@dataclass(slots=True)
class Call:
    """One authorised REST call; `outer` is the transaction of an all-or-none composite around it."""

    org: Org
    request: Request
    actor: Actor
    version: int
    dispatch: Dispatch
    violate: Callable[[str, str], None]
    outer: Transaction | None = None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"/services/data/v{self.version}.0"

    def url(self, entity: str, record_id: str) -> str:
        return f"{self.base}/sobjects/{entity}/{record_id}"

    def json(self) -> Any:
        """The body.

        Raises:
            ApiError: JSON_PARSER_ERROR, or UNSUPPORTED_MEDIA_TYPE.
        """
        media_type = self.request.headers.get("content-type", "application/json")
        if not media_type.startswith("application/json"):
            message = f"Content-Type header specified in HTTP request is not supported: {media_type}"
            raise ApiError("UNSUPPORTED_MEDIA_TYPE", message, status=415)
        try:
            return self.request.json()
        except orjson.JSONDecodeError as error:
            raise errors.malformed_json(
                f"{error.msg} at [line:{error.lineno}, column:{error.colno}]"
            ) from error

    def record(self) -> dict[str, Any]:
        """The body, which has to be an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise errors.malformed_json(
                "The HTTP entity body is required to be an object at [line:1, column:1]"
            )
        return body

    def envelope(self, *known: str) -> dict[str, Any]:
        """The body of a call with a fixed form; other keys are refused."""
        body = self.record()
        for name in body:
            if name not in known:
                self.violate("body field", name)
                raise errors.malformed_json(f'Unrecognized field "{name}" at [line:1, column:2]')
        return body

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commits at the end of the block, or rolls back what the block did."""
        work = self.outer or Transaction(self.org, self.actor)
        mark = work.mark()
        try:
            yield work
        except (ApiError, RowErrors):
            work.rollback(mark)
            raise
        if self.outer is None:
            work.commit()

    def check_unmodified(self, row: Record) -> None:
        """Refuse with 412 if the row changed after the caller's If-Unmodified-Since."""
        since = self.request.headers.get("if-unmodified-since")
        if since is not None and times.seconds(row["LastModifiedDate"]) > http_date(since):
            message = "The requested resource has been modified since the specified time."
            raise ApiError("PRECONDITION_FAILED", message, status=412)

    def unmodified(self, at: str) -> bool:
        """Whether nothing changed after the caller's If-Modified-Since."""
        since = self.request.headers.get("if-modified-since")
        return since is not None and times.seconds(at) <= http_date(since)


def http_date(text: str) -> float:
    """Seconds since 1970 of an RFC 1123 date.

    Raises:
        ApiError: it is not one.
    """
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError as error:
        raise ApiError("INVALID_HEADER_VALUE", f"Invalid date: {text}") from error


def refusal(error: ApiError | RowErrors) -> Answer:
    """The answer to a single-record call that is refused."""
    several = error.errors if isinstance(error, RowErrors) else [error]
    return Answer(error.status, [one.single() for one in several])


def option(headers: dict[str, str], name: str, key: str) -> str:
    """The value of `key` in a header such as `allowSave=true; runAsCurrentUser=true`; empty if absent."""
    for part in headers.get(name, "").replace(",", ";").split(";"):
        found, _, value = part.partition("=")
        if found.strip().lower() == key.lower():
            return value.strip()
    return ""
