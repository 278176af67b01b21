"""An installation for tests of the command line: files, a server in memory, and clocks that do the work."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.workers.lanes import append, configured, refused, runtime, with_ada
from tests.workers.lanes import project as fold
from workers.bootstrap import Link
from workers.cli.main import main
from workers.clock import ManualClock
from workers.connection import Lane

FILE = """\
connection: acme
salesforce: {domain: acme.my}
contacts:
  defaults: {Lead: {Company: Unknown}}
  field_mappings:
    - {hubspot: email, salesforce: Email, sync_rule: two_way}
    - {hubspot: lastname, salesforce: LastName}
    - {hubspot: city, salesforce: {Lead: City, Contact: MailingCity}, sync_rule: two_way}
"""
ADA = "hubspot/contacts/1"
LETTER = f"salesforce|{ADA}"


class WorkingClock(ManualClock):
    """Has the workers do their work whenever somebody waits."""

    work: Callable[[], object] | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.work is not None:
            self.work()


class Installation:
    """A directory with one file per connection, and commands typed in it."""

    def __init__(self, directory: Path, files: Mapping[str, str] | None = None, **environment: str) -> None:
        config = directory / "config"
        config.mkdir()
        for name, text in ({"acme": FILE} if files is None else files).items():
            (config / f"{name}.yaml").write_text(text)
        paths = {"CRMSYNC_CONFIG_DIR": str(config), "CRMSYNC_DATA_DIR": str(directory / "var")}
        self.runtime = runtime(**paths, **environment)
        self.runtime.clock = self.clock = WorkingClock()

    def write(self, name: str, text: str) -> None:
        """Change a connection's file."""
        self.runtime.file(name).write_text(text)

    @property
    def link(self) -> Link:
        return self.runtime.link("acme")

    @property
    def lane(self) -> Lane:
        return self.link.lane

    def run(self, *arguments: str) -> Result:
        """Type a command; whatever it raises is a fault of the test or of the command."""
        result = CliRunner().invoke(main, arguments, obj=self.runtime)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def says(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.says(*arguments, "--json"))

    def fails(self, *arguments: str, code: int = 1) -> str:
        """The sentence that a command fails with."""
        result = self.run(*arguments)
        assert result.exit_code == code, result.output
        return result.stderr

    def with_ada(self) -> "Installation":
        """A configuration in force, and Ada in both CRMs, whose new city waits to be written."""
        self.runtime.register("acme")
        with_ada(configured(self.lane))
        return self

    def with_letter(self) -> "Installation":
        """Salesforce has refused Ada's city."""
        self.with_ada()
        append(self.lane, *refused(ADA))
        return self

    def project(self) -> None:
        fold(self.lane)
