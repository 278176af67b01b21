"""HubSpot's lists ("segments" on its newer screens), for the inclusion list.

Source: HubSpot's "Lists" guide. Definitions are handed on as JSON: the client's models of filter branches
change what they read.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import field

from domain.errors import Misconfigured, Rejected
from domain.identity import Crm
from workers.gateways.heads import Prioritized
from workers.gateways.http import chunks, shaped
from workers.gateways.hubspot import BATCH
from workers.gateways.hubspot_client import Portal, Request
from workers.gateways.hubspot_shapes import Paging, Shape, next_page

CONTACTS = "0-1"
LISTS_PAGE = 500
MEMBERS_PAGE = 250


class Filter(Shape):
    filter_type: str = ""
    list_id: str | int | None = None  #: that it refers to


class Branch(Shape):
    filter_branch_type: str = ""
    filters: list[Filter] = field(default_factory=list)
    filter_branches: list["Branch"] = field(default_factory=list)


class Definition(Shape):
    """What is read of a list's definition."""

    list_id: str | int
    name: str
    processing_type: str | None = None
    processing_status: str | None = None
    object_type_id: str | None = None
    filter_branch: Branch | None = None


class Found(Shape):
    lists: list[dict[str, Any]]
    has_more: bool = False
    offset: int = 0


class One(Shape):
    list: dict[str, Any]


class LegacyId(Shape):
    list_id: str


class Member(Shape):
    record_id: str


class Members(Shape):
    results: list[Member]
    paging: Paging | None = None


class Membership(Shape):
    list_id: str | int


class RecordMemberships(Shape):
    record_id: str
    record_list_memberships: list[Membership] = field(default_factory=list)


class Memberships(Shape):
    results: list[RecordMemberships]


class HubSpotLists(Prioritized):
    """The contact lists of one portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def lists(self) -> list[dict[str, Any]]:
        return list(self._pages())

    def list_definition(self, name_or_id: str) -> dict[str, Any]:
        lists = self._portal.lists
        ways = [partial(lists.get_by_name, name_or_id, CONTACTS, include_filters="true")]
        if name_or_id.isascii() and name_or_id.isdigit():
            ways.insert(0, partial(lists.get_by_id, name_or_id, include_filters="true"))
        for way in ways:
            definition = self._one(way)
            if definition is not None:
                return definition
        legacy = self._legacy(name_or_id)
        if legacy is None:
            raise Misconfigured("list_absent")
        return legacy

    def members(self, list_id: str, *, after: str | None) -> tuple[list[str], str | None]:
        following = {"after": after} if after else {}
        request = partial(self._portal.memberships.get_page, list_id, limit=MEMBERS_PAGE, **following)
        page = self._portal.account.ask(request, Members, self.priority)
        return [member.record_id for member in page.results], next_page(page.paging)

    def memberships(self, record_ids: Sequence[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {record_id: set() for record_id in record_ids}
        for chunk in chunks(record_ids, BATCH):
            body = {"inputs": [{"objectTypeId": CONTACTS, "recordId": record_id} for record_id in chunk]}
            request = self._portal.raw("POST", "/crm/v3/lists/records/memberships/batch/read", body)
            for record in self._portal.account.ask(request, Memberships, self.priority).results:
                found[record.record_id] = {str(member.list_id) for member in record.record_list_memberships}
        return found

    def _pages(self) -> Iterator[dict[str, Any]]:
        offset, more = 0, True
        while more:
            body = {"objectTypeId": CONTACTS, "offset": offset, "count": LISTS_PAGE}
            request = partial(self._portal.lists.do_search, body)
            page = self._portal.account.ask(request, Found, self.priority)
            yield from map(_sound, page.lists)
            more, offset = page.has_more and page.offset > offset, page.offset

    def _one(self, request: Request) -> dict[str, Any] | None:
        try:
            return _sound(self._portal.account.ask(request, One, self.priority).list)
        except Rejected:
            return None

    def _legacy(self, legacy_id: str) -> dict[str, Any] | None:
        """Ids of the older lists API live on in people's notes and in HubSpot's own addresses."""
        if not legacy_id.isdigit():
            return None
        translate = self._portal.mapping.translate_legacy_list_id_to_list_id
        try:
            found = self._portal.account.ask(
                partial(translate, legacy_list_id=legacy_id), LegacyId, self.priority
            )
        except Rejected:
            return None
        return self._one(partial(self._portal.lists.get_by_id, found.list_id, include_filters="true"))


def _sound(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition as it came, if it has the shape of one. Raises Transient."""
    shaped(definition, Definition, Crm.HUBSPOT, "/crm/v3/lists")
    return definition
