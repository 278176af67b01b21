"""Sessions and the token endpoint: client credentials, JWT bearer, refresh token, password; SOAP login."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import jwt
import jwt.types

from simulators.base import Answer, Request
from simulators.salesforce.describe_api import instance_url
from simulators.salesforce.org import Org

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_ASSERTION_LIFETIME_S = 300


@dataclass(slots=True)
class _Refused(Exception):  # noqa: N818 - a refusal is an answer here, not a fault of the program
    error: str
    description: str


class Sessions:
    """Tokens in use; a session's time starts again with each call."""

    def __init__(self, org: Org) -> None:
        self.refresh_token = org.settings.refresh_token
        self._org = org
        self._expiry: dict[str, float] = {}

    def open(self) -> str:
        token = f"{self._org.organization_id[:15]}!AQ{self._org.rng.getrandbits(240):060x}"
        self._expiry[token] = self._org.now() + self._org.settings.session_lifetime_s
        return token

    def valid(self, token: str) -> bool:
        if self._expiry.get(token, 0) <= self._org.now():
            return False
        self._expiry[token] = self._org.now() + self._org.settings.session_lifetime_s
        return True

    def rotate(self) -> None:
        """Replace the refresh token; its predecessor is good for nothing any more."""
        self.refresh_token = f"5Aep{self._org.rng.getrandbits(240):060x}"

    def expire_all(self) -> int:
        ended = len(self._expiry)
        self._expiry.clear()
        return ended


def token(org: Org, sessions: Sessions, request: Request) -> Answer:
    """`POST /services/oauth2/token`."""
    form = {
        name: values[-1] for name, values in parse_qs(request.body.decode(), keep_blank_values=True).items()
    }
    try:
        _GRANTS.get(form.get("grant_type", ""), _unsupported)(org, form, request)
        rotated = _refreshed(org, sessions, form) if form["grant_type"] == "refresh_token" else {}
    except _Refused as refused:
        return Answer(400, {"error": refused.error, "error_description": refused.description})
    return Answer(200, _token_body(org, sessions, request) | rotated)


def _refreshed(org: Org, sessions: Sessions, form: dict[str, str]) -> dict[str, str]:
    """The next refresh token, where tokens rotate."""
    if form.get("refresh_token") != sessions.refresh_token:
        raise _Refused("invalid_grant", "expired access/refresh token")
    if not org.settings.rotate_refresh_token:
        return {}
    sessions.rotate()
    return {"refresh_token": sessions.refresh_token}


def _token_body(org: Org, sessions: Sessions, request: Request) -> dict[str, str]:
    url = instance_url(org, request)
    return {
        "access_token": sessions.open(),
        "signature": base64.b64encode(org.rng.randbytes(32)).decode(),
        "scope": "api",
        "instance_url": url,
        "id": f"https://login.salesforce.com/id/{org.organization_id}/{org.integration_user}",
        "token_type": "Bearer",
        "issued_at": str(int(org.now() * 1000)),
        "api_instance_url": url,
    }


def _unsupported(_org: Org, _form: dict[str, str], _request: Request) -> None:
    raise _Refused("unsupported_grant_type", "grant type not supported")


def _client(org: Org, form: dict[str, str], request: Request) -> None:
    """Check the consumer's key and secret, from Basic authorisation or the form."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        key, _, secret = base64.b64decode(encoded).decode().partition(":")
        key, secret = unquote(key), unquote(secret)
    else:
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
    if key != org.settings.consumer_key:
        raise _Refused("invalid_client_id", "client identifier invalid")
    if secret != org.settings.consumer_secret:
        raise _Refused("invalid_client", "invalid client credentials")


def _password(org: Org, form: dict[str, str], request: Request) -> None:
    _client(org, form, request)
    right = (org.settings.username, org.settings.password)
    if (form.get("username"), form.get("password")) != right:
        raise _Refused("invalid_grant", "authentication failure")


def _assertion(org: Org, form: dict[str, str], _: Request) -> None:
    settings = org.settings
    try:
        header = jwt.get_unverified_header(form.get("assertion", ""))
        options: jwt.types.Options = {"verify_signature": bool(settings.jwt_public_key), "verify_aud": False}
        options["verify_exp"] = False
        claims = jwt.decode(form["assertion"], settings.jwt_public_key, algorithms=["RS256"], options=options)
    except jwt.InvalidTokenError as error:
        raise _Refused("invalid_grant", "invalid assertion") from error
    if header.get("alg") != "RS256" or claims.get("aud") not in (*_AUDIENCES, settings.instance_url):
        raise _Refused("invalid_grant", "audience is invalid")
    expires = float(claims.get("exp", 0)) - org.now()
    if not 0 < expires <= _ASSERTION_LIFETIME_S:
        raise _Refused("invalid_grant", "expired authorization code")
    if claims.get("iss") != settings.consumer_key:
        raise _Refused("invalid_client_id", "client identifier invalid")
    if claims.get("sub") != settings.username:
        raise _Refused("invalid_grant", "user hasn't approved this consumer")


_GRANTS: dict[str, Callable[[Org, dict[str, str], Request], None]] = {
    "client_credentials": _client,
    "password": _password,
    "refresh_token": _client,
    _JWT_GRANT: _assertion,
}

_SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)


def soap_login(org: Org, sessions: Sessions, request: Request) -> Answer:
    """`POST /services/Soap/u/XX.X`: the password may have a security token at its end."""
    text = request.body.decode()
    user, password = _element(text, "username"), _element(text, "password")
    settings = org.settings
    if user != settings.username or not password.startswith(settings.password):
        message = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
        fault = (
            f"<soapenv:Fault><faultcode>INVALID_LOGIN</faultcode><faultstring>{message}</faultstring><detail>"
        )
        fault += "<sf:LoginFault><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>"
        fault += f"{message}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
        return Answer(500, _SOAP.format(fault).encode(), media_type="text/xml; charset=utf-8")
    url = escape(f"{instance_url(org, request)}/services/Soap/u/{NEWEST_SOAP}/{org.organization_id}")
    result = f"<serverUrl>{url}</serverUrl><sessionId>{escape(sessions.open())}</sessionId>"
    body = f"<loginResponse><result>{result}<userId>{org.integration_user}</userId></result></loginResponse>"
    return Answer(200, _SOAP.format(body).encode(), media_type="text/xml; charset=utf-8")


NEWEST_SOAP = "64.0"


def _element(text: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>(.*?)</", text, re.DOTALL)
    return found[1] if found else ""
