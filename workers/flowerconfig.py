"""Flower's configuration file: each name here is one of Flower's own options.

Flower can stop workers and revoke tasks. So without a password it listens to this machine
only; there its API is open, because nobody else can reach it.
"""

import os

from workers.settings import LOOPBACK, Settings, SettingsError

_settings = Settings.load()
_login = _settings.flower_basic_auth

if _login is None and _settings.flower_address not in LOOPBACK:
    raise SettingsError(
        "CRMSYNC_FLOWER_ADDRESS faces other machines: set CRMSYNC_FLOWER_BASIC_AUTH to user:password."
    )
if _login is None:
    os.environ["FLOWER_UNAUTHENTICATED_API"] = "true"  # noqa: TID251 a write; Flower takes this from nowhere else

address = _settings.flower_address
port = _settings.flower_port
basic_auth = [_login.get_secret_value()] if _login else []
