"""airmeet-async: register thousands of people in Airmeet events, and know for each what happened.

The layers, each importing only those before it:

- ``errors``          what can go wrong
- ``protocol``        what Airmeet is: the endpoint table, typed replies, what a status means, when to retry; no I/O
- ``calls``           what can be asked: a function per operation, each returning a `Call`; no I/O
- ``client``          how to ask: the send loop, one token for all tasks, the rate limiter, the transports
- ``bulk``            many rows: input, execution, report, journal
- ``airmeet_client``  `AirmeetClient`, where these come together
- ``sandbox``         a pretend Airmeet, which shares nothing with the above but `Request` and `Reply`
- ``testing``         virtual time and the sandbox for users' own tests
- ``cli``             the ``airmeet`` command

Used by several of them: ``private_files`` (files that only their owner can read), ``optional_imports`` (the packages of
the extras) and ``formatting`` (numbers and times for people).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # fmt: off
    # isort: off
    from airmeet_async.airmeet_client import AirmeetClient as AirmeetClient
    from airmeet_async.bulk.input.plan import BulkPlan as BulkPlan
    from airmeet_async.bulk.journal.memory import Earlier as Earlier
    from airmeet_async.bulk.options import JobOptions as JobOptions
    from airmeet_async.bulk.options import RunOptions as RunOptions
    from airmeet_async.bulk.report import BulkReport as BulkReport
    from airmeet_async.bulk.report import FailureGroup as FailureGroup
    from airmeet_async.bulk.report import Invite as Invite
    from airmeet_async.bulk.report import RowError as RowError
    from airmeet_async.bulk.report import RowResult as RowResult
    from airmeet_async.bulk.report import RowStatus as RowStatus
    from airmeet_async.bulk.report import StopReason as StopReason
    from airmeet_async.client.adaptive_rate import Adaptive as Adaptive
    from airmeet_async.client.client import Waiting as Waiting
    from airmeet_async.client.rate_limiter import Priority as Priority
    from airmeet_async.client.token_store import FileTokenStore as FileTokenStore
    from airmeet_async.client.token_store import MemoryTokenStore as MemoryTokenStore
    from airmeet_async.client.token_store import TokenStore as TokenStore
    from airmeet_async.client.transports.base import Timeouts as Timeouts
    from airmeet_async.client.transports.base import Transport as Transport
    from airmeet_async.errors import AirmeetError as AirmeetError
    from airmeet_async.errors import AmbiguousOutcomeError as AmbiguousOutcomeError
    from airmeet_async.errors import BulkStoppedError as BulkStoppedError
    from airmeet_async.errors import ClientStateError as ClientStateError
    from airmeet_async.errors import ConfigError as ConfigError
    from airmeet_async.errors import CredentialsError as CredentialsError
    from airmeet_async.errors import DecodeError as DecodeError
    from airmeet_async.errors import InputError as InputError
    from airmeet_async.errors import JournalError as JournalError
    from airmeet_async.errors import NoReplyError as NoReplyError
    from airmeet_async.errors import NotFoundError as NotFoundError
    from airmeet_async.errors import NotReadyError as NotReadyError
    from airmeet_async.errors import NotSentError as NotSentError
    from airmeet_async.errors import PermissionDeniedError as PermissionDeniedError
    from airmeet_async.errors import RateLimitedError as RateLimitedError
    from airmeet_async.errors import RedirectError as RedirectError
    from airmeet_async.errors import RejectedError as RejectedError
    from airmeet_async.errors import ReplyError as ReplyError
    from airmeet_async.errors import ServerError as ServerError
    from airmeet_async.errors import TokenRejectedError as TokenRejectedError
    from airmeet_async.errors import TransportError as TransportError
    from airmeet_async.protocol.base_urls import Region as Region
    from airmeet_async.protocol.call import Call as Call
    from airmeet_async.protocol.call import Endpoint as Endpoint
    from airmeet_async.protocol.http_messages import Reply as Reply
    from airmeet_async.protocol.http_messages import Request as Request
    from airmeet_async.protocol.models import Access as Access
    from airmeet_async.protocol.models import Acknowledgement as Acknowledgement
    from airmeet_async.protocol.models import Airmeet as Airmeet
    from airmeet_async.protocol.models import AirmeetInfo as AirmeetInfo
    from airmeet_async.protocol.models import AirmeetStatus as AirmeetStatus
    from airmeet_async.protocol.models import Attendance as Attendance
    from airmeet_async.protocol.models import AttendanceType as AttendanceType
    from airmeet_async.protocol.models import Attendee as Attendee
    from airmeet_async.protocol.models import Booth as Booth
    from airmeet_async.protocol.models import BoothAttendance as BoothAttendance
    from airmeet_async.protocol.models import Created as Created
    from airmeet_async.protocol.models import CustomField as CustomField
    from airmeet_async.protocol.models import Exhibitor as Exhibitor
    from airmeet_async.protocol.models import Moment as Moment
    from airmeet_async.protocol.models import NewAirmeet as NewAirmeet
    from airmeet_async.protocol.models import NewBooth as NewBooth
    from airmeet_async.protocol.models import NewSession as NewSession
    from airmeet_async.protocol.models import Participant as Participant
    from airmeet_async.protocol.models import PollResponses as PollResponses
    from airmeet_async.protocol.models import Questions as Questions
    from airmeet_async.protocol.models import Recording as Recording
    from airmeet_async.protocol.models import Registration as Registration
    from airmeet_async.protocol.models import RegistrationUtms as RegistrationUtms
    from airmeet_async.protocol.models import ReplayAttendance as ReplayAttendance
    from airmeet_async.protocol.models import Series as Series
    from airmeet_async.protocol.models import Session as Session
    from airmeet_async.protocol.models import SessionCreated as SessionCreated
    from airmeet_async.protocol.models import Speaker as Speaker
    from airmeet_async.protocol.models import SpeakerAdded as SpeakerAdded
    from airmeet_async.protocol.models import Track as Track
    from airmeet_async.protocol.models import Updated as Updated
    from airmeet_async.protocol.models import Webhook as Webhook
    from airmeet_async.protocol.models import WebhookReceipt as WebhookReceipt
    from airmeet_async.protocol.paging import Page as Page
    from airmeet_async.protocol.retry_policy import Retry as Retry
    from airmeet_async.protocol.webhook_events import AttendeeJoined as AttendeeJoined
    from airmeet_async.protocol.webhook_events import BoothVisited as BoothVisited
    from airmeet_async.protocol.webhook_events import EventNews as EventNews
    from airmeet_async.protocol.webhook_events import PollsAnswered as PollsAnswered
    from airmeet_async.protocol.webhook_events import QuestionsAsked as QuestionsAsked
    from airmeet_async.protocol.webhook_events import RecordingsAvailable as RecordingsAvailable
    from airmeet_async.protocol.webhook_events import RegistrantAdded as RegistrantAdded
    from airmeet_async.protocol.webhook_events import WebhookEvent as WebhookEvent
    from airmeet_async.protocol.webhook_events import parse_webhook as parse_webhook
    # isort: on
    # fmt: on

# Nothing is loaded before it is asked for: a program that only reads `--help`, or an error class, need not wait for the
# HTTP library. Type checkers read the imports above; a test sees to it that both say the same.
_HOMES = {
    "airmeet_client": "AirmeetClient",
    "bulk.input.plan": "BulkPlan",
    "bulk.journal.memory": "Earlier",
    "bulk.options": "JobOptions RunOptions",
    "bulk.report": "BulkReport FailureGroup Invite RowError RowResult RowStatus StopReason",
    "client.adaptive_rate": "Adaptive",
    "client.client": "Waiting",
    "client.rate_limiter": "Priority",
    "client.token_store": "FileTokenStore MemoryTokenStore TokenStore",
    "client.transports.base": "Timeouts Transport",
    "errors": (
        "AirmeetError AmbiguousOutcomeError BulkStoppedError ClientStateError ConfigError "
        "CredentialsError DecodeError InputError JournalError NoReplyError NotFoundError "
        "NotReadyError NotSentError PermissionDeniedError RateLimitedError RedirectError "
        "RejectedError ReplyError ServerError TokenRejectedError TransportError"
    ),
    "protocol.base_urls": "Region",
    "protocol.call": "Call Endpoint",
    "protocol.http_messages": "Reply Request",
    "protocol.models": (
        "Access Acknowledgement Airmeet AirmeetInfo AirmeetStatus Attendance AttendanceType "
        "Attendee Booth BoothAttendance Created CustomField Exhibitor Moment NewAirmeet NewBooth "
        "NewSession Participant PollResponses Questions Recording Registration RegistrationUtms "
        "ReplayAttendance Series Session SessionCreated Speaker SpeakerAdded Track Updated Webhook "
        "WebhookReceipt"
    ),
    "protocol.paging": "Page",
    "protocol.retry_policy": "Retry",
    "protocol.webhook_events": (
        "AttendeeJoined BoothVisited EventNews PollsAnswered QuestionsAsked RecordingsAvailable "
        "RegistrantAdded WebhookEvent parse_webhook"
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, as it should be


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # not by way of client.config, which takes its time to be imported

        try:
            return metadata.version("airmeet-async")
        except metadata.PackageNotFoundError:
            return "0"
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
