"""One HubSpot account: its tables, and every change with its consequences (stamps, events, lists, index)."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from simulators.clock import Clock
from simulators.counters import Counters
from simulators.hubspot.associations import DEFINED, PRIMARY, Associations, Kind, Node, kinds
from simulators.hubspot.limits import Limits
from simulators.hubspot.lists import Lists
from simulators.hubspot.properties import BadValueError
from simulators.hubspot.records import Origin, Record, Values, lag
from simulators.hubspot.schema import standard_types
from simulators.hubspot.settings import HubSpotSettings
from simulators.hubspot.subscriptions import PROPERTY, Subscriptions
from simulators.hubspot.table import Table
from simulators.hubspot.tokens import Token
from simulators.hubspot.webhooks import Webhooks

_FIRST_ID = 51_234
_OWNERS = (("41629779", "Rey", "Palmer"), ("41629780", "Sam", "Okoye"), ("41629781", "Toni", "Berg"))


class Portal:
    """State of the account. Changes go through `create`, `update`, `archive`, `restore`, `merge`, `purge`."""

    def __init__(
        self, settings: HubSpotSettings, clock: Clock, rng: random.Random, counters: Counters
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.rng = rng
        self.counters = counters
        types = standard_types(clock.now_ms())
        self.tables = {object_type.name: Table(object_type) for object_type in types}
        self._by_any_name = {
            key: table
            for name, table in self.tables.items()
            for key in (name, table.type.id, table.type.singular, table.type.singular.upper())
        }
        self.webhooks = Webhooks(settings, clock, random.Random(rng.getrandbits(64)))
        self.lists = Lists(self.tables, settings, clock, random.Random(rng.getrandbits(64)))
        self.associations = Associations()
        self.lists.linked = self._linked
        self.limits = Limits(settings)
        self.subscriptions = Subscriptions(clock)
        self.tokens: dict[str, Token] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        self.imports: dict[int, Any] = {}
        self.groups = {name: _groups(table) for name, table in self.tables.items()}
        self._quiet = False
        self.owners = [_owner(*entry) for entry in _OWNERS]
        self._last_id = _FIRST_ID - 1
        self._check_owners()

    def _check_owners(self) -> None:
        """Let owner properties take ids of owners only."""
        allowed = {str(entry["id"]) for entry in self.owners}
        for table in self.tables.values():
            if "hubspot_owner_id" in table.properties:
                table.properties["hubspot_owner_id"].clean = partial(_clean_owner, allowed)

    def _linked(self, type_id: str, record_id: int, far_type: str, kind: int) -> Iterable[int]:
        return self.associations.linked((type_id, record_id), far_type, kind)

    def table(self, name: str) -> Table | None:
        """By name, object type id or singular."""
        return self._by_any_name.get(name)

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def use_tokens(self, settings: HubSpotSettings) -> None:
        """Take over the static tokens of the settings; tokens given out over OAuth stay."""
        issued = {value: token for value, token in self.tokens.items() if token.oauth}
        static = {
            value: Token(value, entry["app_id"], frozenset(entry["scopes"]), entry.get("user_id"))
            for value, entry in settings.tokens.items()
        }
        self.tokens = {**issued, **static}
        for client_id, client in settings.oauth_clients.items():
            self.refresh_tokens |= dict.fromkeys(client.get("refresh_tokens", []), client_id)

    def secret(self, kind: str) -> str:
        """A new, random-looking token or code."""
        return f"{kind}-{self.rng.getrandbits(128):032x}"

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Changes within the block are known to search at once, and are neither told nor counted."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def person(self) -> Origin:
        """The origin of a change that a person makes in HubSpot's own screens."""
        user_id = 7012345
        return Origin("CRM_UI", f"userId:{user_id}", user_id)

    def create(self, table: Table, values: Values, origin: Origin) -> Record:
        now_ms = self.clock.now_ms()
        values = self._with_opt_out(table, values)
        record = table.insert(self.new_id(), values, now_ms, origin)
        self._show(table, record)
        if self._quiet:
            return record
        self.counters.created(record.values.get("email") or str(record.id))
        self.webhooks.created(table, record, origin, now_ms)
        self.lists.touched(table, record.id)
        return record

    def update(self, table: Table, record: Record, values: Values, origin: Origin) -> list[str]:
        """Store clean values; returns the names that changed."""
        now_ms = self.clock.now_ms()
        values = self._with_opt_out(table, self._with_secondary(table, record, values))
        out_of_order = any(
            record.had_before(name, value) and record.values.get(name) != value
            for name, value in values.items()
            if value and name in record.versions
        )
        changed = table.write(record, values, now_ms, origin)
        self.counters.wrote(str(record.id), changed=bool(changed), out_of_order=out_of_order)
        if origin.source == "INTEGRATION" and self.settings.scope_list_id:
            self.lists.catch_up()
            self.counters.non_member_writes += not self.lists.is_member(
                self.settings.scope_list_id, record.id
            )
        if changed or self.settings.noop_patch_bumps_stamp:
            record.updated_ms = max(now_ms, record.updated_ms)
            self._show(table, record)
        if changed:
            self.webhooks.changed(table, record, changed, origin, now_ms)
            self.lists.touched(table, record.id)
        return changed

    def _with_secondary(self, table: Table, record: Record, values: Values) -> Values:
        old, new = record.values.get("email"), values.get("email")
        if not (self.settings.email_change_keeps_secondary and table.type.name == "contacts" and old and new):
            return values
        extra = [email for email in record.values.get("hs_additional_emails", "").split(";") if email]
        kept = [email for email in dict.fromkeys([*extra, old]) if email != new]
        return {**values, "hs_additional_emails": ";".join(kept)}

    def _with_opt_out(self, table: Table, values: Values) -> Values:
        """A contact that gets another address has opted out if that one has."""
        if table.type.name != "contacts" or "email" not in values:
            return values
        return {**values, PROPERTY: self.subscriptions.shown(values["email"])}

    def opt_out(self, address: str, origin: Origin) -> bool:
        """Unsubscribe an address from everything; returns whether it was not before."""
        known = self.subscriptions.opted_out
        if address in known:
            return False
        known[address] = self.clock.now_ms()
        self._tell_opt_out(address, "true", origin)
        return True

    def opt_in(self, address: str, origin: Origin) -> None:
        """What only the person may want."""
        del self.subscriptions.opted_out[address]
        self._tell_opt_out(address, "false", origin)

    def _tell_opt_out(self, address: str, value: str, origin: Origin) -> None:
        table = self.tables["contacts"]
        record = table.find_by("email", address)
        if record is not None and record.values.get("email") == address:
            self.update(table, record, {PROPERTY: value}, origin)

    def _show(self, table: Table, record: Record) -> None:
        """Let the search index learn of the record's state, in its own time."""
        delay_ms = 0 if self._quiet else lag(self.settings.search_index_lag, self.rng.uniform)
        table.index.write(record, self.clock.now_ms() + delay_ms)

    def archive(self, table: Table, record: Record, origin: Origin) -> None:
        now_ms = self.clock.now_ms()
        table.archive(record, now_ms)
        body = {"objectId": record.id, "changeFlag": "DELETED"}
        self.webhooks.happened(table, "deletion", body, origin, now_ms)
        self.lists.left(table, record.id)

    def restore(self, table: Table, record: Record, origin: Origin) -> None:
        now_ms = self.clock.now_ms()
        table.restore(record)
        record.updated_ms = now_ms
        self._show(table, record)
        body = {"objectId": record.id, **self._flag("RESTORED")}
        self.webhooks.happened(table, "restore", body, origin, now_ms)
        self.lists.touched(table, record.id)

    def purge(self, table: Table, record: Record, origin: Origin) -> None:
        """GDPR deletion: no trace is left, and the e-mail may not come back."""
        now_ms = self.clock.now_ms()
        table.blocked_emails.update(
            email
            for name in ("email", "hs_additional_emails")
            for email in record.values.get(name, "").split(";")
            if email
        )
        table.forget(record)
        self.associations.forget(table.type.id, record.id)
        body = {"objectId": record.id}
        self.webhooks.happened(table, "privacyDeletion", {**body, **self._flag("DELETED")}, origin, now_ms)
        self.webhooks.happened(table, "deletion", {**body, "changeFlag": "DELETED"}, origin, now_ms)
        self.lists.left(table, record.id)

    def merge(self, table: Table, primary: Record, other: Record, origin: Origin) -> Record:
        """Merge `other` into `primary`, which gets a new id unless the settings preserve it."""
        now_ms = self.clock.now_ms()
        primary_id, other_id = primary.id, other.id
        moved = table.take_over(primary, other, now_ms, origin)
        self.associations.move(table.type.id, other_id, primary_id)
        self.lists.left(table, other_id)
        if not self.settings.merge_keeps_primary_id and table.type.name in {"contacts", "companies"}:
            self._give_new_id(table, primary, now_ms, origin)
        primary.updated_ms = now_ms
        self._show(table, primary)
        self._tell_merge(table, primary, (primary_id, other_id), moved, origin)
        self.lists.touched(table, primary.id)
        return primary

    def _give_new_id(self, table: Table, record: Record, now_ms: int, origin: Origin) -> None:
        old_id, new_id = record.id, self.new_id()
        merged = f"{record.values['hs_merged_object_ids']};{old_id}"
        record.put({"hs_merged_object_ids": merged}, now_ms, origin)
        table.rename(record, new_id)
        self.associations.move(table.type.id, old_id, new_id)
        self.lists.renamed(table, old_id, new_id)

    def _tell_merge(
        self, table: Table, survivor: Record, old_ids: tuple[int, int], moved: int, origin: Origin
    ) -> None:
        settings, now_ms = self.settings, self.clock.now_ms()
        primary_id, other_id = old_ids
        made_new = survivor.id != primary_id
        merged = [primary_id, other_id] if settings.merged_ids_include_primary else [other_id]
        body = {
            "primaryObjectId": primary_id,
            "mergedObjectIds": merged,
            "newObjectId": survivor.id if made_new or settings.merge_event_names_kept_id else None,
            "numberOfPropertiesMoved": moved,
            **({"objectId": primary_id} if settings.merge_event_has_object_id else {}),
            **self._flag("MERGED"),
        }
        self.webhooks.happened(table, "merge", body, origin, now_ms)
        if settings.merge_extra_events:
            for gone in {primary_id, other_id} - {survivor.id}:
                flag = {"objectId": gone, "changeFlag": "DELETED"}
                self.webhooks.happened(table, "deletion", flag, origin, now_ms)
            if made_new:
                self.webhooks.created(table, survivor, origin, now_ms)

    def _flag(self, word: str) -> dict[str, str]:
        return {"changeFlag": word} if self.settings.change_flag_everywhere else {}

    def associate(self, node: Node, other: Node, kind: Kind, origin: Origin) -> None:
        """Link two records; a primary link includes the unlabelled one."""
        if self.associations.add(node, other, kind):
            self._tell_association(node, other, kind, origin, removed=False)

    def dissociate(self, node: Node, other: Node, type_ids: set[int] | None, origin: Origin) -> None:
        """Unlink two records, wholly with None."""
        for kind in self.associations.remove(node, other, type_ids):
            self._tell_association(node, other, kind, origin, removed=True)

    def _tell_association(
        self, node: Node, other: Node, kind: Kind, origin: Origin, *, removed: bool
    ) -> None:
        """Both directions are told; a primary one also as an unlabelled one."""
        for near, far, number in ((node, other, kind.type_id), (other, node, kind.inverse)):
            table = self._by_any_name[near[0]]
            record = table.live.get(near[1])
            if record is not None:
                self._derive(table, record, far[0])
            if not self._quiet:
                self._tell_direction(table, near, far, number, origin, removed=removed)
                self.lists.touched(table, near[1])

    def _derive(self, table: Table, record: Record, far_type: str) -> None:
        """Bring the properties up to date that HubSpot calculates from associations."""
        now_ms, far = self.clock.now_ms(), self._by_any_name[far_type]
        known = list(self.associations.of((table.type.id, record.id), far_type))
        count = str(len(known)) if known else ""
        derived = {f"num_associated_{far.type.name}": count}
        if (table.type.name, far.type.name) == ("contacts", "companies"):
            primary = [str(other) for other, each in known if any(kind.label == PRIMARY for kind in each)]
            derived = {"associatedcompanyid": "".join(primary[:1])}
        present = {name: value for name, value in derived.items() if name in table.properties}
        record.put(present, now_ms, Origin("CALCULATED", "associations"))
        if self.settings.association_bumps_stamp and not self._quiet:
            record.updated_ms = now_ms
        self._show(table, record)

    def _tell_direction(
        self, table: Table, near: Node, far: Node, number: int, origin: Origin, *, removed: bool
    ) -> None:
        known = kinds(near[0], far[0])
        kind = next(each for each in known if each.type_id == number)
        told = [kind, known[0]] if kind.label == PRIMARY and not removed else [kind]
        for each in told:
            body = {
                "associationType": _association_name(table, self._by_any_name[far[0]]),
                "fromObjectTypeId": near[0],
                "toObjectTypeId": far[0],
                "associationTypeId": each.type_id,
                "associationCategory": DEFINED,
                "fromObjectId": near[1],
                "toObjectId": far[1],
                "associationRemoved": removed,
                "isPrimaryAssociation": each.label == PRIMARY,
            }
            self.webhooks.happened(table, "associationChange", body, origin, self.clock.now_ms())


def _clean_owner(allowed: set[str], value: str) -> str:
    if value not in allowed:
        raise BadValueError("INVALID_OWNER_ID", f"{value} is not a valid owner id")
    return value


def _association_name(table: Table, far: Table) -> str:
    """The name of an association in legacy events, such as CONTACT_TO_COMPANY."""
    return f"{table.type.singular}_to_{far.type.singular}".upper()


def _groups(table: Table) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(prop.group for prop in table.properties.values())
    return {
        name: {"name": name, "label": name.capitalize(), "displayOrder": place, "archived": False}
        for place, name in enumerate(names)
    }


def _owner(owner_id: str, first: str, last: str) -> dict[str, Any]:
    user_id = int(owner_id) - 34_617_434
    return {
        "id": owner_id,
        "email": f"{first}.{last}@example.com".lower(),
        "type": "PERSON",
        "firstName": first,
        "lastName": last,
        "userId": user_id,
        "userIdIncludingInactive": user_id,
        "createdAt": "2025-01-07T08:00:00.000Z",
        "updatedAt": "2025-01-07T08:00:00.000Z",
        "archived": False,
        "teams": [{"id": "368389", "name": "Sales", "primary": True}],
    }
