"""Why a contact is as it is: what was decided, by which rule or filter, and what would change it."""

from workers.explain.evidence import Evidence, foresee, gather
from workers.explain.explaining import explain
from workers.explain.words import (
    Decided,
    Explanation,
    FieldWord,
    LetterWord,
    ListWord,
    Loss,
    Obstacle,
)

__all__ = [
    "Decided",
    "Evidence",
    "Explanation",
    "FieldWord",
    "LetterWord",
    "ListWord",
    "Loss",
    "Obstacle",
    "explain",
    "foresee",
    "gather",
]
