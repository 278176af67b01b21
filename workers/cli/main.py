"""The ``crmsync`` command."""

import click

from workers.cli.adopt import adopt
from workers.cli.budget import budget
from workers.cli.cases import duplicates, orphans
from workers.cli.configuration import config
from workers.cli.contact import contact
from workers.cli.demo import demo
from workers.cli.doctor import doctor, setup
from workers.cli.erasing import erase
from workers.cli.errors import errors
from workers.cli.failures import Commands
from workers.cli.imports import import_
from workers.cli.inclusion import inclusion
from workers.cli.letters import dead_letters
from workers.cli.log import log
from workers.cli.operate import pause, resume, suspension
from workers.cli.replay import replay
from workers.cli.shadow import shadow
from workers.cli.status import status
from workers.cli.sync import sync
from workers.cli.tail import tail
from workers.cli.up import up


@click.group(cls=Commands)
@click.version_option(package_name="crmsync")
def main() -> None:
    """Keep the people in HubSpot and Salesforce in agreement.

    Exit codes: 0 success, 1 failure, 2 differences were found or nothing matched.
    """


for command in (
    demo,
    up,
    doctor,
    setup,
    status,
    tail,
    pause,
    resume,
    contact,
    sync,
    import_,
    inclusion,
    shadow,
    adopt,
    config,
    budget,
    errors,
    dead_letters,
    duplicates,
    orphans,
    suspension,
    replay,
    erase,
    log,
):
    main.add_command(command)
