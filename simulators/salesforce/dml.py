"""Saves in the platform's order of execution, deletes and undeletes; all inside a transaction."""

from typing import Any

from simulators.salesforce import errors, values
from simulators.salesforce.bodies import Values
from simulators.salesforce.derived import derive
from simulators.salesforce.duplicates import find_duplicates
from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.org import Actor, Later, Org
from simulators.salesforce.rules import Automation
from simulators.salesforce.schema import Field, SObject
from simulators.salesforce.store import Record
from simulators.salesforce.transactions import Transaction


def insert(work: Transaction, described: SObject, given: Values) -> str:
    """Create a record; returns its id.

    Raises:
        RowErrors: the org refuses it.
    """
    _may(work, described, "createable", given)
    row: Record = _defaults(work, described)
    missing = [
        entry.name
        for entry in described.required_fields()
        if given.get(entry.name) is None and not _defaulted(entry, given)
    ]
    _apply(row, described, given, [errors.required(missing)] if missing else [], work)
    row["Id"] = work.org.ids.next(described.prefix)
    _save(work, described, row, None)
    return str(row["Id"])


def update(work: Transaction, described: SObject, record_id: str, given: Values) -> None:
    """Change a record; a write that changes no value moves its dates all the same.

    Raises:
        RowErrors: the org refuses it; ENTITY_IS_DELETED, or INVALID_CROSS_REFERENCE_KEY for an unknown id.
    """
    before = existing(work.org, described, record_id)
    if before.get("IsConverted") and described.name == "Lead" and work.actor.api:
        raise RowErrors(
            [ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", fields=[])]
        )
    _may(work, described, "updateable", given)
    row = dict(before)
    needed = {entry.name for entry in described.required_fields()}
    missing = [name for name, value in given.items() if value is None and name in needed]
    _apply(row, described, given, [errors.required(missing)] if missing else [], work)
    _save(work, described, row, before)


def existing(org: Org, described: SObject, record_id: str) -> Record:
    row = org.tables[described.name].live.by_id.get(record_id)
    if row is None:
        raise RowErrors([ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])])
    if row.get("IsDeleted"):
        raise RowErrors([errors.deleted()])
    return row


def rewrite(work: Transaction, described: SObject, row: Record, **changes: Any) -> Record:
    """Store a changed version of a row without any rule looking at it; None removes a value."""
    changed = {**row, **changes}
    _touch(work, changed)
    changed = {name: value for name, value in changed.items() if value is not None}
    work.put(work.org.tables[described.name], changed)
    return changed


def delete(work: Transaction, described: SObject, record_id: str) -> None:
    """Move a record to the recycle bin, an account together with its contacts and opportunities."""
    row = existing(work.org, described, record_id)
    _may(work, described, "", {})
    rewrite(work, described, row, IsDeleted=True)
    for child, child_row in _dependents(work.org, described, record_id):
        if not child_row.get("IsDeleted"):
            rewrite(work, child, child_row, IsDeleted=True)


def undelete(work: Transaction, described: SObject, record_id: str) -> None:
    """Take a record out of the recycle bin, with what went there along with it.

    Raises:
        RowErrors: it is not there, or was merged away.
    """
    row = work.org.tables[described.name].live.by_id.get(record_id)
    if row is None or not row.get("IsDeleted") or row.get("MasterRecordId"):
        raise RowErrors([ApiError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=[])])
    _check_unique(work.org, described, row)
    rewrite(work, described, row, IsDeleted=None)
    for child, child_row in _dependents(work.org, described, record_id):
        if child_row.get("IsDeleted"):
            rewrite(work, child, child_row, IsDeleted=None)


def run_later(org: Org, later: Later) -> None:
    """Apply an automation whose time has come, in a transaction of its own."""
    work = Transaction(org, Actor(org.process_user, api=False))
    described = org.schema.objects[later.rule.entity]
    row = org.tables[described.name].live.by_id.get(later.record_id)
    if row and not row.get("IsDeleted") and later.rule.test(org.context(described, row, row, work.actor)):
        rewrite(work, described, row, **_automated(work, described, row, row, later.rule))
        work.commit()


def _may(work: Transaction, described: SObject, right: str, given: Values) -> None:
    org, actor = work.org, work.actor
    if not org.may_write(actor, described.name):
        raise RowErrors(
            [
                ApiError(
                    "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", fields=[]
                )
            ]
        )
    if not actor.api:
        return
    refused = [name for name in given if not getattr(described.fields[name], right)]
    if org.rules.locked:
        refused += [name for name in given if not org.may_write(actor, described.name, name)]
    if refused:
        raise RowErrors([errors.read_only(refused)])


