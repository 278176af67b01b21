"""The command line: what an operator types."""

import os
import sys
from pathlib import Path

INTERRUPTED = 130
"""The exit code by which shells know a program that Ctrl-C ended."""


def run() -> None:
    """Run the ``crmsync`` command.

    It is imported only now, because the processes that share a replay import whatever starts the first one,
    and because that takes half a second, which Ctrl-C ends as quietly as what follows.
    """
    for name in ("stdout", "stderr"):  # either may have been closed by whoever started us
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as we live
    try:
        from workers.cli.main import main  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    main(prog_name="crmsync")
