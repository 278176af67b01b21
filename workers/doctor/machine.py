"""Checks of our own side: the log's server, the secrets, the address for webhooks."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import redis
import redis.exceptions

from workers.configuration import ConnectionOptions
from workers.doctor.findings import Finding, Health
from workers.durability import check_durability


def check_server(server: redis.Redis) -> Iterator[Finding]:
    """Whether the log's server can be reached and may hold the log."""
    try:
        problems = check_durability(server)
        info = server.info("server")
    except redis.exceptions.RedisError as error:
        remedy = "Start it, or correct CRMSYNC_REDIS_URL."
        yield Finding(Health.FAIL, f"The log's server cannot be used ({type(error).__name__}).", remedy)
        return
    for problem in problems:
        what, _, remedy = problem.rpartition(": ")
        yield Finding(Health.FAIL, f"The log's server: {what}.", f"{remedy[:1].upper()}{remedy[1:]}")
    if not problems:
        name = info.get("server_name", "redis")
        version = info.get(f"{name}_version", info["redis_version"])
        yield Finding(Health.OK, f"The log's server ({name} {version}) neither evicts nor forgets.")


def secrets_needed(options: ConnectionOptions, *, webhooks: bool) -> tuple[str, ...]:
    """The secrets of a connection. ``webhooks``: whether the web process has a public address."""
    proof = "private_key_file" if options.salesforce_login == "jwt" else "consumer_secret"
    signed = ("hubspot_client_secret",) if webhooks and options.webhooks else ()
    return ("hubspot_token", *signed, "salesforce_consumer_key", f"salesforce_{proof}")


def check_secrets(
    options: ConnectionOptions, absent: Callable[[str], str], *, webhooks: bool
) -> Iterator[Finding]:
    """Whether all secrets are in the environment and fit to be sent; ``absent`` as in ``Patient``."""
    told = (absent(name) for name in secrets_needed(options, webhooks=webhooks))
    problems = dict.fromkeys(filter(None, told))  # a wrong variable is told of for each of them
    for problem in problems:
        what, _, remedy = problem.partition(": ")
        yield Finding(Health.FAIL, f"{what}.", f"{remedy[:1].upper()}{remedy[1:]}")
    if not problems:
        yield Finding(Health.OK, "All secrets are set.")


def check_webhooks(options: ConnectionOptions, public_url: str | None) -> Iterator[Finding]:
    """Whether HubSpot could reach us at the public address."""
    if not options.webhooks:
        yield Finding(Health.OK, f"No webhooks: HubSpot is polled every {options.poll_seconds} s.")
        return
    if public_url is None:
        yield Finding(
            Health.WARN,
            f"Webhooks are on without a public address: HubSpot is polled every {options.poll_seconds} s.",
            "Set CRMSYNC_PUBLIC_URL, or webhooks: {enabled: false} if that is meant.",
        )
        return
    target = f"{public_url.rstrip('/')}/webhooks/hubspot/{options.connection}"
    wrong = _implausible(public_url)
    if wrong:
        yield Finding(Health.FAIL, f"HubSpot cannot call {target}: {wrong}.", "Correct CRMSYNC_PUBLIC_URL.")
    else:
        yield Finding(Health.OK, f"Webhooks are expected at {target}.")


def _implausible(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return "the address must begin with https://"
    host = parts.hostname or ""
    if parts.query or parts.fragment:
        return "the address must not have ? or #"
    try:
        inside = not ip_address(host).is_global
    except ValueError:
        inside = "." not in host or host.endswith((".local", ".internal", ".localhost"))
    return f'"{host}" is not known on the internet' if inside else ""
