"""airmeet-async: register thousands of people in Airmeet events, and know for each what happened.

The layers, each importing only those before it:

- ``errors``   what can go wrong
- ``api``      what Airmeet is: the endpoint table, the wire, the retry policy; pure
- ``calls``    what can be asked: one function per operation, each returning a value; pure
- ``client``   how to ask: transport, session (one token for all), pace (rate and concurrency), send loop
- ``bulk``     many asks: sources, engine, report
- ``front``    `AirmeetClient`, where these come together
- ``sandbox``  a pretend Airmeet, which shares nothing with the above but the wire types
- ``cli``      the ``airmeet`` command
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # fmt: off
    # isort: off
    from airmeet_async.api.addresses import Region as Region
    from airmeet_async.api.call import Call as Call
    from airmeet_async.api.call import Endpoint as Endpoint
    from airmeet_async.api.decide import Retry as Retry
    from airmeet_async.api.hook_events import AttendeeJoined as AttendeeJoined
    from airmeet_async.api.hook_events import BoothVisited as BoothVisited
    from airmeet_async.api.hook_events import EventNews as EventNews
    from airmeet_async.api.hook_events import PollsAnswered as PollsAnswered
    from airmeet_async.api.hook_events import QuestionsAsked as QuestionsAsked
    from airmeet_async.api.hook_events import RecordingsAvailable as RecordingsAvailable
    from airmeet_async.api.hook_events import RegistrantAdded as RegistrantAdded
    from airmeet_async.api.hook_events import WebhookEvent as WebhookEvent
    from airmeet_async.api.hook_events import parse_webhook as parse_webhook
    from airmeet_async.api.models import Access as Access
    from airmeet_async.api.models import Acknowledgement as Acknowledgement
    from airmeet_async.api.models import Airmeet as Airmeet
    from airmeet_async.api.models import AirmeetInfo as AirmeetInfo
    from airmeet_async.api.models import AirmeetStatus as AirmeetStatus
    from airmeet_async.api.models import Attendance as Attendance
    from airmeet_async.api.models import AttendanceType as AttendanceType
    from airmeet_async.api.models import Attendee as Attendee
    from airmeet_async.api.models import Booth as Booth
    from airmeet_async.api.models import BoothAttendance as BoothAttendance
    from airmeet_async.api.models import Created as Created
    from airmeet_async.api.models import CustomField as CustomField
    from airmeet_async.api.models import Exhibitor as Exhibitor
    from airmeet_async.api.models import Moment as Moment
    from airmeet_async.api.models import NewAirmeet as NewAirmeet
    from airmeet_async.api.models import NewBooth as NewBooth
    from airmeet_async.api.models import NewSession as NewSession
    from airmeet_async.api.models import Participant as Participant
    from airmeet_async.api.models import PollResponses as PollResponses
    from airmeet_async.api.models import Questions as Questions
    from airmeet_async.api.models import Recording as Recording
    from airmeet_async.api.models import Registration as Registration
    from airmeet_async.api.models import RegistrationUtms as RegistrationUtms
    from airmeet_async.api.models import ReplayAttendance as ReplayAttendance
    from airmeet_async.api.models import Series as Series
    from airmeet_async.api.models import Session as Session
    from airmeet_async.api.models import SessionCreated as SessionCreated
    from airmeet_async.api.models import Speaker as Speaker
    from airmeet_async.api.models import SpeakerAdded as SpeakerAdded
    from airmeet_async.api.models import Track as Track
    from airmeet_async.api.models import Updated as Updated
    from airmeet_async.api.models import Webhook as Webhook
    from airmeet_async.api.models import WebhookReceipt as WebhookReceipt
    from airmeet_async.api.paging import Page as Page
    from airmeet_async.api.wire import Reply as Reply
    from airmeet_async.api.wire import Request as Request
    from airmeet_async.bulk.asked import JobOptions as JobOptions
    from airmeet_async.bulk.asked import RunOptions as RunOptions
    from airmeet_async.bulk.books import Earlier as Earlier
    from airmeet_async.bulk.plan import BulkPlan as BulkPlan
    from airmeet_async.bulk.report import BulkReport as BulkReport
    from airmeet_async.bulk.report import FailureGroup as FailureGroup
    from airmeet_async.bulk.report import Invite as Invite
    from airmeet_async.bulk.report import RowError as RowError
    from airmeet_async.bulk.report import RowResult as RowResult
    from airmeet_async.bulk.report import RowStatus as RowStatus
    from airmeet_async.bulk.report import StopReason as StopReason
    from airmeet_async.client.adaptive import Adaptive as Adaptive
    from airmeet_async.client.attempt import Waiting as Waiting
    from airmeet_async.client.pace import Priority as Priority
    from airmeet_async.client.stores import FileTokenStore as FileTokenStore
    from airmeet_async.client.stores import MemoryTokenStore as MemoryTokenStore
    from airmeet_async.client.stores import TokenStore as TokenStore
    from airmeet_async.client.transport import Timeouts as Timeouts
    from airmeet_async.client.transport import Transport as Transport
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
    from airmeet_async.front import AirmeetClient as AirmeetClient
    # isort: on
    # fmt: on

# Nothing is loaded before it is asked for: a program that only reads `--help`, or an error class, need not wait for the
# HTTP library. Type checkers read the imports above; a test sees to it that both say the same.
_HOMES = {
    "api.addresses": "Region",
    "api.call": "Call Endpoint",
    "api.decide": "Retry",
    "api.hook_events": (
        "AttendeeJoined BoothVisited EventNews PollsAnswered QuestionsAsked RecordingsAvailable "
        "RegistrantAdded WebhookEvent parse_webhook"
    ),
    "api.models": (
        "Access Acknowledgement Airmeet AirmeetInfo AirmeetStatus Attendance AttendanceType "
        "Attendee Booth BoothAttendance Created CustomField Exhibitor Moment NewAirmeet NewBooth "
        "NewSession Participant PollResponses Questions Recording Registration RegistrationUtms "
        "ReplayAttendance Series Session SessionCreated Speaker SpeakerAdded Track Updated Webhook "
        "WebhookReceipt"
    ),
    "api.paging": "Page",
    "api.wire": "Reply Request",
    "bulk.asked": "JobOptions RunOptions",
    "bulk.books": "Earlier",
    "bulk.plan": "BulkPlan",
    "bulk.report": "BulkReport FailureGroup Invite RowError RowResult RowStatus StopReason",
    "client.adaptive": "Adaptive",
    "client.attempt": "Waiting",
    "client.pace": "Priority",
    "client.stores": "FileTokenStore MemoryTokenStore TokenStore",
    "client.transport": "Timeouts Transport",
    "errors": (
        "AirmeetError AmbiguousOutcomeError BulkStoppedError ClientStateError ConfigError "
        "CredentialsError DecodeError InputError JournalError NoReplyError NotFoundError "
        "NotReadyError NotSentError PermissionDeniedError RateLimitedError RedirectError "
        "RejectedError ReplyError ServerError TokenRejectedError TransportError"
    ),
    "front": "AirmeetClient",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, as it should be


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from airmeet_async.client.version import version

        return version()
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
