"""``python -m workers.cli``: the same as ``crmsync``."""

from workers.cli import run

run()
