"""The composition root: settings and a connection's file become stores, gateways and stages.

Nothing here is made before it is asked for, and nothing is made at import: a prefork worker's children
each make their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path

import msgspec
import redis
from celery.exceptions import SoftTimeLimitExceeded

from domain.errors import SyncError
from domain.events import SCHEMA, ConfigurationApplied, digest
from domain.identity import Crm
from domain.policy import Document
from domain.specimens import specimens
from domain.state import Priority
from workers import embedded
from workers.accounts import Accounts, portal_offset_ms
from workers.archive.archive import Archive
from workers.archive.archiver import Archiver, Bounds
from workers.archive.marks import Marks
from workers.archive.places import Room, open_files
from workers.archive.snapshots import Beginning, Past
from workers.archive.whole import WholeLog
from workers.bundling import Bundler
from workers.clock import Clock, SystemClock, new_id
from workers.configuration.document import ConnectionOptions, connection_options, to_document
from workers.configuration.lists import examine_lists
from workers.configuration.loading import Configuration, load
from workers.configuration.problems import ConfigurationError
from workers.connection import Lane
from workers.control import Control
from workers.crew import Alone, Place, Processes
from workers.deliver import Deliverer
from workers.dry_run import Proposal
from workers.elsewhere import Elsewhere
from workers.epochs import Epochs
from workers.erase import Eraser
from workers.gateways.notice import post
from workers.gateways.salesforce_export import SalesforceExport
from workers.import_salesforce import Importer
from workers.jobs import Jobs
from workers.limits import DAY_MS, leaves_room_for_retries
from workers.memberships import Memberships
from workers.metadata import Metadata
from workers.notices import Notices
from workers.opening import open_place
from workers.parts import cores
from workers.poll import Poller
from workers.project import ROOM_KB, Projector
from workers.read import Reader
from workers.replay import Replay
from workers.restore import Restore, Restored
from workers.settings import ConnectionSettings, Settings, SettingsError
from workers.storage.redis_store import (
    RedisStores,
    connect,
    connections,
    forget_past,
    pasts,
    register_connection,
    register_past,
)
from workers.store import START
from workers.travel import Traveller

LONG = 50_000
"""From so many events on, several processes replay a log sooner than one."""


RELEASE = f"{version('crmsync')}/{SCHEMA}/{version('tzdata')}"
"""This release, and what else its decisions rest on."""


@dataclass
class Runtime:
    """Everything one process works with."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    owner: str = field(default_factory=new_id)
    _links: dict[str, "Link"] = field(default_factory=dict, repr=False)

    @cached_property
    def redis(self) -> redis.Redis:
        """The log's server; the embedded one is started if none is named."""
        self.revive()
        return connect(self.settings.log_server())

    def revive(self) -> None:
        """Bring the embedded server back if it is gone; a server of one's own is only waited for."""
        if self.settings.redis_url is None:
            embedded.ensure(self.settings.data_dir, port=self.settings.embedded_port)

    def has_log(self) -> bool:
        """Whether there is a log's server to ask; no embedded one is started in a directory without data."""
        return self.settings.redis_url is not None or embedded.exists(self.settings.data_dir)

    def connections(self) -> list[str]:
        """The connections that have been set up on the log's server."""
        return connections(self.redis) if self.has_log() else []

    def keeps(self, name: str) -> bool:
        """Whether anything of that name is kept there, set up as a connection or not."""
        return self.has_log() and RedisStores(self.redis, name).log.tail() != START

    def pasts(self) -> dict[str, str]:
        """The past states that are kept there, cut short ones too, each with its connection."""
        return pasts(self.redis) if self.has_log() else {}

    def remove_past(self, name: str) -> None:
        """Remove a past state; cut short, it can be begun again."""
        stores = RedisStores(self.redis, name)
        stores.remove()
        forget_past(self.redis, name)
        stores.compact()

    def register(self, name: str) -> None:
        register_connection(self.redis, name)

    def link(self, name: str) -> "Link":
        """One connection, with what it needs kept for as long as the process lives."""
        if name not in self._links:
            for each in [*self._links.values()]:
                each.spare_memory()
            self._links[name] = Link(self, name)
        return self._links[name]

    def renewed(self, name: str) -> "Link":
        """One connection, made anew once a configuration was applied: its file is read only once."""
        if self.link(name).is_outdated():
            self._links.pop(name, None)
        return self.link(name)

    def room_kb(self) -> int:
        """What the contacts of each connection may take that are kept: together no more than one's alone."""
        return ROOM_KB // max(1, len(self._links))

    def file(self, name: str) -> Path:
        """Where the configuration of a connection stands."""
        return self.settings.config_dir / f"{name}.yaml"


