"""The control API of both simulators, under `/_sim/`, without authorisation.

- `GET /_sim/health`: name, objects, records per object
- `POST /_sim/reset`: forget records, faults, counters and violations; settings stay
- `POST /_sim/seed` `{"people": n, "seed": s, "overlap": 0.6, ...}`: fill with people
- `POST /_sim/snapshot`: write all state to the file given at the start
- `GET`, `PATCH /_sim/settings`: every switch, by name
- `GET`, `POST`, `DELETE /_sim/faults` (`?id=` for one): see `simulators.faults`
- `GET /_sim/violations`: calls that the real CRM would not understand; `DELETE` empties the list
- `GET /_sim/counters`, `GET /_sim/log?limit=`: what the CRM saw
- as a person in the CRM's screen: `POST /_sim/create` `{"object", "properties"}`, `/_sim/edit` with `id` or
  `email` too, `/_sim/delete` `{"object", "id"}` or by `email`, `/_sim/merge`
  `{"object", "ids": [survivor, other]}`
- `GET /_sim/record?object=&id=` (or `email=`): a record with its history; `GET /_sim/records?limit=&offset=`
- `GET`, `POST /_sim/clock` `{"offset": seconds}` or `{"advance": seconds}`
- `GET /_sim/`: a page to look at and edit records by hand

`object` may be absent: the CRM's own main object. A CRM may add routes (`Simulator.control_routes`).
"""

import inspect
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from simulators.base import Answer, Request, Simulator
from simulators.routing import Route, Router
from simulators.snapshot import save

_PAGE = Path(__file__).with_name("page.html")


class Control:
    """The control routes of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._router = Router()
        for key, handler in {**self._routes(), **simulator.control_routes()}.items():
            method, path = key.split(" ")
            self._router.add(Route(method, path, handler, query=None))

    def _routes(self) -> dict[str, Callable[[Request], Any]]:
        return {
            "GET /_sim": self._page,
            "GET /_sim/health": self._health,
            "POST /_sim/reset": self._reset,
            "POST /_sim/seed": lambda request: self._simulator.seed(_body(request)),
            "POST /_sim/snapshot": lambda _: self._save(),
            "GET /_sim/settings": lambda _: asdict(self._simulator.settings),
            "PATCH /_sim/settings": self._change_settings,
            "GET /_sim/faults": lambda _: [asdict(rule) for rule in self._simulator.faults.rules],
            "POST /_sim/faults": lambda request: asdict(self._simulator.faults.add(_body(request))),
            "DELETE /_sim/faults": self._remove_faults,
            "GET /_sim/violations": lambda _: self._simulator.violations,
            "DELETE /_sim/violations": self._forget_violations,
            "GET /_sim/counters": self._counters,
            "GET /_sim/log": self._log,
            "POST /_sim/create": self._create,
            "POST /_sim/edit": self._edit,
            "POST /_sim/delete": self._delete,
            "POST /_sim/merge": self._merge,
            "GET /_sim/record": self._record,
            "GET /_sim/records": self._records,
            "GET /_sim/clock": lambda _: self._time(),
            "POST /_sim/clock": self._set_clock,
        }

    async def handle(self, request: Request) -> Answer:
        route, request.params, _ = self._router.find(request.method, request.path)
        if route is None:
            return Answer(404, {"error": f"no control route {request.method} {request.path}"})
        try:
            result = route.handler(request)
            if inspect.isawaitable(result):
                result = await result
        except KeyError as error:
            return Answer(404, {"error": f"not found: {error.args[0]}"})
        except (ValueError, TypeError) as error:
            return Answer(400, {"error": str(error)})
        return result if isinstance(result, Answer) else Answer(200, result)

    def _page(self, _: Request) -> Answer:
        return Answer(200, _PAGE.read_bytes(), media_type="text/html; charset=utf-8")

    def _health(self, _: Request) -> dict[str, Any]:
        simulator = self._simulator
        return {
            "name": simulator.name,
            "objects": list(simulator.objects),
            "records": simulator.record_counts(),
            "now": simulator.clock.now_ms(),
        }

    def _reset(self, _: Request) -> dict[str, Any]:
        self._simulator.reset()
        return {"records": self._simulator.record_counts()}

    def _save(self) -> dict[str, Any]:
        path = self._simulator.snapshot
        if path is None:
            raise ValueError("started without --snapshots")
        return {"file": str(path), "bytes": save(self._simulator, path)}

    def _change_settings(self, request: Request) -> dict[str, Any]:
        self._simulator.settings.change(_body(request))
        self._simulator.settings_changed()
        return asdict(self._simulator.settings)

    def _remove_faults(self, request: Request) -> dict[str, Any]:
        self._simulator.faults.remove(int(request.one("id")) if "id" in request.query else None)
        return {"faults": len(self._simulator.faults.rules)}

    def _forget_violations(self, _: Request) -> list[dict[str, str]]:
        self._simulator.violations.clear()
        return self._simulator.violations

    def _counters(self, _: Request) -> dict[str, Any]:
        return self._simulator.counters.summary(self._simulator.record_counts())

    def _log(self, request: Request) -> list[dict[str, Any]]:
        entries = list(self._simulator.counters.log)
        return entries[-int(request.one("limit", "100")) :]

    def _object(self, named: Any) -> str:
        name = str(named or self._simulator.objects[0])
        if name not in self._simulator.objects:
            raise ValueError(f"object is one of {', '.join(self._simulator.objects)}")
        return name

    def _create(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        return self._simulator.create_as_person(self._object(body.get("object")), body["properties"])

    def _edit(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        name = self._object(body.get("object"))
        return self._simulator.edit_as_person(name, _key(body), body["properties"])

    def _delete(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        self._simulator.delete_as_person(self._object(body.get("object")), _key(body))
        return {"deleted": _key(body)}

    def _merge(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        keys = [str(key) for key in body["ids"]]
        return self._simulator.merge_as_person(self._object(body.get("object")), keys)

    def _record(self, request: Request) -> dict[str, Any]:
        key = request.one("id") or request.one("email")
        found = self._simulator.full_record(self._object(request.one("object")), key)
        if found is None:
            raise KeyError(key)
        return found

    def _records(self, request: Request) -> dict[str, Any]:
        name = self._object(request.one("object"))
        limit, offset = int(request.one("limit", "100")), int(request.one("offset", "0"))
        total = self._simulator.record_counts().get(name, 0)
        return {"total": total, "records": self._simulator.page(name, limit, offset)}

    def _time(self) -> dict[str, Any]:
        return {"now": self._simulator.clock.now(), "offset": self._simulator.clock.offset}

    def _set_clock(self, request: Request) -> dict[str, Any]:
        body = _body(request)
        if "offset" in body:
            self._simulator.clock.offset = float(body["offset"])
        self._simulator.clock.advance(float(body.get("advance", 0)))
        return self._time()


def _body(request: Request) -> dict[str, Any]:
    body = orjson.loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise TypeError("the body is a JSON object")
    return body


def _key(body: dict[str, Any]) -> str:
    return str(body.get("id") or body["email"])
