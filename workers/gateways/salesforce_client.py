"""One Salesforce org's session through ``simple-salesforce`` 1.12.

The library gives paths, queries, logins and the session; it knows no time-outs, no allowance, and would log
in once per thread, so tokens, retries and the judging of answers are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from threading import local
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
from simple_salesforce.login import SalesforceLogin
from urllib3.exceptions import MaxRetryError, NewConnectionError

from domain.errors import Misconfigured, Transient
from domain.identity import Crm
from domain.state import Priority
from workers.gateways.http import CONNECT_SECONDS, READ_SECONDS, Account, Answer, NoAnswer
from workers.gateways.salesforce_shapes import fault_of
from workers.gateways.tokens import AccessTokens, MemoryTokenStore, Token, TokenStore
from workers.ports import Limiter

API_VERSION = "67.0"
CLIENT = "crmsync"

_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_LATER = {408, 429}

Request = Callable[[Salesforce], object]
"""One call of the library."""


@dataclass(frozen=True)
class ClientCredentials:
    """An External Client App that runs as a fixed user. ``domain``: My Domain, as in ``acme.my``."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    domain: str


@dataclass(frozen=True)
class JwtBearer:
    """An app that trusts a certificate. ``domain``: ``login``, ``test`` or My Domain."""

    username: str
    consumer_key: str
    private_key: str = field(repr=False)  #: PEM
    domain: str = "login"


class _Resources(msgspec.Struct):
    """The parts of the API, each by its address."""

    identity: str = ""


class Org:
    """The session, its pool and its token: what every Salesforce gateway of one account shares.

    Make it after a fork. ``base_url``: where all requests go instead of to salesforce.com, login included.
    ``connections`` is the number of threads that may call at once; ``read_seconds`` the longest silence
    inside an answer.
    """

    def __init__(
        self,
        login: ClientCredentials | JwtBearer,
        *,
        limiter: Limiter,
        base_url: str | None = None,
        version: str = API_VERSION,
        store: TokenStore | None = None,
        connections: int = 16,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._login = login
        self._version = version
        self._session = _session(_Adapter(base_url, connections, read_seconds))
        self._session.hooks["response"].append(self._see)
        self._seen = local()
        self._clients: dict[Token, Salesforce] = {}
        self.account = Account[Request](
            Crm.SALESFORCE,
            limiter=limiter,
            tokens=AccessTokens(store or MemoryTokenStore(), self._log_in),
            send=self._send,
            fault_of=fault_of,
        )

    def user_id(self, priority: Priority) -> str:
        """Whom the session belongs to: the last part of the identity address; empty if it does not say."""
        resources = self.account.ask(lambda client: client.restful(""), _Resources, priority)
        return resources.identity.rpartition("/")[2]

    def _see(self, response: requests.Response, **_: object) -> None:
        self._seen.response = response

    def _send(self, token: Token, request: Request) -> Answer:
        """Perform one request. Whatever the library makes of the answer, it is judged as it came."""
        self._seen.response = None
        try:
            request(self._client(token))
        except requests.exceptions.InvalidJSONError:
            pass
        except requests.RequestException as error:
            raise _no_answer(error) from error
        except (SalesforceError, ValueError, TypeError):
            pass
        response: requests.Response = self._seen.response
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content, urlsplit(response.url).path)

    def _client(self, token: Token) -> Salesforce:
        client = self._clients.get(token)
        if client is None:
            client = Salesforce(
                session_id=token.access,
                instance_url=token.instance_url,
                session=self._session,
                version=self._version,
            )
            client.headers.pop("X-PrettyPrint", None)
            self._clients = {token: client}
        return client

    def _log_in(self) -> Token:
        self._seen.response = None
        try:
            access, host = SalesforceLogin(session=self._session, **_login_arguments(self._login))
        except SalesforceAuthenticationFailed as error:
            answer: requests.Response | None = self._seen.response
            if answer is not None and not _refuses(answer.status_code):
                raise Transient("login_unavailable") from None
            raise Misconfigured(str(error.code), error.auth_message) from None
        except (requests.RequestException, AttributeError, ValueError, TypeError):
            raise Transient("login_unavailable") from None
        if not isinstance(access, str):
            raise Transient("login_unavailable")
        return Token(access, f"https://{host}")


def _refuses(status: int) -> bool:
    """Whether the answer to a login is about us: a page in its place, or a plea to wait, is not."""
    return _CLIENT_ERROR <= status < _SERVER_ERROR and status not in _LATER


def _login_arguments(login: ClientCredentials | JwtBearer) -> dict[str, Any]:
    if isinstance(login, ClientCredentials):
        return {
            "consumer_key": login.consumer_key,
            "consumer_secret": login.consumer_secret,
            "domain": login.domain,
        }
    return {
        "username": login.username,
        "consumer_key": login.consumer_key,
        "privatekey": login.private_key,
        "domain": login.domain,
    }


class _Adapter(HTTPAdapter):
    """Gives every request a time-out, which the library never does, and optionally another address."""

    def __init__(self, base_url: str | None, connections: int, read_seconds: float) -> None:
        self._base_url = base_url
        self._timeout = (CONNECT_SECONDS, read_seconds)
        super().__init__(pool_maxsize=connections, max_retries=0)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        if self._base_url and request.url:
            address = urlsplit(request.url)
            request.url = self._base_url.rstrip("/") + address._replace(scheme="", netloc="").geturl()
        return super().send(request, **kwargs)


def _session(adapter: HTTPAdapter) -> requests.Session:
    """Constant headers live on the session: the library loses those of a call when it logs in anew."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"Sforce-Call-Options": f"client={CLIENT}", "Sforce-Auto-Assign": "FALSE"})
    session.mount("https://", adapter)
    return session


def _no_answer(error: requests.RequestException) -> NoAnswer:
    cause = error.args[0] if error.args else None
    refused = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    if refused or isinstance(error, requests.ConnectTimeout):
        return NoAnswer("not_sent", sent=False)
    return NoAnswer("timeout" if isinstance(error, requests.Timeout) else "connection_lost", sent=True)
