"""Who may sync: HubSpot's active lists, evaluated on property values, memberships and time.

Operators and their meaning: HubSpot's developer pages "List filters" and "List filter definitions".
"""

from domain.inclusion.compiler import Definition, InclusionFilter, ListError, Verdict, compile_list
from domain.inclusion.nodes import Facts
from domain.inclusion.outline import Line

__all__ = ["Definition", "Facts", "InclusionFilter", "Line", "ListError", "Verdict", "compile_list"]
