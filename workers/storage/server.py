"""Talking to the server: single commands, and the Lua scripts that make several keys change as one."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import redis


class Script(Protocol):
    """A script on the server, sent there when it is not known yet."""

    def __call__(self, keys: Sequence[str], args: Sequence[Any] = ()) -> Any: ...


def load(client: redis.Redis, name: str) -> Script:
    """Make a script callable."""
    return client.register_script(_source(name))


def do(client: redis.Redis, *command: str | bytes | int) -> Any:
    """Send one command."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


@cache
def _source(name: str) -> str:
    """A script's text, after the functions that all scripts share."""
    folder = files(__package__)
    return folder.joinpath("shared.lua").read_text() + folder.joinpath(f"{name}.lua").read_text()
