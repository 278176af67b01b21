"""`query` and `queryAll`, page by page."""

import re
from collections import OrderedDict
from dataclasses import dataclass

from simulators.base import Answer
from simulators.salesforce.calls import Call, option
from simulators.salesforce.errors import ApiError
from simulators.salesforce.query import Found, Runner

_PAGE = 2000
_SMALLEST_PAGE = 200
_LIFETIME_S = 2 * 86_400
_MOST_OPEN = 500
_MAX_LENGTH = 100_000


@dataclass(slots=True)
class _Open:
    found: Found
    expires: float
    route: str


class Cursors:
    """Queries with pages still to read."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._count = 0

    def query(self, call: Call) -> Answer:
        return self._run(call, "query", deleted=False)

    def query_all(self, call: Call) -> Answer:
        return self._run(call, "queryAll", deleted=True)

    def more(self, call: Call) -> Answer:
        """The page that a locator such as `01g5e0000016PIAYA2-2000` names."""
        name, _, first = call.params["locator"].rpartition("-")
        held = self._open.get(name)
        if held is None or not first.isdigit() or held.expires < call.org.now():
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, name, held, int(first))

    def _run(self, call: Call, route: str, *, deleted: bool) -> Answer:
        text = call.request.one("q")
        if not text.strip():
            raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
        if len(text) > _MAX_LENGTH:
            raise ApiError(
                "QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters."
            )
        found = Runner(call.org, call.actor, call.base, deleted=deleted).run(text)
        if found.count_only:
            return Answer(200, {"totalSize": len(found.rows), "done": True, "records": []})
        self._count += 1
        name = f"{call.org.settings.locator_prefix}5e00000{self._count:06d}AAA"
        return self._page(call, name, _Open(found, call.org.now() + _LIFETIME_S, route), 0)

    def _page(self, call: Call, name: str, held: _Open, first: int) -> Answer:
        end = first + _page_size(call)
        total = len(held.found.rows)
        records = held.found.shown(first, end)
        call.request.rows = len(records)
        body = {"totalSize": total, "done": end >= total, "records": records}
        if end < total:
            self._open[name] = held
            body["nextRecordsUrl"] = f"{call.base}/{held.route}/{name}-{end}"
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return Answer(200, body)


def _page_size(call: Call) -> int:
    wanted = option(call.request.headers, "sforce-query-options", "batchSize")
    if not re.fullmatch(r"\d+", wanted):
        return _PAGE
    return max(_SMALLEST_PAGE, min(_PAGE, int(wanted)))
