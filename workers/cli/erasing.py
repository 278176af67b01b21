"""``crmsync erase``: take a person's values out of everything that is kept."""

from collections.abc import Iterator

import click

from domain.book import ERASING, Table, decode
from domain.events import PersonErased, RecordGone
from domain.identity import RecordRef
from domain.upcasting import NewerEvent
from domain.upcasting import decode as decode_event
from workers.archive.archiver import Discontinued
from workers.archive.files import FAILURES
from workers.archive.segments import Damaged
from workers.bootstrap import Link
from workers.cli.failures import Failed, sentence
from workers.cli.output import emit, progress, say
from workers.cli.session import entity_of, with_json, with_running_link

FAR = 2**62
EVERYBODY = 2**31
PATIENCE_S = 300
PAUSE_S = 0.5
PAGE = 1_000
MARK = b'"erased/'
"""Found in every event that tells how far an erasure is."""

REMAINS = (
    "the server's append-only file, until the server has written it anew (BGREWRITEAOF was asked for)",
    "backups of the server and of the archive, and what a versioned bucket keeps of replaced files",
    "past states beside the running one; crmsync status names them, crmsync replay forget NAME removes one",
    "both CRMs: delete the person there as well",
    "logs of other programs, what was exported, and what bundles of incidents left unmasked",
)
"""Where his values may still be."""


@click.command()
@click.argument("text")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@with_json
@with_running_link
def erase(link: Link, *, text: str, yes: bool, as_json: bool) -> None:
    """Erase a person from the log, its archive and everything derived; he does not come back by himself."""
    entity = entity_of(link.lane, text)
    if not yes:
        click.confirm(f"Erase {entity} for good? This cannot be undone", abort=True, err=True)
    begun = link.lane.log.tail()
    _begin(link, entity)
    try:
        _finish(link, entity)
    except (Damaged, Discontinued, NewerEvent, *FAILURES) as error:
        raise Failed(
            f"The erasure of {entity} is begun, and the log and its archive still hold values: "
            f"{sentence(error)} Once that is mended, workers go on with it by themselves."
        ) from None
    files = [*dict.fromkeys(name for event in _told(link, begun, entity) for name in event.files)]
    if as_json:
        emit({"contact": entity, "files": files, "remains": REMAINS})
        return
    say(
        f"{entity} is erased: state, decisions, outbox, reads, errors, log and archive hold no values of his."
    )
    say(f"{len(files)} files of the archive were written anew.", *(f"  {name}" for name in files))
    say("What is out of crmsync's reach:", *(f"  {each}" for each in REMAINS))


def _begin(link: Link, entity: str) -> None:
    lane = link.lane
    raw = lane.tables().fetch(Table.CONTACTS, [entity])[0]
    assert raw is not None
    contact = decode(Table.CONTACTS, raw)
    ref = RecordRef.parse(next(iter(contact.pair.values()), contact.id))  # of another, that alone would go
    moment, ticket = lane.clock.now_ms(), lane.coordination.tickets()
    lane.append(
        [RecordGone(crm=ref.crm, object=ref.object, id=ref.id, cause="erased", at=moment, ticket=ticket)]
    )


def _finish(link: Link, entity: str) -> None:
    """Go on until nothing is left of him; workers help where there are any."""
    clock = link.lane.clock
    end = clock.monotonic() + PATIENCE_S
    with progress() as shown:
        shown.add_task("Erasing", total=None)
        while _waits(link, entity):
            if clock.monotonic() > end:
                raise Failed(f"{entity} is not erased from the log yet; workers go on with it by themselves.")
            if link.epochs.enter():
                link.projector.run()
            link.eraser.run()
            clock.sleep(PAUSE_S)
    link.stores.compact()


def _waits(link: Link, entity: str) -> bool:
    """Whether the erasure is not folded yet, or the log still tells of him."""
    tables = link.lane.tables()
    raw = tables.fetch(Table.CONTACTS, [entity])[0]
    erased = raw is not None and decode(Table.CONTACTS, raw).erased
    return not erased or entity in {name for name, _ in tables.due(ERASING, FAR, EVERYBODY)}


def _told(link: Link, after: str, entity: str) -> Iterator[PersonErased]:
    while page := link.lane.log.read(after, PAGE):
        after = page[-1].position
        for entry in page:
            event = decode_event(entry.raw) if MARK in entry.raw else None
            if isinstance(event, PersonErased) and event.entity == entity:
                yield event
