"""The command line: what an operator types."""


def run() -> None:
    """Run the ``crmsync`` command.

    It is imported only now, because the processes that share a replay import whatever starts the first one.
    """
    from workers.cli.main import main  # noqa: PLC0415 - see above

    main(prog_name="crmsync")
