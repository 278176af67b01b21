"""Access tokens: shared by all, renewed by one."""

import threading
from collections.abc import Callable, Iterator

import fakeredis
import pytest

from domain.errors import Misconfigured
from workers.gateways.tokens import AccessTokens, MemoryTokenStore, RedisTokenStore, Token, TokenStore


@pytest.fixture(params=["memory", "redis"])
def stores(request: pytest.FixtureRequest) -> Iterator[Callable[[], TokenStore]]:
    """Makes stores that share their token, as workers do."""
    server, memory = fakeredis.FakeServer(), MemoryTokenStore()
    if request.param == "memory":
        yield lambda: memory
    else:
        yield lambda: RedisTokenStore(fakeredis.FakeRedis(server=server), "crmsync:{acme}:token:salesforce")


class Logins:
    """Counts logins; each brings another token."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Token:
        self.count += 1
        return Token(f"token-{self.count}", "https://acme.my.salesforce.com", lifetime_s=1_740)


def test_the_first_asks_for_a_token_and_the_others_take_it(stores: Callable[[], TokenStore]) -> None:
    logins = Logins()
    first, second = AccessTokens(stores(), logins), AccessTokens(stores(), logins)

    assert first.current() == second.current() == first.current()
    assert logins.count == 1


def test_a_refused_token_is_renewed_once_however_many_were_refused(
    stores: Callable[[], TokenStore],
) -> None:
    logins = Logins()
    workers = [AccessTokens(stores(), logins) for _ in range(8)]
    refused = [worker.current() for worker in workers]
    renewed: list[Token] = []

    threads = [
        threading.Thread(target=lambda w=worker, t=token: renewed.append(w.renew(t)))
        for worker, token in zip(workers, refused, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert {token.access for token in renewed} == {"token-2"}
    assert logins.count == 2


def test_a_refused_login_leaves_the_store_open_for_the_next(stores: Callable[[], TokenStore]) -> None:
    def refuse() -> Token:
        raise Misconfigured("invalid_grant")

    with pytest.raises(Misconfigured):
        AccessTokens(stores(), refuse).current()
    assert AccessTokens(stores(), Logins()).current().access == "token-1"


def test_redis_forgets_a_token_when_its_life_ends() -> None:
    redis = fakeredis.FakeRedis()
    AccessTokens(RedisTokenStore(redis, "token"), Logins()).current()

    assert 1_700 < redis.ttl("token") <= 1_740
