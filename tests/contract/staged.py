"""A stand-in between us and a CRM: it hands on, writes down, and says what it is told to say instead."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import httpx

NOT_HANDED_ON = {"host", "accept-encoding", "connection"}


@dataclass
class Stage:
    """What stands in. ``crm``: who is asked; None: the answers in ``script`` are given one by one."""

    crm: str | None = None
    instead: dict[str, bytes] = field(default_factory=dict)  #: pattern of a path -> what is answered there
    script: list[bytes] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        path = target.partition("?")[0]
        for pattern, words in self.instead.items():
            if fnmatchcase(path, pattern):
                return 200, words
        if self.crm is None:
            return 200, self.script.pop(0) if self.script else b"{}"
        kept = {name: value for name, value in headers.items() if name not in NOT_HANDED_ON}
        found = httpx.request(method, self.crm + target, headers=kept, content=body, timeout=30)
        self.said.append(found.content)
        return found.status_code, found.content


@contextmanager
def staged(stage: Stage) -> Iterator[str]:
    """The address at which it listens."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline().decode():
                method, target, _ = line.split(" ", 2)
                headers = dict(self._headers())
                body = self.rfile.read(int(headers.get("content-length", 0)))
                status, words = stage.answer(method, target, headers, body)
                head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(words)}\r\nDate: {DATE}\r\n\r\n"
                self.wfile.write(head.encode() + words)

        def _headers(self) -> Iterator[tuple[str, str]]:
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                yield name.lower(), value.strip()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


DATE = "Sat, 03 Jan 2026 16:00:00 GMT"
