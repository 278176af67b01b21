"""What both gateways share: answers of any shape, faults, tokens and allowance around each request."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

import msgspec

from domain.commons import LONGEST_MS
from domain.errors import Diagnosis, Misconfigured, SyncError, Throttled, Transient, classify, error_for
from domain.identity import Crm
from domain.outcomes import Outcome, OutcomeClass
from domain.state import Priority
from domain.upcasting import UNDECODABLE
from domain.wire import millis
from workers.gateways.tokens import AccessTokens, Token
from workers.ports import Limiter, WriteRow

CONNECT_SECONDS = 3.05
READ_SECONDS = 60.0
"""The longest silence inside an answer. Salesforce lets one call run for ten minutes; a write that takes
longer than this is *unknown* and read before anything else happens to it."""

LONGEST_DIGITS = 9
"""Of the seconds that a CRM may have us wait; more are not read."""

UNREADABLE = "unreadable_answer"

Request = TypeVar("Request")
T = TypeVar("T")


class Answer(NamedTuple):
    """One HTTP answer, whatever it holds."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    path: str = ""  #: which the request was sent to, without its query

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def server_time(self) -> int | None:
        """The Date header, epoch ms."""
        try:
            return millis(parsedate_to_datetime(self.headers.get("date", "")))
        except ValueError:
            return None

    def parse(self, shape: type[T]) -> T:
        """Read the body as JSON of this shape, decimals without loss. Raises Transient on anything else."""
        decode = msgspec.json.Decoder(shape, float_hook=Decimal).decode
        try:
            with suppress(*UNDECODABLE):
                return decode(self.body)
            return decode(_whole(self.body))
        except UNDECODABLE as error:
            raise unreadable(self.path, str(error)) from None


_HALVES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Escapes in JSON: a backslash, a character in two halves, and as the group a half that stands alone."""


def _whole(body: bytes) -> bytes:
    """A body with the replacement character for half a one: a CRM that cuts texts may cut an emoji."""
    text = body.decode("utf-8", "replace")
    return _HALVES.sub(lambda found: r"\ufffd" if found[1] else found[0], text).encode()


def shaped(part: object, shape: type[T], crm: Crm, place: str, *, strict: bool = True) -> T:
    """A part of an answer as a value of this shape. Raises Transient on anything else.

    ``place``: where it stands, in words that hold nobody's values; not ``strict``: texts may be numbers or
    booleans.
    """
    try:
        return msgspec.convert(part, shape, strict=strict)
    except msgspec.ValidationError as error:
        raise unreadable(place, str(error), crm) from None


def unreadable(place: str, why: str, crm: Crm | None = None) -> Transient:
    """What is raised for an answer of a shape that is not understood."""
    error = Transient(UNREADABLE, f"{place}: {why}")
    error.crm = crm
    return error


class NoAnswer(Exception):  # noqa: N818 - it names what happened, like the errors of domain.errors
    """No usable answer came. ``sent``: the request may have reached the CRM."""

    def __init__(self, code: str, *, sent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent


class Fault(NamedTuple):
    """An error as a CRM words it."""

    code: str
    message: str = ""
    fields: tuple[str, ...] = ()
    other_id: str | None = None
    status: int | None = None  #: None: the error of one row

    def diagnosis(self, crm: Crm) -> Diagnosis:
        return classify(crm, self.status, self.code, self.message)

    def outcome(self, crm: Crm, wait_ms: int | None = None) -> Outcome:
        diagnosis = self.diagnosis(crm)
        unknown = diagnosis.outcome is OutcomeClass.UNKNOWN
        return Outcome(
            diagnosis.outcome,
            code=f"http_{self.status}" if unknown and self.status else self.code,
            message=self.message,
            fields=() if diagnosis.suspends else self.fields,
            other_id=self.other_id,
            wait_ms=wait_ms or diagnosis.wait_ms,
        )


class Refused(NamedTuple):
    """A request that was refused as a whole."""

    outcome: Outcome
    divisible: bool = False  #: one row's data may be to blame: the others deserve a request of their own


class Account(Generic[Request]):
    """One CRM account as all gateways to it see it: each call takes allowance, carries a token, is observed.

    ``send`` performs one request with a token and raises ``NoAnswer``; ``fault_of`` reads an error answer.
    """

    def __init__(
        self,
        crm: Crm,
        *,
        limiter: Limiter,
        tokens: AccessTokens,
        send: Callable[[Token, Request], Answer],
        fault_of: Callable[[Answer], Fault],
    ) -> None:
        self.crm = crm
        self.server_time = 0  #: the latest Date header seen, epoch ms
        self._limiter = limiter
        self._tokens = tokens
        self._send = send
        self._fault_of = fault_of

    def wait_ms(self, priority: Priority) -> int:
        """How long to wait before a call would be allowed; 0 if it is now."""
        return self._limiter.wait_ms(priority=priority)

    def call(self, request: Request, priority: Priority, *, search: bool = False) -> Answer:
        """One request, and once more with a new token if the first is refused.

        Raises ``NoAnswer``, and ``Throttled``, ``Misconfigured`` or ``Transient`` if nothing was sent.
        """
        with self.named():
            token = self._tokens.current()
            answer = self._allowed(token, request, priority, search=search)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                renewed = self._tokens.renew(token)
                answer = self._allowed(renewed, request, priority, search=search)
            return answer

    def ask(self, request: Request, shape: type[T], priority: Priority, *, search: bool = False) -> T:
        """A call that reads JSON. Raises the errors of ``domain.errors`` for whatever is no good answer."""
        with self.named():
            return self.read(request, priority, search=search).parse(shape)

    def read(self, request: Request, priority: Priority, *, search: bool = False) -> Answer:
        """A call that reads, whatever its answer holds. Raises as ``ask`` does."""
        with self.named():
            try:
                answer = self.call(request, priority, search=search)
            except NoAnswer as error:
                raise Transient(error.code) from error
            return self.good(answer)

    def good(self, answer: Answer) -> Answer:
        """The answer, if it is a good one. Raises as ``ask`` does."""
        if not answer.ok:
            fault = self._fault_of(answer)
            raise error_for(
                fault.diagnosis(self.crm), fault.code, fault.message, wait_ms=_retry_after(answer)
            )
        return answer

    def refusal(self, answer: Answer) -> Refused:
        """What an error answer means for the rows of its request."""
        fault = self._fault_of(answer)
        outcome = fault.outcome(self.crm, _retry_after(answer))
        of_data = outcome.outcome in {OutcomeClass.REJECTED, OutcomeClass.RESOLVE, OutcomeClass.MISCONFIGURED}
        return Refused(outcome, divisible=of_data and not fault.diagnosis(self.crm).suspends)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Note on an error whose call it was."""
        try:
            yield
        except SyncError as error:
            error.crm = self.crm
            raise

    def _allowed(self, token: Token, request: Request, priority: Priority, *, search: bool) -> Answer:
        grant = self._limiter.acquire(1, priority=priority, search=search)
        if grant.wait_ms:
            raise Throttled("daily_budget" if grant.daily else "allowance", wait_ms=grant.wait_ms)
        answer = self._send(token, request)
        self.server_time = answer.server_time or self.server_time
        self._limiter.observe(grant, headers=answer.headers, wait_ms=self._pause(answer), search=search)
        return answer

    def _pause(self, answer: Answer) -> int | None:
        if answer.ok:
            return None
        outcome = self.refusal(answer).outcome
        return outcome.wait_ms if outcome.outcome is OutcomeClass.THROTTLED else None


