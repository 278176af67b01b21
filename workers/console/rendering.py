"""Templates, and how numbers, moments and names look in them. Everything is escaped."""

from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.wire import instant

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def render(template: str, code: int = 200, /, **values: Any) -> HTMLResponse:
    """One page."""
    page = _ENVIRONMENT.get_template(template).render(values)
    return HTMLResponse(page, code, headers=HEADERS)


def path(name: str) -> str:
    """A name as part of a URL's path; the slashes of record keys stay."""
    return quote(name, safe="/")


def number(value: int | None) -> str:
    """With separators; a dash for what is not known."""
    return "-" if value is None else f"{value:,}"


def moment(at_ms: int) -> str:
    return f"{instant(at_ms)[:19].replace('T', ' ')} UTC"


def span(ms: int) -> str:
    """A length of time in its largest unit."""
    for unit, size in _SPANS:
        if ms >= size:
            return f"{ms // size} {unit}"
    return f"{ms} ms"


_ENVIRONMENT = Environment(
    loader=PackageLoader("workers.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"path": path, "number": number, "moment": moment, "span": span}
_ENVIRONMENT.globals |= {"connection": "", "page": "", "q": "", "notice": ""}
