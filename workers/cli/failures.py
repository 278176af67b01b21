"""Every failure as one clear sentence that names the place and the remedy, and an exit code.

0 is success, 1 failure, 2 that differences were found or nothing matched.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from obstore.exceptions import BaseError
from redis.exceptions import RedisError

from domain.diagnoses import OUTAGE, UNREADABLE
from domain.error_codes import CATALOGUE
from domain.errors import SyncError, Throttled, Transient, classify
from domain.identity import Crm
from domain.upcasting import NewerEvent
from workers.archive.archiver import Discontinued
from workers.archive.places import NoPlace
from workers.archive.segments import Damaged
from workers.cli.output import LONG, clean
from workers.configuration import ConfigurationError
from workers.configuration.problems import NAMES
from workers.crew import Lost
from workers.dry_run import Unusable
from workers.embedded import EmbeddedServerError
from workers.replay import Busy
from workers.settings import SettingsError
from workers.storage.keys import NoName

DIFFERENT = 2

SURROGATES = "surrogates not allowed"
"""Python's reason not to encode what came in as other bytes than UTF-8."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

EXPECTED = (
    SettingsError,
    ConfigurationError,
    SyncError,
    RedisError,
    BaseError,
    EmbeddedServerError,
    Busy,
    Damaged,
    Discontinued,
    Lost,
    NewerEvent,
    NoName,
    NoPlace,
    Unusable,
    msgspec.DecodeError,
    UnicodeDecodeError,
    UnicodeEncodeError,
    OSError,
)
"""What may go wrong without a fault of ours."""


A_ROW = (
    "A row of the running state cannot be read. crmsync replay verify says in which tables it is not what "
    "the log says, and crmsync replay rebuild makes it anew."
)

AROUND: dict[type[Exception], str] = {
    Busy: "Nothing was compared: {}.",
    NewerEvent: "The log was written by a newer release ({}): upgrade this machine.",
    Lost: "Of the processes that share the work, {}, perhaps for want of memory. "
    "The running state is as it was. Take fewer: --processes 1.",
    Discontinued: '{} See docs/runbook.md, "The log\'s server was lost".',
    msgspec.DecodeError: A_ROW,
    UnicodeDecodeError: A_ROW,
}
"""What is said around an error's own words, or in their place."""


class Told(click.ClickException):
    """What a person is told in a sentence, whatever it quotes."""

    def format_message(self) -> str:
        return clean(self.message)


class Failed(Told):
    """Something could not be done."""


class NothingMatched(Told):
    """What was asked for is not there."""

    exit_code = DIFFERENT


class Commands(click.Group):
    """A group whose commands fail in words. A wrong use is a failure like any other: exit code 1."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _failing():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _failing():
            return super().invoke(ctx)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        error.exit_code = 1  # type: ignore[misc]  # click declares it for the class, and reads it here
        raise
    except BrokenPipeError:
        raise
    except EXPECTED as error:
        raise Failed(sentence(error)) from None


def sentence(error: Exception) -> str:
    """What went wrong, where, and what to do about it; never a secret or a field's value."""
    match error:
        case SyncError():
            return _of_crm(error)
        case RedisError():
            return (
                f"The log's server cannot be used ({type(error).__name__}): start it, or correct "
                "CRMSYNC_REDIS_URL; crmsync doctor looks closer."
            )
        case error if said := next((said for kind, said in AROUND.items() if isinstance(error, kind)), ""):
            return said.format(error)
        case BaseError():
            return (
                f"A bucket cannot be used: {str(error).partition(chr(10))[0][:LONG]}. Correct its URL "
                "(CRMSYNC_ARCHIVE_URL, or the one given) and the variables by which its store is reached."
            )
        case OSError() | UnicodeEncodeError():
            return _of_system(error)
        case _:
            return str(error)


def _of_system(error: OSError | UnicodeEncodeError) -> str:
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        remedy = "Make room there" if error.errno in FULL else "Correct the path or its permissions"
        return f"{place}{error.strerror or type(error).__name__}. {remedy}."
    character = repr(error.object[error.start])
    if error.reason == SURROGATES:
        return (
            f"What was typed holds {character}, which is not UTF-8: correct it, or the terminal's encoding."
        )
    return f"The output is in {error.encoding}, which has no {character}: set PYTHONIOENCODING=utf-8."


def _of_crm(error: SyncError) -> str:
    """A CRM's refusal. Where the error does not say which CRM it was, its code may."""
    homes = [crm for crm in Crm if error.code in CATALOGUE[crm]]
    crm = error.crm or (homes[0] if homes else Crm.HUBSPOT)
    unknown = isinstance(error, Transient) and not homes
    meaning = OUTAGE if unknown else classify(crm, None, error.code, error.message)
    who = NAMES[crm] if error.crm or len(homes) == 1 else "A CRM"
    if meaning is UNREADABLE:
        what = f"{who} answered in a shape that is not understood ({error.message})."
        return f"{what} Run the command again. {meaning.remedy}"
    remedy = "Run the command again." if isinstance(error, Transient | Throttled) else meaning.remedy
    return f"{who} refused a call ({error.code}): {meaning.cause} {remedy} crmsync doctor looks closer."