def _retry_after(answer: Answer) -> int | None:
    """How long the CRM asks us to wait, at most a day: what is longer is no wish but a fault."""
    seconds = answer.headers.get("retry-after", "")
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(1000 * int(seconds[:LONGEST_DIGITS]), LONGEST_MS)


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def batches(rows: Sequence[WriteRow], *, mixed: bool = False) -> list[list[WriteRow]]:
    """Part rows into requests: one object, key field and way of writing each, no target twice.

    ``mixed`` updates of several objects go together, object by object.
    """
    if any(row.id is None and not (row.key_field and row.key_value) for row in rows):
        raise ValueError("a create needs a unique key")
    parts: defaultdict[tuple[object, ...], list[WriteRow]] = defaultdict(list)
    times: defaultdict[tuple[object, ...], int] = defaultdict(int)
    for row in rows:
        together = mixed and row.id is not None and not row.delete
        merged = row.id if row.into else None
        kind = ("" if together else row.object, row.id is None, row.key_field, row.delete, merged)
        target = (*kind, row.object, (row.id or row.key_value or "").lower())
        parts[(*kind, times[target])].append(row)
        times[target] += 1
    return [sorted(part, key=lambda row: row.object) for part in parts.values()]


Attempt = Callable[[Sequence[WriteRow]], "dict[str, Outcome] | Refused"]


def deliver(rows: Sequence[WriteRow], attempt: Attempt) -> dict[str, Outcome]:
    """Attempt the rows as one request; where one row's data takes the others down with it, divide them."""
    result = attempt(rows)
    if isinstance(result, dict):
        return result
    parts = _divided(rows, result.outcome) if result.divisible else [rows]
    if len(parts) == 1:
        return dict.fromkeys((row.row for row in rows), result.outcome)
    return deliver(parts[0], attempt) | deliver(parts[1], attempt)


def _divided(rows: Sequence[WriteRow], outcome: Outcome) -> list[Sequence[WriteRow]]:
    """Halves; but a field that cannot be written is to blame in every row that has it, and in no other."""
    if outcome.outcome is OutcomeClass.MISCONFIGURED:
        guilty = [row for row in rows if row.fields.keys() & set(outcome.fields)]
        innocent = [row for row in rows if row not in guilty]
        return [guilty, innocent] if guilty and innocent else [rows]
    middle = len(rows) // 2
    return [rows[:middle], rows[middle:]] if middle else [rows]


def outcome_of(error: SyncError | NoAnswer) -> Outcome:
    """What an exception means for a row that was to be written."""
    match error:
        case NoAnswer(sent=True):
            return Outcome(OutcomeClass.UNKNOWN, code=error.code)
        case Throttled():
            return Outcome(OutcomeClass.THROTTLED, code=error.code, wait_ms=error.wait_ms)
        case Misconfigured():
            return Outcome(OutcomeClass.MISCONFIGURED, code=error.code, message=error.message)
        case _:
            return Outcome(OutcomeClass.TRANSIENT, code=error.code)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The one that decides where a row has several errors, with all fields that its like blame.

    A repeat helps only if every one of them may pass.
    """
    decisive = min(outcomes, key=lambda outcome: _SEVERITY.index(outcome.outcome))
    blamed = (outcome.fields for outcome in outcomes if outcome.outcome is decisive.outcome)
    return msgspec.structs.replace(decisive, fields=tuple(dict.fromkeys(chain.from_iterable(blamed))))


_SEVERITY = (
    OutcomeClass.RESOLVE,
    OutcomeClass.MISCONFIGURED,
    OutcomeClass.REJECTED,
    OutcomeClass.UNKNOWN,
    OutcomeClass.THROTTLED,
    OutcomeClass.TRANSIENT,
    OutcomeClass.DELIVERED,
)
