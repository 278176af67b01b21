"""Duplicate rules: exact matches on the rule's fields, answered as the platform answers."""

from typing import Any

from simulators.salesforce.errors import ApiError, RowErrors
from simulators.salesforce.org import Org
from simulators.salesforce.rules import DuplicateRule
from simulators.salesforce.schema import SObject
from simulators.salesforce.store import Record, index_key
from simulators.salesforce.transactions import Transaction

_BASE = "/services/data/v68.0"


def find_duplicates(work: Transaction, described: SObject, row: Record, before: Record | None) -> None:
    """Refuse a record that a rule finds to be a duplicate.

    Raises:
        RowErrors: DUPLICATES_DETECTED.
    """
    for rule in work.org.rules.duplicates:
        if rule.entity != described.name or not _applies(rule, row, before):
            continue
        matches = _matches(work.org, rule, row)
        if matches and not (rule.allow_save and work.actor.allow_duplicates):
            raise RowErrors([_detected(work, rule, matches)])


def _applies(rule: DuplicateRule, row: Record, before: Record | None) -> bool:
    if any(row.get(name) is None for name in rule.fields):
        return False
    return before is None or (
        rule.on_update and any(row.get(name) != before.get(name) for name in rule.fields)
    )


def _matches(org: Org, rule: DuplicateRule, row: Record) -> dict[str, list[Record]]:
    """Matching live records by object."""
    found: dict[str, list[Record]] = {}
    for entity in rule.against:
        live = org.tables[entity].live
        indexed = next((name for name in rule.fields if name in live.lookups), None)
        candidates = live.find(indexed, row[indexed]) if indexed else list(live.by_id)
        same = [
            live.by_id[one] for one in candidates if one != row["Id"] and _same(live.by_id[one], row, rule)
        ]
        if same:
            found[entity] = same
    return found


def _same(other: Record, row: Record, rule: DuplicateRule) -> bool:
    if other.get("IsDeleted") or other.get("IsConverted"):
        return False
    return all(index_key(other.get(name)) == index_key(row.get(name)) for name in rule.fields)


def _detected(work: Transaction, rule: DuplicateRule, matches: dict[str, list[Record]]) -> ApiError:
    key = work.org.settings.duplicate_key
    result = {
        "allowSave": rule.allow_save,
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.entity,
        "errorMessage": rule.message,
        "matchResults": [_match_result(work, entity, rows) for entity, rows in matches.items()],
    }
    return ApiError("DUPLICATES_DETECTED", rule.message, extra={key: result} if key else {})


def _match_result(work: Transaction, entity: str, rows: list[Record]) -> dict[str, Any]:
    return {
        "entityType": entity,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": [_match_record(work, entity, row) for row in rows],
        "rule": f"Standard_{entity}_Match_Rule_v1_1",
        "size": len(rows),
        "success": True,
    }


def _match_record(work: Transaction, entity: str, row: Record) -> dict[str, Any]:
    shown = dict(row) if work.actor.duplicate_details else {"Id": row["Id"]}
    attributes = {"type": entity, "url": f"{_BASE}/sobjects/{entity}/{row['Id']}"}
    return {
        "additionalInformation": [],
        "fieldDiffs": [],
        "matchConfidence": 100.0,
        "record": {"attributes": attributes, **shown},
    }
