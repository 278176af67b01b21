"""Access tokens: one per CRM account, shared by all workers, renewed once when the CRM refuses it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock
from typing import Protocol

import msgspec
from redis import Redis
from redis.exceptions import LockError

from domain.errors import Transient

LOCK_SECONDS = 90
"""Longer than a login may take."""


class Token(msgspec.Struct, frozen=True):
    """What a login brought."""

    access: str
    instance_url: str = ""  #: Salesforce: where the org answers
    lifetime_s: int | None = None  #: None: the CRM did not say


class TokenStore(Protocol):
    """Where the workers of one account share their token."""

    def load(self) -> Token | None:
        """The token last saved, if it may still be good."""

    def save(self, token: Token) -> None: ...

    def locked(self) -> AbstractContextManager[object]:
        """Exclusion among all who share the store, for the length of one login."""


class MemoryTokenStore:
    """Shares the token among the threads of one process."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._lock = Lock()

    def load(self) -> Token | None:
        return self._token

    def save(self, token: Token) -> None:
        self._token = token

    def locked(self) -> AbstractContextManager[object]:
        return self._lock


class RedisTokenStore:
    """Shares the token among processes. The key holds a secret, and goes when the token's life ends."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key

    def load(self) -> Token | None:
        raw = self._redis.get(self._key)
        return msgspec.json.decode(raw, type=Token) if raw else None

    def save(self, token: Token) -> None:
        self._redis.set(self._key, msgspec.json.encode(token), ex=token.lifetime_s)

    @contextmanager
    def locked(self) -> Iterator[None]:
        lock = self._redis.lock(f"{self._key}:lock", timeout=LOCK_SECONDS, blocking_timeout=LOCK_SECONDS)
        if not lock.acquire():
            raise Transient("login_unavailable")
        try:
            yield
        finally:
            with suppress(LockError):  # it may have run out meanwhile; the login counts all the same
                lock.release()


class AccessTokens:
    """The current token of one account, and its renewal.

    ``log_in`` raises ``Misconfigured`` where the CRM refuses the credential, ``Transient`` where it
    cannot say.
    """

    def __init__(self, store: TokenStore, log_in: Callable[[], Token]) -> None:
        self._store = store
        self._log_in = log_in
        self._token: Token | None = None

    def current(self) -> Token:
        return self._token or self._renewed(refused=None)

    def renew(self, refused: Token) -> Token:
        """A token other than the refused one: another worker's, or a new login's."""
        return self._renewed(refused)

    def _renewed(self, refused: Token | None) -> Token:
        with self._store.locked():
            token = self._store.load()
            if token is None or token == refused:
                token = self._log_in()
                self._store.save(token)
        self._token = token
        return token
