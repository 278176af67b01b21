"""Functions that Salesforce documents and that only Salesforce can answer, or that rules may not use."""

from domain.formula.functions import Build
from domain.formula.kinds import Kind
from domain.formula.nodes import Call
from domain.formula.typed import Scope, Typed, refusing, unknown


def refuse(call: Call, arguments: tuple[Typed, ...], scope: Scope) -> Typed:
    """Compile a call that is unknown if it is reached."""
    del arguments, scope
    return Typed(Kind.ANY, refusing(unknown(call.position, f"{call.name} is not supported")), call)


FUNCTIONS: dict[str, Build] = dict.fromkeys(
    (
        *("CURRENCYRATE", "GETRECORDIDS", "GETSESSIONID", "IMAGEPROXYURL", "INCLUDE", "JUNCTIONIDLIST"),
        *("LINKTO", "PARENTGROUPVAL", "PREDICT", "PREVGROUPVAL", "REQUIRESCRIPT", "URLFOR", "VLOOKUP"),
        *("HTMLENCODE", "JSENCODE", "JSINHTMLENCODE", "URLENCODE"),
    ),
    refuse,
)
