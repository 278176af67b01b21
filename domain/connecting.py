"""What is said about the connection as a whole: configuration, schema, lists, pauses, suspensions."""

from typing import Any

from domain import events as e
from domain.commons import Cleared, Suspended
from domain.state import Standing, Suspension
from domain.step import Step, replace, share


def _connection(step: Step, **changes: Any) -> None:
    step.book.put_connection(replace(step.book.connection, **changes))


def configuration_applied(step: Step, event: e.ConfigurationApplied) -> None:
    _connection(step, config=event.digest, applied=step.position)


def schema_observed(step: Step, event: e.SchemaObserved) -> None:
    schemas = {**step.book.connection.schemas, f"{event.crm}/{event.object}": event.digest}
    _connection(step, schemas=schemas)


def list_observed(step: Step, event: e.ListObserved) -> None:
    _connection(step, lists={**step.book.connection.lists, event.list_id: (event.name, event.digest)})


def rules_observed(step: Step, event: e.RulesObserved) -> None:
    _connection(step, rules={**step.book.connection.rules, event.object: event.digest})


def rule_trusted(step: Step, event: e.RuleTrusted) -> None:
    _stand(step, event.rule, Standing(event.agreed, event.disagreed, trusted=True))


def rule_doubted(step: Step, event: e.RuleDoubted) -> None:
    _stand(step, event.rule, Standing(event.agreed, event.disagreed))


def _stand(step: Step, rule: str, standing: Standing) -> None:
    _connection(step, standings={**step.book.connection.standings, rule: standing})


def runner_observed(step: Step, event: e.RunnerObserved) -> None:
    _connection(step, runner=event.digest)


def directory_observed(step: Step, event: e.DirectoryObserved) -> None:
    _connection(step, directories={**step.book.connection.directories, event.crm: event.digest})


def account_observed(step: Step, event: e.AccountObserved) -> None:
    _connection(
        step,
        accounts={**step.book.connection.accounts, event.crm: (event.account_id, event.zone, event.user_id)},
    )


def baseline_completed(step: Step, event: e.BaselineCompleted) -> None:
    done = {*step.book.connection.baselines, f"{event.crm}/{event.object}"}
    _connection(step, baselines=tuple(sorted(done)))


def paused(step: Step, event: e.Paused) -> None:
    _connection(step, paused=event.by or "somebody")


def resumed(step: Step, event: e.Resumed) -> None:  # noqa: ARG001 - one shape for all events
    _connection(step, paused="")


def suspension_cleared(step: Step, event: e.SuspensionCleared) -> None:
    share(step, Cleared(event.name, step.position))


def target_refused(step: Step, event: e.TargetRefused) -> None:
    share(step, Suspended(event.crm, Suspension(step.at, event.code, event.message)))


def epoch_started(step: Step, event: e.EpochStarted) -> None:
    _connection(step, epoch=f"{event.code}/{event.schema}/{event.zone_data}")
