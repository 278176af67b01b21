"""What each page shows, and what its buttons ask for."""

import io
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from domain.identity import Crm
from domain.reasons import Reason
from workers import requests, views
from workers.bootstrap import Link
from workers.connection import Lane
from workers.console.rendering import path, render
from workers.views.export import write_csv
from workers.web import ALink, ASite, AUser, Site, admit, begin_import

router = APIRouter(dependencies=[Depends(admit)], include_in_schema=False)

HERE = "/console/{connection}"

NOTICES = {
    "sync": "The sync is recorded; its decision shows below as soon as it is made.",
    "resync": "The ticked contacts are read in both CRMs and decided again.",
    "redrive": "The write will be decided anew.",
    "discard": "The dead letter is closed.",
    "pause": "Writing stops.",
    "resume": "Writing goes on.",
    "clear": "It goes on.",
    "import": "The import is begun; it is listed under Jobs.",
}

FAILURES = frozenset(
    {
        Reason.VALIDATION,
        Reason.VALIDATION_RULE,
        Reason.REJECTED,
        Reason.EXHAUSTED,
        Reason.ENGINE_FAULT,
    }
)

LISTED = 100
"""Dead letters of one cause that the page of errors lists."""

Done = Annotated[str, Query()]


def _notice(done: Done = "") -> str:
    return NOTICES.get(done, "")


Notice = Annotated[str, Depends(_notice)]


async def _why(request: Request) -> str:
    """The field ``why`` of a form."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    return form.get("why", [""])[0][:500]


Why = Annotated[str, Depends(_why)]


# -- pages


def problem(error: StarletteHTTPException) -> HTMLResponse:
    """Why something cannot be done, with what the answer's status asks for in headers."""
    page = render("problem.html", error.status_code, what=error.detail)
    page.headers.update(error.headers or {})
    return page


@router.get("/console")
def show_connections(site: ASite) -> Response:
    """All connections; where there is one, its status."""
    names = site.runtime.connections()
    if len(names) == 1:
        return RedirectResponse(f"/console/{path(names[0])}", 303)
    return render("connections.html", names=names)


@router.get(HERE)
def show_status(link: ALink, site: ASite, notice: Notice) -> HTMLResponse:
    """How a connection is doing."""
    status = views.status(link.lane, site.budgets(link))
    return render(
        "status.html",
        connection=link.name,
        page="status",
        notice=notice,
        status=status,
        archive=views.archive(link.archiver),
        crms=[str(crm) for crm in Crm],
        importable=requests.importable(link.lane),
    )


@router.get(f"{HERE}/contacts")
def find_contacts(link: ALink, q: str = "") -> Response:
    """Search; a single find is shown at once."""
    found = views.find(link.lane, q) if q else []
    if len(found) == 1:
        return RedirectResponse(f"/console/{path(link.name)}/contacts/{path(found[0])}", 303)
    return render("contacts.html", connection=link.name, page="contacts", q=q, found=found)


@router.get(f"{HERE}/contacts/{{entity:path}}")
def show_contact(link: ALink, entity: str, notice: Notice) -> HTMLResponse:
    """One contact: both sides, and why it did or did not sync."""
    try:
        contact = views.contact(link.lane, entity)
    except KeyError:
        what = f"Nobody is known as {entity}."
        return render("problem.html", 404, connection=link.name, page="contacts", what=what)
    return render(
        "contact.html",
        connection=link.name,
        page="contacts",
        notice=notice,
        contact=contact,
        failures=FAILURES,
    )


@router.get(f"{HERE}/errors")
def show_errors(link: ALink, notice: Notice) -> HTMLResponse:
    """Sync errors by cause, with their contacts."""
    return render(
        "errors.html",
        connection=link.name,
        page="errors",
        notice=notice,
        groups=views.errors(link.lane),
        letters={each.key: each for each in views.sync_errors(link.lane)},
        limit=LISTED,
    )


@router.get(f"{HERE}/errors.csv")
def export_errors(link: ALink) -> Response:
    """All sync errors, for a spreadsheet."""
    file = io.StringIO()
    write_csv(file, views.sync_errors(link.lane))
    name = f'attachment; filename="{link.name}-errors.csv"'
    return Response(f"\ufeff{file.getvalue()}", media_type="text/csv", headers={"Content-Disposition": name})


# -- buttons


def _ask(site: Site, link: Link, back: str, done: str, ask: Callable[..., Any], *what: Any) -> Response:
    """Record a request, wake the projector, and lead back to a page that says so."""
    try:
        ask(link.lane, *what)
    except KeyError as error:
        raise HTTPException(404, f"There is no {error.args[0]}.") from None
    return _asked(site, link, back, done)


def _asked(site: Site, link: Link, back: str, done: str) -> Response:
    site.ring(link.lane)
    return RedirectResponse(f"/console/{path(link.name)}{back}?done={done}", 303)


@router.post(f"{HERE}/contacts/{{entity:path}}/sync")
def sync_contact(link: ALink, site: ASite, user: AUser, entity: str) -> Response:
    return _ask(site, link, f"/contacts/{path(entity)}", "sync", _sync, entity, user)


def _sync(lane: Lane, entity: str, by: str) -> None:
    requests.sync(lane, views.contact(lane, entity, decisions=0).entity, by)


async def _ticked(request: Request) -> list[str]:
    """The contacts that were ticked in a form."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    return list(dict.fromkeys(form.get("contact", [])))


Ticked = Annotated[list[str], Depends(_ticked)]


@router.post(f"{HERE}/errors/resync")
def resync_errors(link: ALink, site: ASite, user: AUser, contacts: Ticked) -> Response:
    return _ask(site, link, "/errors", "resync", _resync, contacts, user)


def _resync(lane: Lane, contacts: list[str], by: str) -> None:
    for each in contacts:
        _sync(lane, each, by)


@router.post(f"{HERE}/letters/{{letter:path}}/redrive")
def redrive_letter(link: ALink, site: ASite, user: AUser, letter: str) -> Response:
    return _ask(site, link, "/errors", "redrive", requests.redrive, letter, user)


@router.post(f"{HERE}/letters/{{letter:path}}/discard")
def discard_letter(link: ALink, site: ASite, user: AUser, letter: str, why: Why) -> Response:
    return _ask(site, link, "/errors", "discard", requests.discard, letter, user, why)


@router.post(f"{HERE}/pause")
def pause_connection(link: ALink, site: ASite, user: AUser, why: Why) -> Response:
    return _ask(site, link, "", "pause", requests.pause, user, why)


@router.post(f"{HERE}/resume")
def resume_connection(link: ALink, site: ASite, user: AUser) -> Response:
    return _ask(site, link, "", "resume", requests.resume, user)


class Wanted(NamedTuple):
    """What is to be imported."""

    object: str  #: the only Salesforce object to take; empty: all
    where: str  #: a condition in the words of SOQL


async def _wanted(request: Request) -> Wanted:
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    return Wanted(*(form.get(name, [""])[0].strip()[:4000] for name in Wanted._fields))


@router.post(f"{HERE}/import")
def start_import(
    link: ALink, site: ASite, user: AUser, wanted: Annotated[Wanted, Depends(_wanted)]
) -> Response:
    begin_import(link, user, *wanted)
    return _asked(site, link, "", "import")


@router.post(f"{HERE}/clear/{{name}}")
def clear_suspension(link: ALink, site: ASite, user: AUser, name: str) -> Response:
    if name not in views.stopped(link.lane):
        raise HTTPException(404, f"Neither a CRM is suspended nor a guard tripped by the name {name!r}.")
    return _ask(site, link, "", "clear", requests.clear, name, user)