@dataclass
class Link:
    """One connection: its lane, its CRMs and the stages that work on them."""

    runtime: Runtime
    name: str

    def is_outdated(self) -> bool:
        """Whether a configuration was applied since this was made, or HubSpot's day has another start."""
        return self._made_for != self._circumstances()

    @cached_property
    def _made_for(self) -> tuple[str, int]:
        return self._circumstances()

    def _circumstances(self) -> tuple[str, int]:
        state = self.lane.state()
        return state.applied, portal_offset_ms(state, self.runtime.clock.now_ms())

    # -- what it is made of

    @cached_property
    def stores(self) -> RedisStores:
        return RedisStores(self.runtime.redis, self.name, RELEASE)

    @cached_property
    def archive(self) -> Archive:
        settings = self.runtime.settings
        return Archive(open_files(settings.archive(), self.name, _room(settings)))

    @cached_property
    def log(self) -> WholeLog:
        return WholeLog(self.stores.log, self.archive)

    @cached_property
    def lane(self) -> Lane:
        stores, runtime = self.stores, self.runtime
        return Lane(
            self.name,
            self.log,
            stores.tables,
            stores.coordination,
            runtime.clock,
            runtime.owner,
            self.marks.refuse,
        )

    @cached_property
    def marks(self) -> Marks:
        return Marks(self.archive.files)

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.lane, self.log, self.archiver, self.marks, self.epochs.begin_anew)

    @cached_property
    def configuration(self) -> Configuration:
        return load(self.runtime.file(self.name))

    @cached_property
    def options(self) -> ConnectionOptions:
        return connection_options(self.configuration)

    @cached_property
    def secrets(self) -> ConnectionSettings:
        return self.runtime.settings.connection(self.name)

    # -- the CRMs

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.lane, self.runtime.redis, self.options, self.secrets)

    def objects(self) -> Mapping[Crm, tuple[str, ...]]:
        """The objects that the configuration syncs."""
        kinds = self.configuration.kinds.values()
        return {crm: tuple(name for kind in kinds for name in kind.objects(crm)) for crm in Crm}

    def inclusion_lists(self) -> tuple[str, ...]:
        """The inclusion lists in force, by id."""
        sections = (kind.section for kind in self.lane.policy().kinds.values())
        return tuple(each.inclusion_list for each in sections if each.inclusion_list is not None)

    def chosen_lists(self) -> dict[str, str]:
        """The id of each inclusion list as the file names it, as far as HubSpot has it."""
        found = {
            each.wanted: each.definition for each in examine_lists(self.configuration, self.accounts.lists)
        }
        return {wanted: str(definition["listId"]) for wanted, definition in found.items() if definition}

    def document(self) -> Document:
        """The configuration as decisions read it, on the schemas and lists that the CRMs show now."""
        described = {
            (crm, name): self.accounts.gateways[crm].describe(name)
            for crm, names in self.objects().items()
            for name in names
        }
        return to_document(self.configuration, described, self.chosen_lists())

    def apply(self, by: str) -> str:
        """Put the configuration in force: observe what it rests on, then record it; returns its digest."""
        self.runtime.register(self.name)
        proposal = self.proposal(by)
        self.lane.append([*proposal.facts, proposal.applied], proposal.documents)
        return proposal.applied.digest

    def proposal(self, by: str) -> Proposal:
        """What puts the file in force, with what it rests on."""
        document = self.document()
        lists = [each.inclusion_list for each in document.sections if each.inclusion_list is not None]
        news = self.metadata.news(self.objects(), tuple(lists))
        applied = ConfigurationApplied(digest=digest(msgspec.to_builtins(document)), by=by, request=new_id())
        documents = [each for _, each in news if each is not None]
        return Proposal([event for event, _ in news], applied, [*documents, document])

    # -- the stages

    @cached_property
    def projector(self) -> Projector:
        policy = self.lane.policy()
        if policy.kinds:
            self.stores.log.packing.learn(specimens(policy))
        return Projector(self.lane, fatal=(SoftTimeLimitExceeded,), room_kb=self.runtime.room_kb)

    def spare_memory(self) -> None:
        """Keep nothing of before: the share is smaller now, of which a resting projector learns nothing."""
        if "projector" in vars(self):
            self.projector.forget()

    @property
    def archiver(self) -> Archiver:
        settings = self.runtime.settings
        bounds = Bounds(settings.log_events, settings.log_hours)
        return Archiver(self.lane, self.stores.log, self.archive, bounds)

    @cached_property
    def epochs(self) -> Epochs:
        return Epochs(self.lane, self.stores.generations, self.archiver)

    def renew_epoch(self) -> None:
        """Begin another epoch if the last one is older than the settings say."""
        self.epochs.renew(self.runtime.settings.snapshot_days * DAY_MS)

    @cached_property
    def _deliverers(self) -> dict[Crm, Deliverer]:
        return {crm: Deliverer(self.lane, crm, gateway) for crm, gateway in self.accounts.gateways.items()}

    def deliverer(self, crm: Crm) -> Deliverer:
        return self._deliverers[crm]

    @cached_property
    def _readers(self) -> dict[Crm, Reader]:
        lists = {Crm.HUBSPOT: self.accounts.lists}
        return {
            crm: Reader(self.lane, crm, gateway, lists.get(crm))
            for crm, gateway in self.accounts.gateways.items()
        }

    def reader(self, crm: Crm) -> Reader:
        return self._readers[crm]

    def poller(self, crm: Crm) -> Poller:
        return Poller(self.lane, crm, self.accounts.gateways[crm])

    @cached_property
    def control(self) -> Control:
        return Control(self.lane, may_retry=self._may_retry, trust_after=self.options.trust_after)

    def _may_retry(self) -> bool:
        return all(leaves_room_for_retries(self.accounts.limiter(crm).usage()) for crm in Crm)

    def epoch(self) -> Past | None:
        """The state from which one release has folded what runs now; None: the log's beginning."""
        generations = self.stores.generations
        taken = self.archive.newest().of_epoch(
            generations.release(), generations.current(), self.stores.tables().checkpoint()
        )
        return Past(self.archive.files, taken) if taken else None

    def restore(self) -> Restored:
        """Let the log's server go on where the archive ends, while no process works on the connection."""

        def paused_at(position: str) -> str:
            start = self.start_of(position, checked=True)
            return Traveller(self.lane, self.log, position, start).lane_with(frozenset()).state().paused

        generations = self.stores.generations
        return Restore(self.lane, generations, self.archive, self.archiver, paused_at).run()

    def elsewhere(self, name: str) -> Elsewhere:
        """Makes a past state a connection of that name."""
        server = self.runtime.redis
        register = partial(register_past, server, name, self.name)
        return Elsewhere(self.lane, self.log, RedisStores(server, name), register)

    def traveller(self, until: str) -> Traveller:
        """Goes back to a position of the log."""
        return Traveller(self.lane, self.log, until, self.start_of(until))

    @property
    def bundler(self) -> Bundler:
        return Bundler(self.traveller, RELEASE)

    def start_of(self, until: str, *, checked: bool = False) -> Past | None:
        """The last snapshot at or before a position; None: folding begins at the log's beginning.

        ``checked``: of those that are not damaged, which takes reading it.
        """
        taken = self.archive.whole_snapshot(until) if checked else self.archive.newest().snapshot(until)
        return Past(self.archive.files, taken) if taken else None

    def replay(self, processes: int | None = None, past: Past | None = None) -> Replay:
        """Replays the log, from a snapshot on or all of it, by so many processes.

        None: as many as pay for being started.
        """
        generations = self.stores.generations
        place = Place(self.log, generations.tables, past or Beginning())
        if processes is None:
            processes = cores() if self.lane.log.appended() - place.past.events() > LONG else 1
        return Replay(self.lane, generations, self._crew(processes, past) if processes > 1 else Alone(place))

    def _crew(self, processes: int, past: Past | None) -> Processes:
        settings = self.runtime.settings
        opening = partial(open_place, settings.log_server(), settings.archive(), self.name, _room(settings))
        return Processes(partial(opening, taken=past.snapshot if past else None), processes)

    @cached_property
    def jobs(self) -> Jobs:
        """Those that ask a CRM whom they are about can go on with it too."""
        return Jobs(self.lane, self.accounts.lists, self.importer)

    @cached_property
    def importer(self) -> Importer:
        schemas = {
            name: each for (crm, name), each in self.accounts.schemas().items() if crm is Crm.SALESFORCE
        }
        return Importer(self.lane, SalesforceExport(self.accounts.org, schemas=schemas).at(Priority.BACKFILL))

    def importable(self, objects: Sequence[str], where: str) -> int | None:
        """How many records an import would ask for; None: Salesforce cannot be asked now.

        Raises:
            NotUnderstood: if Salesforce cannot make sense of the condition.
        """
        try:
            return self.importer.count(objects, where)
        except (SyncError, SettingsError, ConfigurationError):
            return None

    @property
    def memberships(self) -> Memberships:
        return Memberships(self.lane, self.accounts.lists.at(Priority.BACKFILL))

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.lane, self.accounts.gateways, self.accounts.lists, self.accounts.rules)

    def notices(self) -> Notices | None:
        """Who tells of what is new, if anybody is to be told."""
        url = self.secrets.notice_url
        return Notices(self.lane, partial(post, url.get_secret_value())) if url else None


def _room(settings: Settings) -> Room:
    """Room for copies of a distant archive."""
    return Room(settings.data_dir / "archive_cache", settings.archive_cache_mb * 1_000_000)


@cache
def runtime() -> Runtime:
    """This process's runtime. A forked child must call ``runtime.cache_clear`` first."""
    return Runtime(Settings.load())
