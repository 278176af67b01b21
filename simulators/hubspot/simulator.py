"""The HubSpot simulator: an account behind its gate, and the operations of the control API."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from simulators.base import Answer, Request, Simulator
from simulators.clock import iso_ms
from simulators.faults import Fault
from simulators.hubspot.associations import kinds
from simulators.hubspot.gate import Gate
from simulators.hubspot.portal import Portal
from simulators.hubspot.properties import clean_email
from simulators.hubspot.records import Origin, Record
from simulators.hubspot.rendering import Shape
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.table import Table

_SEED_ORIGIN = Origin("IMPORT", "seed")


class HubSpot(Simulator):
    """A HubSpot account behind its API."""

    name = "hubspot"
    objects = ("contacts", "companies", "deals", "tickets", "tasks", "notes")
    settings: HubSpotSettings

    def __init__(self, settings: HubSpotSettings | None = None) -> None:
        super().__init__(settings or HubSpotSettings())
        self._gate = Gate(self)
        self.portal = self._empty_portal()
        self.settings_changed()

    def _empty_portal(self) -> Portal:
        self.uuids = random.Random(self.settings.seed + 2)
        return Portal(self.settings, self.clock, self.rng, self.counters)

    def reset(self) -> None:
        sender = self.portal.webhooks.delivery
        self.restart()
        self.portal = self._empty_portal()
        self.settings_changed()
        sender.wake()

    def settings_changed(self) -> None:
        self.portal.use_tokens(self.settings)
        self.portal.webhooks.configure()
        self.portal.webhooks.delivery.wake()

    def handle(self, request: Request) -> Answer:
        return self._gate.handle(request)

    def fault_answer(self, rule: Fault, request: Request) -> Answer:
        return self._gate.fault_answer(rule, request)

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        from simulators import people  # noqa: PLC0415 - its vocabulary is loaded only where it is needed

        count, seed = int(spec["people"]), int(spec.get("seed", 1))
        rows = people.roster(
            people.people(count, seed=seed), overlap=float(spec.get("overlap", 0.6)), seed=seed
        )
        table = self.portal.tables["contacts"]
        with self.portal.quietly():
            made = [self.portal.create(table, table.check(row)[0], _SEED_ORIGIN) for row in rows.hubspot]
            if spec.get("companies"):
                self._seed_companies(made)
        self.portal.lists.recompute_all()
        return self.record_counts()

    def _seed_companies(self, contacts: list[Record]) -> None:
        """A company per company name, as the primary one of its people."""
        table, primary = self.portal.tables["companies"], kinds("0-1", "0-2")[1]
        companies: dict[str, Record] = {}
        for contact in contacts:
            name = contact.values.get("company")
            if not name:
                continue
            if name not in companies:
                domain = contact.values.get("hs_email_domain", "")
                values = {"name": name, **({"domain": domain} if domain else {})}
                companies[name] = self.portal.create(table, values, _SEED_ORIGIN)
            self.portal.associate(("0-1", contact.id), ("0-2", companies[name].id), primary, _SEED_ORIGIN)

    def record_counts(self) -> dict[str, int]:
        return {name: len(table.live) for name, table in self.portal.tables.items()}

    def full_record(self, object_name: str, key: str) -> dict[str, Any] | None:
        table = self.portal.tables[object_name]
        record = _look_up(table, key)
        if record is None:
            return None
        history = {
            name: [
                {
                    "value": v.value,
                    "at": iso_ms(v.at_ms),
                    "source": v.origin.source,
                    "source_id": v.origin.source_id,
                }
                for v in record.history(name)
            ]
            for name in {*record.values, *record.versions}
        }
        node = (table.type.id, record.id)
        links = {
            far.type.name: [str(other) for other, _ in self.portal.associations.of(node, far.type.id)]
            for far in self.portal.tables.values()
        }
        lists = [entry.id for entry in self.portal.lists.lists.values() if record.id in entry.members]
        return {**self._plain(table, record), "history": history, "associations": links, "lists": lists}

    def _plain(self, table: Table, record: Record) -> dict[str, Any]:
        shown = Shape(table, record.values.keys() or {"hs_object_id"}).show(record)
        return {**shown, "deleted": record.archived_ms is not None}

    def page(self, object_name: str, limit: int, offset: int) -> list[dict[str, Any]]:
        table = self.portal.tables[object_name]
        ids = islice(table.ids_from(0), offset, offset + limit)
        return [self._plain(table, table.live[record_id]) for record_id in ids]

    def create_as_person(self, object_name: str, properties: dict[str, Any]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        values = self._typed(table, properties, None)
        if table.type.required_any and not any(values.get(name) for name in table.type.required_any):
            raise ValueError(f"one of {', '.join(table.type.required_any)} is required")
        return self._plain(table, self.portal.create(table, values, self.portal.person()))

    def edit_as_person(self, object_name: str, key: str, properties: dict[str, Any]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        record = self._live(table, key)
        self.portal.update(table, record, self._typed(table, properties, record), self.portal.person())
        return self._plain(table, record)

    def _typed(self, table: Table, properties: dict[str, Any], record: Record | None) -> dict[str, str]:
        values, problems = table.check(properties)
        if problems:
            raise ValueError("; ".join(problem["message"] for problem in problems))
        for name, value, owner in table.clashes(values, None if record is None else record.id):
            raise ValueError(f"{name} {value} belongs to record {owner}")
        return values

    def _live(self, table: Table, key: str) -> Record:
        record = _look_up(table, key)
        if record is None or record.archived_ms is not None:
            raise KeyError(key)
        return record

    def delete_as_person(self, object_name: str, key: str) -> None:
        table = self.portal.tables[object_name]
        self.portal.archive(table, self._live(table, key), self.portal.person())

    def merge_as_person(self, object_name: str, keys: Sequence[str]) -> dict[str, Any]:
        table = self.portal.tables[object_name]
        survivor = self._live(table, keys[0])
        for key in keys[1:]:
            survivor = self.portal.merge(table, survivor, self._live(table, key), self.portal.person())
        return self._plain(table, survivor)

    def control_routes(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "GET /_sim/webhooks": lambda _: self.portal.webhooks.delivery.state(),
            "POST /_sim/webhooks/flush": lambda _: self.portal.webhooks.delivery.flush(),
            "POST /_sim/restore": self._restore,
            "POST /_sim/unsubscribe": self._unsubscribe,
            "POST /_sim/resubscribe": self._resubscribe,
        }

    def _unsubscribe(self, request: Request) -> dict[str, Any]:
        address = clean_email(request.json()["email"])
        return {"changed": self.portal.opt_out(address, self.portal.person())}

    def _resubscribe(self, request: Request) -> dict[str, Any]:
        address = clean_email(request.json()["email"])
        self.portal.opt_in(address, self.portal.person())
        return {"changed": True}

    def _restore(self, request: Request) -> dict[str, Any]:
        body = request.json()
        table = self.portal.tables[body.get("object", "contacts")]
        record = table.archived[int(body["id"])]
        self.portal.restore(table, record, self.portal.person())
        return self._plain(table, record)

    def _is_current(self, portal: Portal) -> bool:
        return portal is self.portal

    async def background(self) -> None:
        """Deliver webhooks; a reset puts a new sender in place of the old one."""
        while True:
            portal = self.portal
            await portal.webhooks.delivery.run(partial(self._is_current, portal))


def _look_up(table: Table, key: str) -> Record | None:
    if key.isdigit():
        return table.find(int(key)) or table.archived.get(int(key))
    return table.find_by("email", key) if "email" in table.unique else None


def create(settings: dict[str, Any]) -> HubSpot:
    """A simulator with some settings changed."""
    chosen = HubSpotSettings()
    chosen.change(settings)
    return HubSpot(chosen)
