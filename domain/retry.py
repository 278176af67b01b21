"""When a failed write may be tried again: a pure function of what failed and how often."""

from hashlib import blake2b

FIRST_MS = 1_000
LONGEST_MS = 15 * 60_000
ATTEMPTS = 14
"""Failed attempts in a row before a write becomes a dead letter: half an hour to an hour, by these delays."""

CLAIM_MS = 120_000
"""How long a claimed write may stay without an answer before its fate counts as unknown."""


AGAIN_MS = 30 * 60_000
"""How long after an error, and after each vain try, a contact is tried again by itself."""


def delay_ms(intent: str, attempt: int, *, wait_ms: int | None = None) -> int:
    """How long to wait before the next attempt, in ms.

    Doubles from one second to a quarter of an hour, less up to a half of it by a hash of the intent and
    the attempt: writes that failed together do not come back together, and a replay finds the same moment.

    Args:
        intent: the intent's key.
        attempt: failed attempts so far, from 1.
        wait_ms: what the CRM asked for; never shortened.
    """
    longest = min(LONGEST_MS, FIRST_MS * 2 ** min(attempt - 1, 20))
    spread = int.from_bytes(blake2b(f"{intent}#{attempt}".encode(), digest_size=4).digest()) / 2**32
    return max(wait_ms or 0, int(longest * (1 - spread / 2)))
