"""What events look like, for who compresses them: every field's name, and nobody's values."""

from domain.specimens import specimens
from domain.upcasting import decode
from tests.world import ready


def test_specimens_name_every_field_that_events_name() -> None:
    policy = ready().projection.policy()
    shown = specimens(policy)
    for kind in policy.kinds.values():
        for names in kind.needed.values():
            assert all(f'"{name}":'.encode() in shown for name in names)


def test_specimens_are_events_and_the_same_each_time() -> None:
    policy = ready().projection.policy()
    assert specimens(policy) == specimens(policy)
    assert all(decode(line) for line in specimens(policy).splitlines())
