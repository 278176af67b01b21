"""Signatures of HubSpot's webhook requests: made with the app's client secret, checked in constant time.

Source: HubSpot's "Validating requests" page.
"""

import base64
import hashlib
import hmac
from typing import NamedTuple

TOLERANCE_MS = 300_000
"""How far a request's timestamp may be from our clock, either way: a captured one is soon worth nothing."""

_DECODED = (
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
)
"""The only escapes that HubSpot decodes in the URI before it signs; ``%20`` for one stays."""


class Signed(NamedTuple):
    """The parts of a request that a signature covers."""

    method: str
    uri: str  #: as HubSpot was told to call it, query included
    body: bytes
    timestamp: str = ""  #: of the header, epoch ms; version 3 only


def sign_v3(secret: str, request: Signed) -> str:
    """The signature that HubSpot sends as ``X-HubSpot-Signature-v3``."""
    message = request.method.encode() + _decoded(request.uri).encode() + request.body
    mac = hmac.new(secret.encode(), message + request.timestamp.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def sign_v1(secret: str, body: bytes) -> str:
    """The older signature, ``X-HubSpot-Signature``: no URI, and no timestamp that would end its worth."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def is_fresh(timestamp: str, now_ms: int) -> bool:
    """Whether a request was signed lately."""
    digits = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len(str(now_ms)) + 1
    return digits and abs(now_ms - int(timestamp)) <= TOLERANCE_MS


def is_same(expected: str, given: str) -> bool:
    """Compare two signatures without telling by the time it takes where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _decoded(uri: str) -> str:
    for escaped, plain in _DECODED:
        uri = uri.replace(escaped, plain).replace(escaped.lower(), plain)
    return uri
