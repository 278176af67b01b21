"""What all of the web process shares: connections, doorbells, the tally, and who may come in."""

import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, status
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from domain.identity import Crm
from workers import requests
from workers.bootstrap import Link, Runtime
from workers.configuration.problems import ConfigurationError
from workers.connection import Lane
from workers.doorbells import Doorbells, Send
from workers.import_salesforce import NOBODY, NotUnderstood
from workers.limits import Usage
from workers.telemetry import get_logger

log = get_logger(__name__)


class Tally:
    """Counts of this process, by connection and outcome."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, connection: str, outcome: str, number: int = 1) -> None:
        with self._lock:
            self._counts[connection, outcome] += number

    def of(self, connection: str) -> dict[str, int]:
        """Outcome to how often."""
        with self._lock:
            return {outcome: n for (name, outcome), n in self._counts.items() if name == connection}


@dataclass
class Site:
    """What every endpoint works with. Threads share it."""

    runtime: Runtime
    send: Send  #: sends a task
    requests: Tally = field(default_factory=Tally)  #: webhook requests
    items: Tally = field(default_factory=Tally)  #: items of webhook requests
    _known: set[str] = field(default_factory=set)

    def link(self, name: str) -> Link:
        """One connection. Raises KeyError if the server knows none of that name."""
        if name not in self._known:
            self._known.update(self.runtime.connections())
            if name not in self._known:
                raise KeyError(name)
        return self.runtime.link(name)

    def ring(self, lane: Lane) -> None:
        """Wake the projector. If that fails nothing is lost: the sweep finds what was appended."""
        bells = Doorbells(lane, self.send)
        try:
            bells.ring("project")
        except (OperationalError, OSError, RedisError):
            log.warning("server_away", connection=lane.name)

    def budgets(self, link: Link) -> dict[Crm, Usage]:
        """What the limiters say; nothing while the connection's file cannot be read."""
        try:
            accounts = self.runtime.renewed(link.name).accounts
            return {crm: accounts.limiter(crm).usage() for crm in Crm}
        except (ConfigurationError, OSError):
            return {}


async def site_of(request: Request) -> Site:
    """The site; async, or each request would wait for a thread to fetch it."""
    return cast("Site", request.app.state.site)


ASite = Annotated[Site, Depends(site_of)]


def link_of(connection: str, site: ASite) -> Link:
    """The connection that a path names."""
    try:
        return site.link(connection)
    except KeyError:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no connection {connection!r}.") from None


ALink = Annotated[Link, Depends(link_of)]


def begin_import(link: Link, user: str, only: str, where: str) -> str:
    """Begin an import of all Salesforce objects that sync or of one; returns the job's id."""
    if not link.lane.policy().ready:
        raise HTTPException(status.HTTP_409_CONFLICT, "Both CRMs are still being read for the first time.")
    objects = requests.importable(link.lane, only)
    if not objects:
        known = ", ".join(requests.importable(link.lane))
        raise HTTPException(422, f"{only} is not synced: give one of {known}.")
    if why := _objection(link, objects, where):
        raise HTTPException(422, why)
    return requests.start_import(link.lane, user, objects, where)


def _objection(link: Link, objects: Sequence[str], where: str) -> str:
    """Why Salesforce would import nobody by a condition; empty where it would, or cannot be asked now.

    In that case the job comes upon it when it asks for the first records.
    """
    try:
        found = link.runtime.renewed(link.name).importable(objects, where)
    except NotUnderstood as error:
        remedy = "Correct it, or name the object that has the field."
        return f"Salesforce does not understand the condition: {error} {remedy}"
    return NOBODY if found == 0 else ""


# -- who may come in


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def admit(request: Request, site: ASite) -> str:
    """Let in who shows the token, as a bearer or as the password of any user; returns the user's name.

    A browser sends a password along wherever a link or form leads it, so what changes something must also
    come from our own pages.
    """
    token = site.runtime.settings.api_token
    if token is None:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "This stays shut until CRMSYNC_API_TOKEN is set for the web process."
        )
    user, given = _credentials(request.headers.get("authorization", ""))
    if not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Send the token as a bearer, or as the password of any user name.",
            {"WWW-Authenticate": 'Basic realm="crmsync", charset="UTF-8"'},
        )
    if request.method not in SAFE_METHODS and _is_from_elsewhere(request):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "This request comes from another site.")
    return user


AUser = Annotated[str, Depends(admit)]


def _credentials(header: str) -> tuple[str, str]:
    """(user, password or token) of an Authorization header; empty if it has none that we read."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return "api", rest.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(rest).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user or "somebody", password


def _is_from_elsewhere(request: Request) -> bool:
    """Browsers say where a request comes from; programs do not, and hold no stored password."""
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
