"""The HTTP API: what the command line shows and asks for, as JSON, and the metrics.

Everything here needs the token. What is asked for is recorded in the log and answered with 202 before it
is done; the contact or the status shows what came of it.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from workers import metrics, requests, views
from workers.metrics import Tallies
from workers.views import ArchiveView, ContactView, DecisionView, ErrorGroup, LetterView, StatusView
from workers.web import ALink, ASite, AUser, admit, begin_import

router = APIRouter(dependencies=[Depends(admit)])

HERE = "/api/connections/{connection}"


class Reason(BaseModel):
    """Why somebody asks for something."""

    why: str = Field(default="", max_length=500)


class JobRequest(BaseModel):
    """A bulk sync, or an import from Salesforce."""

    kind: Literal["all", "list", "import"]
    list_id: str = Field(default="", description="The HubSpot list, for the kind `list`.")
    object: str = Field(default="contacts", description="The HubSpot object of the list's members.")
    where: str = Field(
        default="", max_length=4000, description="For the kind `import`: a condition in the words of SOQL."
    )
    salesforce_object: str = Field(
        default="", description="For the kind `import`: the only Salesforce object to take; empty: all."
    )


class Recorded(BaseModel):
    """What was asked for is in the log."""

    recorded: str
    id: str = ""


def missing(what: str) -> HTTPException:
    return HTTPException(404, f"There is no {what}.")


# -- reading


@router.get("/metrics", tags=["metrics"], response_class=Response)
def show_metrics(site: ASite) -> Response:
    """The metrics of all connections, as Prometheus reads them."""
    links = [site.link(name) for name in site.runtime.connections()]
    measured = {
        link.name: metrics.samples(
            link.lane,
            site.budgets(link),
            views.archive(link.archiver),
            Tallies(site.requests.of(link.name), site.items.of(link.name)),
        )
        for link in links
    }
    return Response(metrics.text(measured), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/openapi.json", include_in_schema=False)
def describe(request: Request) -> dict[str, Any]:
    """This API in OpenAPI's words."""
    return dict(request.app.openapi())


@router.get("/api/connections", tags=["connections"])
def list_connections(site: ASite) -> list[str]:
    """The names of all connections."""
    return site.runtime.connections()


@router.get(f"{HERE}/status", tags=["connections"])
def show_status(link: ALink, site: ASite) -> StatusView:
    """Lag, queues, suspensions, pause, guards, jobs and budgets."""
    return views.status(link.lane, site.budgets(link))


@router.get(f"{HERE}/archive", tags=["connections"])
def show_archive(link: ALink) -> ArchiveView:
    """How far the log is archived, its snapshots, when it was last verified, and what stops it."""
    return views.archive(link.archiver)


@router.get(f"{HERE}/contacts", tags=["contacts"])
def find_contacts(link: ALink, q: Annotated[str, Query(max_length=300)]) -> list[str]:
    """The contacts that an e-mail address, a record's id, a record key or a contact's name may mean."""
    return views.find(link.lane, q)


@router.get(f"{HERE}/contacts/{{entity:path}}/decisions", tags=["contacts"])
def list_decisions(
    link: ALink, entity: str, limit: Annotated[int, Query(ge=1, le=1000)] = views.DECISIONS
) -> list[DecisionView]:
    """A contact's last closed decisions, newest first."""
    return show_contact(link, entity, limit).decisions


@router.get(f"{HERE}/contacts/{{entity:path}}", tags=["contacts"])
def show_contact(
    link: ALink, entity: str, decisions: Annotated[int, Query(ge=0, le=1000)] = views.DECISIONS
) -> ContactView:
    """One contact: both records, how they are linked and mapped, what is open, and the last decisions."""
    try:
        return views.contact(link.lane, entity, decisions=decisions)
    except KeyError:
        raise missing(f"contact {entity!r}") from None


@router.get(f"{HERE}/errors", tags=["errors"])
def list_errors(link: ALink) -> list[ErrorGroup]:
    """Sync errors grouped by their cause, with the remedy, the largest group first."""
    return views.errors(link.lane)


@router.get(f"{HERE}/dead-letters", tags=["errors"])
def list_letters(link: ALink) -> list[LetterView]:
    """All dead letters, oldest first."""
    return views.letters(link.lane)


@router.get(f"{HERE}/dead-letters/{{letter:path}}", tags=["errors"])
def show_letter(link: ALink, letter: str) -> LetterView:
    """One dead letter."""
    try:
        return views.letter(link.lane, letter)
    except KeyError:
        raise missing(f"dead letter {letter!r}") from None


# -- asking


@router.post(f"{HERE}/contacts/{{entity:path}}/sync", tags=["contacts"], status_code=202)
def sync_contact(link: ALink, site: ASite, user: AUser, entity: str) -> Recorded:
    """Have a contact's records read and brought into agreement."""
    found = show_contact(link, entity, 0).entity
    requests.sync(link.lane, found, user)
    site.ring(link.lane)
    return Recorded(recorded="sync", id=found)


@router.post(f"{HERE}/dead-letters/{{letter:path}}/redrive", tags=["errors"], status_code=202)
def redrive_letter(link: ALink, site: ASite, user: AUser, letter: str) -> Recorded:
    """Decide the contact of a dead letter anew, by what is known now."""
    show_letter(link, letter)
    requests.redrive(link.lane, letter, user)
    site.ring(link.lane)
    return Recorded(recorded="redrive", id=letter)


@router.post(f"{HERE}/dead-letters/{{letter:path}}/discard", tags=["errors"], status_code=202)
def discard_letter(link: ALink, site: ASite, user: AUser, letter: str, reason: Reason) -> Recorded:
    """Close a dead letter on purpose."""
    show_letter(link, letter)
    requests.discard(link.lane, letter, user, reason.why)
    site.ring(link.lane)
    return Recorded(recorded="discard", id=letter)


@router.post(f"{HERE}/pause", tags=["connections"], status_code=202)
def pause_connection(link: ALink, site: ASite, user: AUser, reason: Reason) -> Recorded:
    """Stop all writing; changes are still taken in and decided."""
    requests.pause(link.lane, user, reason.why)
    site.ring(link.lane)
    return Recorded(recorded="pause")


@router.post(f"{HERE}/resume", tags=["connections"], status_code=202)
def resume_connection(link: ALink, site: ASite, user: AUser) -> Recorded:
    """Let writing go on."""
    requests.resume(link.lane, user)
    site.ring(link.lane)
    return Recorded(recorded="resume")


@router.post(f"{HERE}/clear/{{name}}", tags=["connections"], status_code=202)
def clear_suspension(link: ALink, site: ASite, user: AUser, name: str) -> Recorded:
    """Let a suspended CRM, or a guard that tripped, go on."""
    if name not in views.stopped(link.lane):
        raise missing(f"suspension or tripped guard {name!r}")
    requests.clear(link.lane, name, user)
    site.ring(link.lane)
    return Recorded(recorded="clear", id=name)


@router.post(f"{HERE}/jobs", tags=["connections"], status_code=202)
def start_job(link: ALink, user: AUser, job: JobRequest) -> Recorded:
    """Begin a bulk sync or an import; the status shows how far it is, and what ended it early."""
    if job.kind == "import":
        return Recorded(recorded="job", id=begin_import(link, user, job.salesforce_object, job.where))
    if job.kind == "list" and not job.list_id:
        raise HTTPException(422, "A job of the kind 'list' needs a list_id.")
    begun = requests.start_job(link.lane, job.kind, user, list_id=job.list_id, object_name=job.object)
    return Recorded(recorded="job", id=begun)
