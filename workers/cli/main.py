"""The ``crmsync`` command."""

import click

from workers.cli.demo import demo


@click.group()
def main() -> None:
    """Keep the people in HubSpot and Salesforce in agreement."""


main.add_command(demo)
