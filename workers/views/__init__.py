"""What people look at: the tables of one lane, read into plain frozen values.

Command line, API and console show these and read nothing themselves. Moments are epoch ms. Values of a
person's fields stand in `ContactView` and `LetterView` only.
"""

from workers.views.adoption import AdoptionView, DifferingField, adoption
from workers.views.archives import (
    ArchiveView,
    BlanksView,
    Verified,
    archive,
    blanks,
    remember_verified,
)
from workers.views.budgets import BudgetView, ForecastView, budget, forecast
from workers.views.cases import DuplicateView, OrphanView, duplicate_cases, orphan_cases
from workers.views.contacts import (
    DECISIONS,
    ContactView,
    DecisionView,
    DifferenceView,
    FieldView,
    OpenView,
    RecordView,
    WriteView,
    contact,
    decision,
    differences,
    exists,
    find,
)
from workers.views.inclusion import FrozenView, InclusionView, WhatIfView, inclusion, what_if
from workers.views.lanes import (
    GuardView,
    JobView,
    RetentionView,
    StatusView,
    SuspensionView,
    faults,
    lag_ms,
    queues,
    status,
    stopped,
)
from workers.views.letters import ErrorGroup, LetterView, errors, letter, letter_counts, letters, sync_errors
from workers.views.rules import RuleView
from workers.views.shadow import ShadowView, WouldWrite, shadow

__all__ = [
    "DECISIONS",
    "AdoptionView",
    "ArchiveView",
    "BlanksView",
    "BudgetView",
    "ContactView",
    "DecisionView",
    "DifferenceView",
    "DifferingField",
    "DuplicateView",
    "ErrorGroup",
    "FieldView",
    "ForecastView",
    "FrozenView",
    "GuardView",
    "InclusionView",
    "JobView",
    "LetterView",
    "OpenView",
    "OrphanView",
    "RecordView",
    "RetentionView",
    "RuleView",
    "ShadowView",
    "StatusView",
    "SuspensionView",
    "Verified",
    "WhatIfView",
    "WouldWrite",
    "WriteView",
    "adoption",
    "archive",
    "blanks",
    "budget",
    "contact",
    "decision",
    "differences",
    "duplicate_cases",
    "errors",
    "exists",
    "faults",
    "find",
    "forecast",
    "inclusion",
    "lag_ms",
    "letter",
    "letter_counts",
    "letters",
    "orphan_cases",
    "queues",
    "remember_verified",
    "shadow",
    "status",
    "stopped",
    "sync_errors",
    "what_if",
]
