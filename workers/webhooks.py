"""The web process: HubSpot's webhooks, health, metrics, API and console in one application.

A webhook is answered with success only after the log holds it. HubSpot sends again what was answered with
any error or not within five seconds, at most ten times within a day; so an error is right wherever a later
try may find things mended, and harmless where it cannot: a body that nobody can read costs ten refusals
and shows in HubSpot's own monitoring. Items that are no concern of this connection are no error.
"""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from redis.exceptions import RedisError
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from workers import api, bootstrap, celery_app, console, ingest
from workers.archive.places import NoPlace
from workers.bootstrap import Link, Runtime
from workers.connection import Lane
from workers.doorbells import Send
from workers.durability import check_durability
from workers.embedded import EmbeddedServerError
from workers.ingest import Fate, UnreadableBodyError
from workers.signatures import Signed, is_fresh, is_same, sign_v1, sign_v3
from workers.telemetry import get_logger, set_up_logging
from workers.web import ASite, Site

LARGEST_BODY = 5_000_000
"""Bytes of a webhook's body: a hundred events of HubSpot's longest property values fit many times."""

log = get_logger(__name__)
router = APIRouter()


def create_app(runtime: Runtime | None = None, send: Send | None = None) -> FastAPI:
    """The application, on this process's runtime unless given another one."""
    if runtime is None:
        runtime = bootstrap.runtime()
        set_up_logging(runtime.settings.log_level, runtime.settings.log_format)
        celery_app.spare_what_is_loaded()
    app = FastAPI(title="crmsync", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = Site(runtime, send or celery_app.send)
    app.include_router(router)
    app.include_router(api.router)
    app.include_router(console.router)
    app.add_exception_handler(RedisError, _server_away)
    app.add_exception_handler(EmbeddedServerError, _server_away)
    app.add_exception_handler(NoPlace, _misplaced)
    app.add_exception_handler(UnicodeEncodeError, _no_text)
    app.exception_handler(HTTPException)(_refused)
    return app


def _server_away(request: Request, error: Exception) -> Response:
    log.warning("server_away", error=type(error).__name__)
    return _refused(request, HTTPException(503, "The log's server does not answer. Try again."))


def _misplaced(request: Request, error: Exception) -> Response:
    return _refused(request, HTTPException(503, f"CRMSYNC_ARCHIVE_URL: {error}"))


def _no_text(request: Request, _: Exception) -> Response:
    return _refused(request, HTTPException(422, "A text holds half a character, which is not UTF-8."))


def _refused(request: Request, error: HTTPException) -> Response:
    """Why something cannot be done: a page in the console, JSON elsewhere."""
    if request.url.path.startswith("/console"):
        return console.problem(error)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


# -- health


@router.get("/healthz")
async def is_alive() -> PlainTextResponse:
    """The process runs; says nothing of what it needs."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def is_ready(site: ASite) -> PlainTextResponse:
    """Webhooks would be taken: the log's server answers and keeps what it is given."""
    try:
        problems = check_durability(site.runtime.redis)
    except (RedisError, EmbeddedServerError) as error:
        problems = [f"The log's server does not answer ({type(error).__name__})."]
    if problems:
        log.warning("server_unfit", problems=problems)
    return PlainTextResponse("\n".join(problems or ["ready"]) + "\n", 503 if problems else 200)


# -- webhooks


class RefusedError(Exception):
    """A webhook request that is not taken."""

    def __init__(self, status: int, outcome: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.outcome = outcome


async def _body(request: Request) -> bytes | None:
    """The raw body; None if it is too large, of which no more than the limit is read."""
    if int(request.headers.get("content-length", "0") or 0) > LARGEST_BODY:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


@router.post("/webhooks/hubspot/{connection}")
async def receive(
    connection: str, request: Request, site: ASite, body: Annotated[bytes | None, Depends(_body)]
) -> JSONResponse:
    """Take HubSpot's webhook for a connection."""
    return await run_in_threadpool(_answer, site, connection, request, body)


def _answer(site: Site, connection: str, request: Request, body: bytes | None) -> JSONResponse:
    try:
        lane, fates = _take(site, connection, request, body)
    except RefusedError as refused:
        return _refuse(site, connection, refused)
    except (RedisError, EmbeddedServerError):
        away = RefusedError(503, "server_away", "The log's server does not answer; nothing was taken.")
        return _refuse(site, connection, away)
    site.requests.add(connection, "taken")
    for fate, number in fates.items():
        site.items.add(connection, fate, number)
    rung = BackgroundTask(site.ring, lane) if fates[Fate.TAKEN] else None
    return JSONResponse(dict(fates), background=rung)


def _refuse(site: Site, connection: str, refused: RefusedError) -> JSONResponse:
    if refused.status != 404:  # noqa: PLR2004 - not found, the one case where the name means nothing
        site.requests.add(connection, refused.outcome)
    log.warning("webhook_refused", connection=connection, outcome=refused.outcome)
    return JSONResponse({"detail": str(refused)}, refused.status)


def _take(site: Site, connection: str, request: Request, body: bytes | None) -> tuple[Lane, Counter[Fate]]:
    try:
        link = site.link(connection)
    except KeyError:
        raise RefusedError(404, "unknown_connection", f"There is no connection {connection!r}.") from None
    if body is None:
        raise RefusedError(413, "too_large", f"The body exceeds {LARGEST_BODY} bytes.")
    _verify(link, request, body)
    try:
        return link.lane, ingest.take(link.lane, body)
    except UnreadableBodyError as error:
        raise RefusedError(400, "unreadable", f"The body cannot be used: {error}.") from None


def _verify(link: Link, request: Request, body: bytes) -> None:
    """Raise unless the app's client secret signed this very request, lately."""
    secret = link.secrets.hubspot_client_secret
    if secret is None:
        name = f"{link.secrets.prefix}HUBSPOT_CLIENT_SECRET"
        raise RefusedError(503, "no_secret", f"{name} is not set: no signature can be checked.")
    headers, key = request.headers, secret.get_secret_value()
    given = headers.get("x-hubspot-signature-v3")
    if given is not None:
        _verify_v3(link, request, body, key, given)
    elif link.secrets.hubspot_accept_v1_signatures and headers.get("x-hubspot-signature-version") == "v1":
        if not is_same(sign_v1(key, body), headers.get("x-hubspot-signature", "")):
            raise RefusedError(401, "bad_signature", "The signature does not fit.")
    else:
        raise RefusedError(401, "unsigned", "X-HubSpot-Signature-v3 is missing.")


def _verify_v3(link: Link, request: Request, body: bytes, secret: str, given: str) -> None:
    settings = link.runtime.settings
    if settings.public_url is None:
        raise RefusedError(
            503, "no_public_url", "CRMSYNC_PUBLIC_URL is not set: signatures are made over it."
        )
    timestamp = request.headers.get("x-hubspot-request-timestamp", "")
    if not is_fresh(timestamp, link.runtime.clock.now_ms()):
        raise RefusedError(401, "stale", "The timestamp is missing or more than five minutes from our clock.")
    path = f"/webhooks/hubspot/{link.name}" + (f"?{request.url.query}" if request.url.query else "")
    signed = Signed(request.method, settings.public_url.rstrip("/") + path, body, timestamp)
    if not is_same(sign_v3(secret, signed), given):
        raise RefusedError(401, "bad_signature", "The signature does not fit.")
