"""An HTTP proxy that leads host names to local ports, so that a program may keep its `https://api.hubapi.com`."""

import contextlib
import socket
import threading
from collections.abc import Iterator

_HEAD_END = b"\r\n\r\n"
_CHUNK = 65_536


class Tunnel:
    """Serves `CONNECT host:443` for the hosts it knows and refuses every other one.

    `refused` has the hosts that were asked for in vain: nothing leaves the machine.
    """

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.refused: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # closing the socket ends the accept
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _connect(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            host = _wanted(client)
            if host not in self._ports:
                self.refused.add(host)
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._ports[host])) as server:
                client.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()


def _wanted(client: socket.socket) -> str:
    """The host of `CONNECT host:port HTTP/1.1`, or the whole first line of anything else."""
    head = b""
    while _HEAD_END not in head and (more := client.recv(_CHUNK)):
        head += more
    line = head.split(b"\r\n", 1)[0].decode("latin-1")
    method, _, rest = line.partition(" ")
    return rest.split(":", 1)[0] if method == "CONNECT" else line


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tunnelling(ports: dict[str, int]) -> Iterator[Tunnel]:
    tunnel = Tunnel(ports)
    thread = threading.Thread(target=tunnel.serve, daemon=True)
    thread.start()
    try:
        yield tunnel
    finally:
        tunnel.close()
        thread.join()
