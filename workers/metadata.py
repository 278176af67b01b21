"""Metadata: schemas, lists, owners, validation rules and account particulars, as events when they change."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.errors import Misconfigured, Rejected, SyncError
from domain.events import (
    AccountObserved,
    AnyEvent,
    DirectoryObserved,
    ListObserved,
    RulesObserved,
    RunnerObserved,
    SchemaObserved,
    digest,
)
from domain.identity import Crm
from domain.rules import RuleText, formula_of
from domain.state import Connection
from workers.clock import new_id
from workers.configuration import with_referred
from workers.connection import Lane
from workers.ports import CrmGateway, ListGateway, RuleGateway
from workers.telemetry import get_logger

log = get_logger(__name__)

News = tuple[AnyEvent, Any]
"""An event and the document that it names; None where it names none."""


@dataclass
class Metadata:
    """Looks at what both CRMs say about themselves."""

    lane: Lane
    gateways: Mapping[Crm, CrmGateway]
    lists: ListGateway
    rules: RuleGateway

    def observe(self, objects: Mapping[Crm, tuple[str, ...]], inclusion_lists: tuple[str, ...]) -> int:
        """Append what has changed since it was last observed; returns how many events that made.

        Raises what a CRM raises; nothing is appended then.
        """
        return self._append(self.news(objects, inclusion_lists))

    def news(self, objects: Mapping[Crm, tuple[str, ...]], inclusion_lists: tuple[str, ...]) -> list[News]:
        """What has changed since it was last observed. Raises what a CRM raises."""
        state = self.lane.state()
        news = [each for crm, names in objects.items() for each in self._of(crm, names, state)]
        news += self._rules(objects[Crm.SALESFORCE], state)
        return [*news, *self._lists(inclusion_lists, state)]

    def refresh(self, objects: Mapping[Crm, tuple[str, ...]], inclusion_lists: tuple[str, ...]) -> int:
        """Observe what can be observed now: a CRM that does not answer stops nothing of the other."""
        state = self.lane.state()
        parts = [(crm, self._of(crm, names, state)) for crm, names in objects.items()]
        parts.append((Crm.HUBSPOT, self._lists(inclusion_lists, state)))
        parts.append((Crm.SALESFORCE, self._rules(objects[Crm.SALESFORCE], state)))
        return sum(self._try(crm, part) for crm, part in parts if crm not in state.suspended)

    def _try(self, crm: Crm, part: Iterator[News]) -> int:
        try:
            return self._append(list(part))
        except SyncError as error:
            log.warning("metadata_unreadable", connection=self.lane.name, crm=crm, code=error.code)
            return 0

    def _append(self, news: list[News]) -> int:
        documents = [document for _, document in news if document is not None]
        return self.lane.append([event for event, _ in news], documents)

    def _of(self, crm: Crm, names: tuple[str, ...], state: Connection) -> Iterator[News]:
        yield from self._account(crm, state)
        yield from self._schemas(crm, names, state)
        yield from self._owners(crm, state)

    def _account(self, crm: Crm, state: Connection) -> Iterator[News]:
        account = self.gateways[crm].account()
        told = (account.id, account.zone, account.user_id)
        if state.accounts.get(crm) != told:
            yield (
                AccountObserved(crm=crm, account_id=told[0], zone=told[1], user_id=told[2], request=new_id()),
                None,
            )

    def _schemas(self, crm: Crm, names: tuple[str, ...], state: Connection) -> Iterator[News]:
        for name in names:
            schema = msgspec.to_builtins(self.gateways[crm].describe(name))
            if state.schemas.get(f"{crm}/{name}") != digest(schema):
                yield SchemaObserved(crm=crm, object=name, digest=digest(schema), request=new_id()), schema

    def _owners(self, crm: Crm, state: Connection) -> Iterator[News]:
        owners = msgspec.to_builtins(self.gateways[crm].owners())
        if state.directories.get(crm) != digest(owners):
            yield DirectoryObserved(crm=crm, digest=digest(owners), request=new_id()), owners

    def _rules(self, names: tuple[str, ...], state: Connection) -> Iterator[News]:
        """The validation rules, and our user as they see him; none if he may not read them."""
        try:
            found = {name: self.rules.rules(name, self._known(name, state)) for name in names}
            runner = msgspec.to_builtins(self.rules.runner(_globals(found.values())))
        except (Misconfigured, Rejected) as error:
            log.warning("rules_unreadable", connection=self.lane.name, code=error.code)
            return
        for name, texts in found.items():
            document = msgspec.to_builtins(texts)
            if state.rules.get(name, digest([])) != digest(document):
                yield RulesObserved(object=name, digest=digest(document), request=new_id()), document
        if any(found.values()) and state.runner != digest(runner):
            yield RunnerObserved(digest=digest(runner), request=new_id()), runner

    def _known(self, name: str, state: Connection) -> dict[str, RuleText]:
        document = self.lane.document(state.rules[name]) if name in state.rules else []
        return {each.id: each for each in msgspec.convert(document, list[RuleText])}

    def _lists(self, wanted: tuple[str, ...], state: Connection) -> Iterator[News]:
        """The inclusion lists, and the lists that their filters refer to."""
        for definition in with_referred(self.lists, wanted):
            list_id = str(definition["listId"])
            kept = {key: definition.get(key) for key in ("listId", "name", "processingType", "filterBranch")}
            named = (str(kept["name"]), digest(kept))
            if state.lists.get(list_id) != named:
                yield ListObserved(list_id=list_id, name=named[0], digest=named[1], request=new_id()), kept


def _globals(found: Iterable[tuple[RuleText, ...]]) -> set[str]:
    """The names of globals in the rules' formulas."""
    formulas = (formula_of(each.formula) for texts in found for each in texts)
    return {name for formula in formulas if formula for name in formula.globals}
