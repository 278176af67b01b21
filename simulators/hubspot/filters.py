"""The filters of lists: `filterBranch` JSON turned into a test of records ("List filters" guide).

A branch outside what a property, a list membership, an association or the time can answer is refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from simulators.hubspot.errors import ApiError, invalid
from simulators.hubspot.list_operations import operation_test
from simulators.hubspot.list_subject import Subject
from simulators.hubspot.properties import Property
from simulators.hubspot.records import Record
from simulators.hubspot.table import Table

RecordTest = Callable[[Record], bool]
_BRANCH_KEYS = {"filterBranchType", "filterBranchOperator", "filters", "filterBranches"}
_ASSOCIATION_KEYS = {"objectTypeId", "operator", "associationTypeId", "associationCategory"}
_TIME_OPERATIONS = {
    "CALENDAR_DATE",
    "ROLLING_DATE_RANGE",
    "ROLLING_PROPERTY_UPDATED",
    "TIME_POINT",
    "TIME_RANGED",
}


@dataclass(slots=True)
class Surroundings:
    """What a filter may ask beside the record: time, list members, associated records, tables by type id."""

    now_ms: Callable[[], int]
    zone: Callable[[], str]
    in_list: Callable[[str, int], bool]
    linked: Callable[[str, int, str, int], Iterable[int]]
    table: Callable[[str], Table | None]


@dataclass(slots=True)
class Filter:
    """A compiled filter branch; `lists` it refers to; `timed` when the mere passage of time changes it."""

    test: RecordTest
    lists: set[str] = field(default_factory=set)
    timed: bool = False


def compile_filter(branch: Any, table: Table, around: Surroundings) -> Filter:
    """Compile a root branch.

    Raises:
        ApiError: 400, for a shape which HubSpot refuses or this simulator cannot answer.
    """
    compiler = _Compiler(around)
    if not isinstance(branch, dict) or branch.get("filterBranchType") != "OR":
        raise _refused("The root filter branch must be of type OR")
    if branch.get("filters"):
        raise _refused("The root OR filter branch may not have filters of its own")
    children = branch.get("filterBranches") or []
    if not children or any(child.get("filterBranchType") != "AND" for child in children):
        raise _refused("The root OR filter branch must have at least one AND branch and only such")
    test = compiler.branch(branch, table)
    return Filter(test, compiler.lists, compiler.timed)


def _refused(message: str) -> ApiError:
    return invalid(f"Invalid filter definition: {message}", subCategory="ILS.INVALID_FILTER_DEFINITION")


class _Compiler:
    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.lists: set[str] = set()
        self.timed = False

    def branch(self, branch: dict[str, Any], table: Table) -> RecordTest:
        kind = branch.get("filterBranchType")
        extra = branch.keys() - _BRANCH_KEYS - (_ASSOCIATION_KEYS if kind == "ASSOCIATION" else set())
        if extra:
            raise _refused(f"unrecognized field {min(extra)}")
        if kind == "ASSOCIATION":
            return self._association(branch, table)
        tests = self._tests(branch, table)
        if kind == "OR":
            return lambda record: any(test(record) for test in tests)
        if kind == "AND":
            return lambda record: all(test(record) for test in tests)
        if kind == "NOT_ALL":
            return lambda record: not all(test(record) for test in tests)
        if kind == "NOT_ANY":
            return lambda record: not any(test(record) for test in tests)
        raise _refused(f"filter branches of type {kind} are not simulated")

    def _tests(self, branch: dict[str, Any], table: Table) -> list[RecordTest]:
        own = [self._filter(entry, table) for entry in branch.get("filters") or []]
        return own + [self.branch(child, table) for child in branch.get("filterBranches") or []]

    def _association(self, branch: dict[str, Any], table: Table) -> RecordTest:
        far = self._around.table(str(branch.get("objectTypeId")))
        number = branch.get("associationTypeId")
        if far is None or not isinstance(number, int):
            raise _refused("an ASSOCIATION branch needs objectTypeId and associationTypeId")
        tests = self._tests(branch, far)
        linked, near_id, far_id, records = self._around.linked, table.type.id, far.type.id, far.live

        def holds(record: Record) -> bool:
            others = (records.get(other) for other in linked(near_id, record.id, far_id, number))
            return any(other is not None and all(test(other) for test in tests) for other in others)

        return holds

    def _filter(self, entry: dict[str, Any], table: Table) -> RecordTest:
        kind = entry.get("filterType")
        if kind == "PROPERTY":
            return self._property(entry, table)
        if kind == "IN_LIST":
            return self._in_list(entry)
        raise _refused(f"filters of type {kind} are not simulated")

    def _in_list(self, entry: dict[str, Any]) -> RecordTest:
        list_id, operator = str(entry.get("listId")), entry.get("operator")
        if operator not in {"IN_LIST", "NOT_IN_LIST"}:
            raise _refused(f"operator {operator} of an IN_LIST filter")
        self.lists.add(list_id)
        wanted, in_list = operator == "IN_LIST", self._around.in_list
        return lambda record: in_list(list_id, record.id) is wanted

    def _property(self, entry: dict[str, Any], table: Table) -> RecordTest:
        name, operation = entry.get("property"), entry.get("operation")
        prop = table.properties.get(str(name))
        if prop is None or not isinstance(operation, dict):
            raise _refused(f"property {name} does not exist or has no operation")
        self.timed = self.timed or operation.get("operationType") in _TIME_OPERATIONS
        try:
            test = operation_test(operation)
        except (KeyError, TypeError, ValueError) as error:
            raise _refused(f"operation of property {name}: {error}") from error
        return self._with_subject(test, prop, table)

    def _with_subject(self, test: Callable[[Subject], bool], prop: Property, table: Table) -> RecordTest:
        around, stamp = self._around, table.type.stamp
        return lambda record: test(Subject(record, prop.name, stamp, around.now_ms(), around.zone()))
