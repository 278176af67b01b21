"""``python -m workers.cli``: the same as ``crmsync``."""

from workers.cli.main import main

main(prog_name="crmsync")
