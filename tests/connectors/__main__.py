"""Run the programs: `python -m tests.connectors [NAME ...] [--environments FOLDER]`.

For each program: a full read of an account of 600 people, some edits and a new record by people, and a second
read from the state that the first one left. Fails unless the first finds every record, the second what is new
and changed with its value and no more than it must, and the simulator understood every call.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.connectors.accounts import Account, Accounts, accounts
from tests.connectors.environments import prepare
from tests.connectors.programs import PROGRAMS, Program, ProgramError, Reading, Workplace

TOO_MANY = "429"
PERSON = {"hubspot": "contacts", "salesforce": "Contact"}
CITY = {"hubspot": "city", "salesforce": "MailingCity"}
NEW = {
    "hubspot": {"email": "new.person@example.com", "firstname": "New", "lastname": "Person"},
    "salesforce": {"FirstName": "New", "LastName": "Person"},
}


@dataclass(frozen=True)
class Result:
    """Rows that a program read, at first and after the changes, the calls it took, and 429s among them."""

    full: int
    incremental: int
    calls: int
    too_fast: int


def check(program: Program, account: Account, place: Workplace) -> Result:
    """Read in full, change something, read on.

    Raises:
        ProgramError: something was not read, or the simulator did not understand a call.
    """
    account.refill()
    full = program.read(program, place, None)
    for entity, stream in program.streams.items():
        _same(f"{program.name}: {stream}", _ids(program, full, stream), account.ids(entity))
    changed = _change(program, account)
    following = program.read(program, place, full.state)
    _expect_changes(program, following, changed, len(full.rows[program.streams[PERSON[program.crm]]]))
    return Result(_count(full), _count(following), *_understood(program, account))


def _ids(program: Program, reading: Reading, stream: str) -> set[str]:
    key = program.keys.get(stream, program.key)
    return {str(row[key]) for row in reading.rows.get(stream, [])}


def _count(reading: Reading) -> int:
    return sum(len(rows) for rows in reading.rows.values())


def _same(what: str, read: set[str], there: set[str]) -> None:
    if read != there:
        missing, beyond = len(there - read), len(read - there)
        raise ProgramError(f"{what}: {missing} of {len(there)} records were not read, {beyond} are not there")


def _change(program: Program, account: Account) -> dict[str, str]:
    """Three edits and a new record, as people would; the new city by record id."""
    entity, field = PERSON[program.crm], CITY[program.crm]
    chosen = sorted(account.ids(entity))[:3]
    for record_id in chosen:
        account.edit(entity, record_id, **{field: f"Moved {record_id}"})
    made = account.create(entity, **NEW[program.crm], **{field: "Moved here"})
    return {record_id: f"Moved {record_id}" for record_id in chosen} | {made: "Moved here"}


def _expect_changes(program: Program, reading: Reading, changed: dict[str, str], everyone: int) -> None:
    rows = reading.rows.get(program.streams[PERSON[program.crm]], [])
    seen = {str(row[program.key]): program.value(row) for row in rows}
    wrong = {record_id for record_id, city in changed.items() if seen.get(record_id) != city}
    if wrong:
        raise ProgramError(f"{program.name}: {len(wrong)} of {len(changed)} changes were not read")
    if len(seen) >= everyone:
        raise ProgramError(f"{program.name}: the second read was not incremental: {len(seen)} records")


def _understood(program: Program, account: Account) -> tuple[int, int]:
    """The number of calls, and of those that came too fast; all others were known to the API and answered."""
    unknown = [
        entry
        for entry in account.control("GET", "violations")
        if not (entry["what"] == "query parameter" and entry["detail"] in program.extra)
    ]
    counters: dict[str, Any] = account.control("GET", "counters")
    refused = {why: count for why, count in counters["refused"].items() if why != TOO_MANY}
    if unknown or refused:
        raise ProgramError(f"{program.name}: refused {refused}, not understood {unknown[:5]}")
    return counters["calls_total"], counters["refused"].get(TOO_MANY, 0)


def _last_refused(account: Account) -> str:
    """The last calls that were not answered as wanted, for whoever looks into a failure."""
    calls = account.control("GET", "log?limit=2000")
    refused = [call for call in calls if not call["outcome"].startswith("2")]
    return json.dumps({"refused": refused[-3:], "unknown": account.control("GET", "violations")[-3:]})


def run(program: Program, world: Accounts, environments: Path, folder: Path) -> Result:
    environment = prepare(environments, program.package)
    environment.trust(world.authority)
    place = Workplace(environment, folder / program.name, world.environment())
    place.folder.mkdir()
    return check(program, world.by_name[program.crm], place)


def _version(program: Program, environments: Path) -> str:
    return prepare(environments, program.package).version


def main() -> int:
    """Run the chosen programs, all by default; the exit status is the number of those that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.connectors", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(one.name for one in PROGRAMS))
    parser.add_argument("--environments", type=Path, default=Path("var/connectors"))
    arguments = parser.parse_args()
    chosen = [one for one in PROGRAMS if not arguments.names or one.name in arguments.names]
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder, environments = Path(temporary), arguments.environments.absolute()
        with accounts(folder) as world:
            for program in chosen:
                try:
                    result = run(program, world, environments, folder)
                except ProgramError as error:
                    failed += 1
                    _say(f"{program.name}: FAILED {error}\n{_last_refused(world.by_name[program.crm])}")
                else:
                    version = _version(program, environments)
                    _say(f"{program.name} {version}: {json.dumps(vars(result))}")
            if world.tunnel.refused:
                _say(f"kept from leaving the machine: {', '.join(sorted(world.tunnel.refused))}")
    return failed


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
