"""Posts notices to an address of the operator's: a chat's incoming webhook, or a program of one's own."""

from collections.abc import Mapping
from typing import Any

import requests

from domain.errors import Transient
from workers.gateways.http import CONNECT_SECONDS

READ_SECONDS = 10.0


def post(url: str, message: Mapping[str, Any]) -> None:
    """Send a message as JSON. Raises Transient unless it was taken."""
    try:
        answer = requests.post(url, json=message, timeout=(CONNECT_SECONDS, READ_SECONDS))
    except requests.RequestException as error:
        raise Transient(type(error).__name__) from None
    if not answer.ok:
        raise Transient(f"http_{answer.status_code}")
