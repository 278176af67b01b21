"""Tell whether a Redis or Valkey server may hold the log: it must neither evict nor forget.

Only ``INFO`` is asked where possible: managed servers often refuse ``CONFIG``.
"""

import redis
import redis.exceptions

OLDEST = (7, 2)
"""The first version with every command that is used; Valkey calls itself Redis 7.2.4 here."""


def check_durability(server: redis.Redis) -> list[str]:
    """What makes this server unfit for the log, in words with the remedy; empty if it is fit.

    Raises:
        redis.exceptions.ConnectionError: if the server cannot be reached.
    """
    facts = server.info("everything")
    return [
        *_version(str(facts["redis_version"])),
        *_eviction(str(facts["maxmemory_policy"])),
        *_persistence(
            aof=bool(facts["aof_enabled"]), last_write=str(facts.get("aof_last_write_status", "ok"))
        ),
        *_fsync(server),
        *_role(str(facts["role"])),
    ]


def _version(found: str) -> list[str]:
    major, minor, *_ = (int(part) for part in found.split("."))
    if (major, minor) >= OLDEST:
        return []
    return [f"The server is version {found}: use Redis 7.2, Valkey 8 or later."]


def _eviction(policy: str) -> list[str]:
    if policy == "noeviction":
        return []
    return [f"maxmemory-policy is {policy}, so a full server throws the log away: set it to noeviction."]


def _persistence(*, aof: bool, last_write: str) -> list[str]:
    if not aof:
        return ["appendonly is no, so a restart loses what came in last: set it to yes."]
    if last_write != "ok":
        return ["The last write to the append-only file failed: look at the server's disk and its log."]
    return []


def _fsync(server: redis.Redis) -> list[str]:
    try:
        policy = server.config_get("appendfsync").get("appendfsync")
    except redis.exceptions.ResponseError:  # a managed server keeps its configuration to itself
        return []
    if policy == "no":
        return ["appendfsync is no, so a power cut loses half a minute: set it to everysec or always."]
    return []


def _role(role: str) -> list[str]:
    if role == "master":
        return []
    return [f"The server is a {role}, which takes no writes: point CRMSYNC_REDIS_URL at its primary."]
