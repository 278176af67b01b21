"""OAuth: consent without a question, tokens, introspection, and what a static token is good for."""

from typing import Any
from urllib.parse import parse_qs, urlencode

from simulators.base import Answer
from simulators.hubspot.calls import Call, Endpoint, api_error
from simulators.hubspot.errors import ApiError, invalid
from simulators.hubspot.tokens import Token

_TOKEN_FORM = {
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "refresh_token",
    "scope",
    "code_verifier",
}
_USER = "admin@example.com"
_DOMAIN = "crmsync-simulator.example.com"
_USER_ID = 7012345


def endpoints() -> list[Endpoint]:
    """Endpoints of OAuth; none of them takes a bearer token."""
    consent = frozenset({"client_id", "redirect_uri", "scope", "optional_scope", "state"})

    def open_to_all(method: str, family: str, path: str, handler: Any) -> Endpoint:
        return Endpoint(method, family, path, handler, public=True)

    return [
        Endpoint("GET", "consent", "/authorize", authorize, consent, public=True),
        open_to_all("POST", "oauth", "/token", token),
        open_to_all("POST", "oauth-new", "/token/introspect", introspect),
        open_to_all("POST", "oauth-new", "/token/revoke", revoke),
        open_to_all("GET", "oauth-v1", "/access-tokens/{token}", access_token),
        open_to_all("GET", "oauth-v1", "/refresh-tokens/{token}", refresh_token),
        open_to_all("DELETE", "oauth-v1", "/refresh-tokens/{token}", delete_refresh_token),
        open_to_all("POST", "private-apps", "/get/access-token-info", static_token),
    ]


def _form(call: Call, allowed: set[str]) -> dict[str, str]:
    fields = {
        name: values[-1] for name, values in parse_qs(call.request.body.decode("utf-8", "replace")).items()
    }
    call.check_fields(fields, allowed)
    return fields


def authorize(call: Call) -> Answer:
    """Send the browser back with a code at once, as if a person had agreed."""
    client_id, target = call.request.one("client_id"), call.request.one("redirect_uri")
    if client_id not in call.portal.settings.oauth_clients or not target:
        raise invalid("Missing or unknown client_id, or missing redirect_uri")
    code = call.portal.secret("code")
    call.portal.codes[code] = (client_id, target)
    query = {"code": code, **({"state": call.request.one("state")} if call.request.one("state") else {})}
    return Answer(302, b"", {"Location": f"{target}{'&' if '?' in target else '?'}{urlencode(query)}"})


def token(call: Call) -> Answer:
    form = _form(call, _TOKEN_FORM)
    grant, client_id = form.get("grant_type"), form.get("client_id", "")
    client = call.portal.settings.oauth_clients.get(client_id)
    if client is None or form.get("client_secret") != client["client_secret"]:
        raise _bad_grant("BAD_CLIENT_ID", "missing or unknown client id", "invalid_client")
    if grant == "refresh_token":
        refresh = form.get("refresh_token", "")
        if call.portal.refresh_tokens.get(refresh) != client_id:
            raise _bad_grant("BAD_REFRESH_TOKEN", "missing or invalid refresh token", "invalid_grant")
    elif grant == "authorization_code":
        if call.portal.codes.pop(form.get("code", ""), None) != (client_id, form.get("redirect_uri")):
            raise _bad_grant("BAD_AUTH_CODE", "missing or unknown auth code", "invalid_grant")
        refresh = call.portal.secret("refresh")
        call.portal.refresh_tokens[refresh] = client_id
    else:
        raise _bad_grant("BAD_GRANT_TYPE", "missing or unknown grant type", "unsupported_grant_type")
    return Answer(200, _issue(call, client_id, client, refresh))


def _bad_grant(status: str, message: str, error: str) -> ApiError:
    body = {"status": status, "message": message, "error": error, "error_description": message}
    return ApiError(400, body)


