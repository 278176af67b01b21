"""What each event changes: one function per kind of event.

Folding never fails for what a CRM may say; it never calls anything.
"""

from collections.abc import Callable
from typing import Any

from domain import connecting, delivering, following, observing, removing, requesting
from domain import events as e
from domain.step import Step

HANDLERS: dict[type[e.Event], Callable[[Step, Any], None]] = {
    e.RecordObserved: observing.observed,
    e.RecordTouched: observing.touched,
    e.RecordGone: removing.gone,
    e.RecordsMerged: following.merged,
    e.LookedUp: requesting.looked_up,
    e.MembershipObserved: requesting.membership_observed,
    e.DeliveryClaimed: delivering.claimed,
    e.DeliveryAnswered: delivering.answered,
    e.LinkChosen: requesting.link_chosen,
    e.IntentStale: delivering.stale,
    e.SyncRequested: requesting.sync_requested,
    e.TimerDue: requesting.timer_due,
    e.ConfigurationApplied: connecting.configuration_applied,
    e.SchemaObserved: connecting.schema_observed,
    e.ListObserved: connecting.list_observed,
    e.RulesObserved: connecting.rules_observed,
    e.RuleTrusted: connecting.rule_trusted,
    e.RuleDoubted: connecting.rule_doubted,
    e.RunnerObserved: connecting.runner_observed,
    e.DirectoryObserved: connecting.directory_observed,
    e.AccountObserved: connecting.account_observed,
    e.BaselineCompleted: connecting.baseline_completed,
    e.Paused: connecting.paused,
    e.Resumed: connecting.resumed,
    e.SuspensionCleared: connecting.suspension_cleared,
    e.TargetRefused: connecting.target_refused,
    e.PersonErased: removing.person_erased,
    e.LetterDiscarded: requesting.letter_discarded,
    e.EpochStarted: connecting.epoch_started,
}
"""Folds an event of each kind into the tables, and decides what follows from it."""