def _defaults(work: Transaction, described: SObject) -> Record:
    row: Record = {
        "Id": "",
        "CreatedDate": work.stamp,
        "CreatedById": work.actor.user_id,
        **described.defaults(),
    }
    if "OwnerId" in described.fields:
        row["OwnerId"] = work.actor.user_id
    return row


def _defaulted(entry: Field, given: Values) -> bool:
    return entry.defaulted and entry.name not in given


def _apply(row: Record, described: SObject, given: Values, wrong: list[ApiError], work: Transaction) -> None:
    """Put the given values into the row, or say all that is wrong with them."""
    for name, value in given.items():
        entry = described.fields[name]
        error = values.row_errors(entry, value)
        if error is not None or (
            entry.type == "reference"
            and value is not None
            and (error := _reference_error(work.org, entry, value))
        ):
            wrong.append(error)
        elif value is None or value is False:
            row.pop(name, None)
        else:
            row[name] = value
    if wrong:
        raise RowErrors(wrong)


def _reference_error(org: Org, entry: Field, value: str) -> ApiError | None:
    target = org.schema.by_prefix(value)
    if target is None or target.name not in entry.targets:
        message = f"{entry.label}: id value of incorrect type: {value}"
        return ApiError("MALFORMED_ID", message, fields=[entry.name])
    row = org.tables[target.name].live.by_id.get(value)
    if row is None or row.get("IsDeleted"):
        return ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
    return None


def _save(work: Transaction, described: SObject, row: Record, before: Record | None) -> None:
    org = work.org
    _automate(work, described, row, before, "before")
    derive(org, described, row)
    _validate(work, described, row, before)
    _check_unique(org, described, row)
    if org.rules.duplicates:
        find_duplicates(work, described, row, before)
    _automate(work, described, row, before, "after")
    _assign(work, described, row, before)
    derive(org, described, row)
    if row != before or org.settings.noop_update_moves_dates:
        _touch(work, row)
    work.put(org.tables[described.name], row)
    for rule in org.rules.automating(described.name, "later"):
        work.after_commit(Later(rule, row["Id"]))


def _touch(work: Transaction, row: Record) -> None:
    row["LastModifiedDate"] = row["SystemModstamp"] = work.stamp
    row["LastModifiedById"] = work.actor.user_id


def _automate(work: Transaction, described: SObject, row: Record, before: Record | None, timing: str) -> None:
    for rule in work.org.rules.automating(described.name, timing):
        if rule.test(work.org.context(described, row, before, work.actor, is_new=before is None)):
            for name, value in _automated(work, described, row, before, rule).items():
                if value is None:
                    row.pop(name, None)
                else:
                    row[name] = value


def _automated(
    work: Transaction, described: SObject, row: Record, before: Record | None, rule: Automation
) -> Values:
    context = work.org.context(described, row, before, work.actor, is_new=before is None)
    return {name: values.read(described.fields[name], value(context)) for name, value in rule.values.items()}


def _validate(work: Transaction, described: SObject, row: Record, before: Record | None) -> None:
    if work.actor.without_rules:
        return
    broken = [
        ApiError(
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            rule.message,
            fields=[rule.display_field] if rule.display_field else [],
        )
        for rule in work.org.rules.validating(described.name)
        if rule.test(work.org.context(described, row, before, work.actor, is_new=before is None))
    ]
    if broken:
        raise RowErrors(broken)


def _check_unique(org: Org, described: SObject, row: Record) -> None:
    live = org.tables[described.name].live
    for name in described.unique_names():
        value = row.get(name)
        if value is None:
            continue
        for other in live.find(name, value):
            if other != row["Id"] and not live.by_id[other].get("IsDeleted"):
                shown = other[:15] if org.settings.duplicate_value_shows_id else "<unknown>"
                message = f"duplicate value found: {name} duplicates value on record with id: {shown}"
                raise RowErrors([ApiError("DUPLICATE_VALUE", message, fields=[])])


def _assign(work: Transaction, described: SObject, row: Record, before: Record | None) -> None:
    """The active assignment rules, which run on updates by API as well unless the caller says no."""
    if not work.actor.api or not work.actor.auto_assign:
        return
    for rule in work.org.rules.assigning(described.name):
        if rule.test(work.org.context(described, row, before, work.actor, is_new=before is None)):
            row["OwnerId"] = rule.owner_id
            return


def _dependents(org: Org, described: SObject, record_id: str) -> list[tuple[SObject, Record]]:
    if described.name != "Account":
        return []
    found = []
    for name in ("Contact", "Opportunity"):
        live = org.tables[name].live
        found += [
            (org.schema.objects[name], live.by_id[child]) for child in live.find("AccountId", record_id)
        ]
    return found
