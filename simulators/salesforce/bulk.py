"""What both bulk APIs share: CSV, and rows saved one by one with a result each."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulators.salesforce import dml, errors
from simulators.salesforce.bodies import find_field, parse
from simulators.salesforce.calls import Call
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.ids import normalise
from simulators.salesforce.rows_api import matches, save
from simulators.salesforce.schema import NUMBER_TYPES, SObject
from simulators.salesforce.transactions import Transaction

DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "PIPE": "|", "TAB": "\t", "CARET": "^", "BACKQUOTE": "`"}
_NULL = "#N/A"

Cells = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What became of one row; `error` in the API's own form."""

    cells: Cells
    record_id: str = ""
    created: bool = False
    error: ApiError | None = None


def read_csv(body: bytes, delimiter: str = ",", *, empty_is_null: bool) -> list[Cells]:
    """Rows of a CSV file; `#N/A` is None, an empty cell is None or left out."""
    reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), delimiter=delimiter)
    nulls = (_NULL, "") if empty_is_null else (_NULL,)
    return [_cells(row, nulls) for row in reader]


def _cells(row: Cells, nulls: tuple[str, ...]) -> Cells:
    """A row's cells; those that are missing at its end are left out."""
    read = {name: None if value in nulls else value for name, value in row.items() if value is not None}
    return {name: value for name, value in read.items() if value != ""}


def write_csv(columns: list[str], rows: Iterable[list[Any]], delimiter: str = ",") -> bytes:
    """A CSV file in which every cell is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()


def cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def flatten(shown: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A record of a query as columns: parents' fields as `Account.Name`."""
    flat: dict[str, Any] = {}
    for name, value in shown.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def process(
    call: Call, described: SObject, operation: str, rows: list[Cells], external_id: str | None
) -> list[Outcome]:
    """Save rows, each on its own."""
    work = Transaction(call.org, call.actor)
    outcomes = [_processed(call, work, described, operation, row, external_id) for row in rows]
    work.commit()
    return outcomes


def _processed(
    call: Call, work: Transaction, described: SObject, operation: str, cells: Cells, external_id: str | None
) -> Outcome:
    outcome = Outcome(cells)
    mark = work.mark()
    try:
        _act(call, work, described, operation, outcome, external_id)
    except RowErrors as error:
        work.rollback(mark)
        outcome.error = error.errors[0]
    except ApiError as error:
        work.rollback(mark)
        outcome.error = error
    return outcome


def _act(
    call: Call,
    work: Transaction,
    described: SObject,
    operation: str,
    outcome: Outcome,
    external_id: str | None,
) -> None:
    cells = outcome.cells
    known = next((normalise(value) for name, value in cells.items() if name.lower() == "id"), None)
    if operation in ("delete", "hardDelete"):
        if known is None:
            raise ApiError("MISSING_ARGUMENT", "Id not specified", fields=[])
        dml.delete(work, described, known)
        outcome.record_id = known
        return
    given = parse(call.org, call.actor, described, _nested(described, cells))
    if operation == "upsert":
        known = _upsert_target(call, described, external_id or "Id", given, known)
    elif operation == "update" and known is None:
        raise ApiError("MISSING_ARGUMENT", "Id not specified in an update call", fields=[])
    known = None if operation == "insert" else known
    outcome.record_id = save(work, described, known, given)
    outcome.created = known is None


def _upsert_target(
    call: Call, described: SObject, external_id: str, given: dict[str, Any], known: str | None
) -> str | None:
    by = find_field(call.org, call.actor, described, external_id)
    if by is None or not (by.external_id or by.id_lookup):
        raise errors.no_column(external_id, described.name)
    if by.type == "id":
        return known
    if given.get(by.name) is None:
        raise ApiError("MISSING_ARGUMENT", f"{by.name} not specified", fields=[])
    found = matches(call, described, by, given[by.name])
    if len(found) > 1:
        message = f"{by.name}: more than one record found for external id field: {found}"
        raise ApiError("DUPLICATE_EXTERNAL_ID", message, fields=[])
    return found[0] if found else None


def _nested(described: SObject, cells: Cells) -> Cells:
    """Cells as JSON values: numbers and booleans read, `Account.Number__c` made an object of its own."""
    body: Cells = {}
    for name, value in cells.items():
        head, _, rest = name.partition(".")
        if rest:
            body[head] = {rest: value}
        elif name.lower() != "id":
            body[name] = _json_value(described, name, value)
    return body


def _json_value(described: SObject, name: str, value: Any) -> Any:
    entry = described.by_lower.get(name.lower())
    if entry is None or not isinstance(value, str):
        return value
    if entry.type == "boolean":
        return value.lower() in ("true", "1")
    if entry.type in NUMBER_TYPES:
        return value.strip()
    return value