def _issue(call: Call, client_id: str, client: dict[str, Any], refresh: str) -> dict[str, Any]:
    lifetime = call.portal.settings.access_token_lifetime
    issued = Token(
        value=call.portal.secret("access"),
        app_id=client["app_id"],
        scopes=frozenset(client["scopes"]),
        user_id=_USER_ID,
        oauth=True,
        expires_ms=call.portal.clock.now_ms() + 1000 * lifetime,
        client_id=client_id,
    )
    call.portal.tokens[issued.value] = issued
    body = {
        "token_type": "bearer",
        "refresh_token": refresh,
        "access_token": issued.value,
        "expires_in": lifetime,
    }
    if not call.request.path.startswith("/oauth/v1/"):
        body |= {"hub_id": call.portal.settings.portal_id, "scopes": sorted(issued.scopes)}
    return body


def _about(call: Call, found: Token) -> dict[str, Any]:
    left = (found.expires_ms or 0) - call.portal.clock.now_ms()
    return {
        "token": found.value,
        "user": _USER,
        "hub_domain": _DOMAIN,
        "scopes": sorted(found.scopes),
        "hub_id": call.portal.settings.portal_id,
        "app_id": found.app_id,
        "expires_in": max(0, left // 1000),
        "user_id": _USER_ID,
        "token_type": "access",
    }


def _live(call: Call, value: str) -> Token | None:
    found = call.portal.tokens.get(value)
    usable = found is not None and found.oauth and (found.expires_ms or 0) > call.portal.clock.now_ms()
    return found if usable else None


def access_token(call: Call) -> Answer:
    found = _live(call, call.param("token"))
    if found is None:
        raise api_error(404, "access token is not valid or expired", "INVALID_AUTHENTICATION")
    return Answer(200, _about(call, found))


def _about_refresh(call: Call, value: str) -> dict[str, Any]:
    client_id = call.portal.refresh_tokens[value]
    return {
        "token": value,
        "user": _USER,
        "hub_domain": _DOMAIN,
        "scopes": sorted(call.portal.settings.oauth_clients[client_id]["scopes"]),
        "hub_id": call.portal.settings.portal_id,
        "client_id": client_id,
        "user_id": _USER_ID,
        "token_type": "refresh",
    }


def refresh_token(call: Call) -> Answer:
    if call.param("token") not in call.portal.refresh_tokens:
        raise api_error(404, "refresh token is not valid", "INVALID_AUTHENTICATION")
    return Answer(200, _about_refresh(call, call.param("token")))


def delete_refresh_token(call: Call) -> Answer:
    """Access tokens that were issued with it stay valid."""
    if call.portal.refresh_tokens.pop(call.param("token"), None) is None:
        raise api_error(404, "refresh token is not valid", "INVALID_AUTHENTICATION")
    return Answer(204)


def introspect(call: Call) -> Answer:
    form = _form(call, {"token", "token_type_hint", "client_id", "client_secret"})
    value = form.get("token", "")
    found = _live(call, value)
    if found is not None:
        about = {**_about(call, found), "client_id": found.client_id, "token_use": "access_token"}
        return Answer(200, {"active": True, **about, "signed_access_token": {}, "token_type": "bearer"})
    if value in call.portal.refresh_tokens:
        about = {**_about_refresh(call, value), "token_use": "refresh_token"}
        return Answer(200, {"active": True, **about, "signed_access_token": {}, "token_type": "bearer"})
    return Answer(200, {"active": False})


def revoke(call: Call) -> Answer:
    form = _form(call, {"token", "token_type_hint", "client_id", "client_secret"})
    call.portal.refresh_tokens.pop(form.get("token", ""), None)
    found = _live(call, form.get("token", ""))
    if found is not None:
        del call.portal.tokens[found.value]
    return Answer(200, {})


def static_token(call: Call) -> Answer:
    found = call.portal.tokens.get(str(call.body({"tokenKey"}, {"tokenKey"})["tokenKey"]))
    if found is None or found.oauth:
        raise api_error(404, "No such token", "OBJECT_NOT_FOUND")
    body = {"userId": found.user_id, "hubId": call.portal.settings.portal_id, "appId": found.app_id}
    return Answer(200, {**body, "scopes": sorted(found.scopes)})
