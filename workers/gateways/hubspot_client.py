"""One HubSpot account through HubSpot's own Python client (``hubspot-api-client`` 12).

The client's API classes give paths, verbs and authentication; they share one connection pool and hand back
raw answers, because the generated models cost ten times the time and lose fields. All retrying is ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3
from hubspot import HubSpot
from hubspot.crm.lists import ListsApi, MappingApi, MembershipsApi
from hubspot.crm.objects import ApiClient, BasicApi, BatchApi, SearchApi
from hubspot.crm.objects.exceptions import ApiException
from hubspot.crm.owners import OwnersApi
from hubspot.crm.properties import CoreApi
from hubspot.oauth.exceptions import ApiException as OAuthException

from domain.errors import Misconfigured, Transient
from domain.identity import Crm
from workers.gateways.http import CONNECT_SECONDS, READ_SECONDS, Account, Answer, NoAnswer
from workers.gateways.hubspot_shapes import fault_of
from workers.gateways.tokens import AccessTokens, MemoryTokenStore, Token, TokenStore
from workers.ports import Limiter

BASE_URL = "https://api.hubapi.com"

_NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

Request = Callable[..., Any]
"""A method of the client's API classes with its arguments bound, or the like of it."""


@dataclass(frozen=True)
class PrivateApp:
    """A token that never expires: a private app's, a static-auth project app's, or a service key."""

    access_token: str = field(repr=False)


@dataclass(frozen=True)
class OAuthApp:
    """An installed OAuth app; access tokens live for half an hour."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Portal:
    """The client, its pool and its token: what every HubSpot gateway of one account shares.

    Make it after a fork. ``connections`` is the number of threads that may call at once;
    ``read_seconds`` the longest silence inside an answer.
    """

    def __init__(
        self,
        credential: PrivateApp | OAuthApp,
        *,
        limiter: Limiter,
        base_url: str = BASE_URL,
        store: TokenStore | None = None,
        connections: int = 16,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        client = HubSpot(host=base_url, connection_pool_maxsize=connections, retries=False)
        self.api: ApiClient = client.crm.objects.batch_api.api_client
        self.api.set_default_header("Accept-Encoding", "gzip")
        self.objects = BasicApi(self.api)
        self.batch = BatchApi(self.api)
        self.search = SearchApi(self.api)
        self.properties = CoreApi(self.api)
        self.owners = OwnersApi(self.api)
        self.lists = ListsApi(self.api)
        self.memberships = MembershipsApi(self.api)
        self.mapping = MappingApi(self.api)
        log_in = partial(_log_in, client, credential, read_seconds)
        self.account = Account[Request](
            Crm.HUBSPOT,
            limiter=limiter,
            tokens=AccessTokens(store or MemoryTokenStore(), log_in),
            send=partial(_send, read_seconds),
            fault_of=fault_of,
        )

    def raw(self, method: str, path: str, body: object = None, **query: str) -> Request:
        """A call that the client has no class for, by the same pool and token."""
        return partial(
            self.api.call_api, path, method, query_params=query, body=body, auth_settings=["oauth2"]
        )


def _log_in(client: HubSpot, credential: PrivateApp | OAuthApp, read_seconds: float) -> Token:
    if isinstance(credential, PrivateApp):
        return Token(credential.access_token)
    request = partial(
        client.oauth.tokens_api.create,
        grant_type="refresh_token",
        client_id=credential.client_id,
        client_secret=credential.client_secret,
        refresh_token=credential.refresh_token,
    )
    return _refresh(request, read_seconds)


class _Login(msgspec.Struct):
    access_token: str
    expires_in: int


def _refresh(request: Request, read_seconds: float) -> Token:
    try:
        answer = _exchange(request, read_seconds)
    except NoAnswer:
        raise Transient("login_unavailable") from None
    if not answer.ok:
        fault = fault_of(answer)
        raise (Misconfigured if answer.status in _REFUSED else Transient)(fault.code, fault.message)
    login = answer.parse(_Login)
    return Token(login.access_token, lifetime_s=max(1, login.expires_in - 60))


def _send(read_seconds: float, token: Token, request: Request) -> Answer:
    bearer = {"in": "header", "type": "bearer", "key": "Authorization", "value": f"Bearer {token.access}"}
    return _exchange(partial(request, _request_auth=bearer), read_seconds)


def _exchange(request: Request, read_seconds: float) -> Answer:
    """Perform one request. The client raises on errors, and decodes their bodies as UTF-8, come what may."""
    try:
        response = request(_preload_content=False, _request_timeout=(CONNECT_SECONDS, read_seconds))
        return _answer(response.status, response.headers, response.data, response.geturl() or "")
    except UnicodeDecodeError as error:
        return _refused(error.__context__, error.object)
    except (ApiException, OAuthException) as error:
        return _refused(error, (error.body or "").encode())
    except _NOT_SENT as error:
        raise NoAnswer("not_sent", sent=False) from error
    except urllib3.exceptions.TimeoutError as error:
        raise NoAnswer("timeout", sent=True) from error
    except urllib3.exceptions.HTTPError as error:
        raise NoAnswer("connection_lost", sent=True) from error


def _refused(error: Any, body: bytes) -> Answer:
    if not error.status:  # the client's way to say that TLS failed
        raise NoAnswer("not_sent", sent=False) from error
    return _answer(error.status, error.headers or {}, body)


def _answer(status: int, headers: Mapping[str, str], body: bytes, url: str = "") -> Answer:
    named = {name.lower(): value for name, value in headers.items()}
    return Answer(status, named, body, urlsplit(url).path)
