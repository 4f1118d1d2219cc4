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

from airmeet_async.api.addresses import Region
from airmeet_async.api.call import Call, Endpoint
from airmeet_async.api.decide import Retry
from airmeet_async.api.hook_events import (
    AttendeeJoined,
    BoothVisited,
    EventNews,
    PollsAnswered,
    QuestionsAsked,
    RecordingsAvailable,
    RegistrantAdded,
    WebhookEvent,
    parse_webhook,
)
from airmeet_async.api.models import (
    Access,
    Acknowledgement,
    Airmeet,
    AirmeetInfo,
    AirmeetStatus,
    Attendance,
    AttendanceType,
    Attendee,
    Booth,
    BoothAttendance,
    Created,
    CustomField,
    Exhibitor,
    Moment,
    NewAirmeet,
    NewBooth,
    NewSession,
    Participant,
    PollResponses,
    Questions,
    Recording,
    Registration,
    RegistrationUtms,
    ReplayAttendance,
    Series,
    Session,
    SessionCreated,
    Speaker,
    SpeakerAdded,
    Track,
    Updated,
    Webhook,
    WebhookReceipt,
)
from airmeet_async.api.paging import Page
from airmeet_async.api.wire import Reply, Request
from airmeet_async.bulk.asked import JobOptions, RunOptions
from airmeet_async.bulk.books import Earlier
from airmeet_async.bulk.report import BulkReport, FailureGroup, Invite, RowError, RowResult, RowStatus, StopReason
from airmeet_async.client.adaptive import Adaptive
from airmeet_async.client.attempt import Waiting
from airmeet_async.client.pace import Priority
from airmeet_async.client.stores import FileTokenStore, MemoryTokenStore, TokenStore
from airmeet_async.client.transport import Timeouts, Transport
from airmeet_async.errors import (
    AirmeetError,
    AmbiguousOutcomeError,
    BulkStoppedError,
    ClientStateError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    JournalError,
    NoReplyError,
    NotFoundError,
    NotReadyError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ReplyError,
    ServerError,
    TokenRejectedError,
    TransportError,
)
from airmeet_async.front import AirmeetClient

__all__ = [
    "Access",
    "Acknowledgement",
    "Adaptive",
    "Airmeet",
    "AirmeetClient",
    "AirmeetError",
    "AirmeetInfo",
    "AirmeetStatus",
    "AmbiguousOutcomeError",
    "Attendance",
    "AttendanceType",
    "Attendee",
    "AttendeeJoined",
    "Booth",
    "BoothAttendance",
    "BoothVisited",
    "BulkReport",
    "BulkStoppedError",
    "Call",
    "ClientStateError",
    "ConfigError",
    "Created",
    "CredentialsError",
    "CustomField",
    "DecodeError",
    "Earlier",
    "Endpoint",
    "EventNews",
    "Exhibitor",
    "FailureGroup",
    "FileTokenStore",
    "InputError",
    "Invite",
    "JobOptions",
    "JournalError",
    "MemoryTokenStore",
    "Moment",
    "NewAirmeet",
    "NewBooth",
    "NewSession",
    "NoReplyError",
    "NotFoundError",
    "NotReadyError",
    "NotSentError",
    "Page",
    "Participant",
    "PermissionDeniedError",
    "PollResponses",
    "PollsAnswered",
    "Priority",
    "Questions",
    "QuestionsAsked",
    "RateLimitedError",
    "Recording",
    "RecordingsAvailable",
    "RedirectError",
    "Region",
    "RegistrantAdded",
    "Registration",
    "RegistrationUtms",
    "RejectedError",
    "ReplayAttendance",
    "Reply",
    "ReplyError",
    "Request",
    "Retry",
    "RowError",
    "RowResult",
    "RowStatus",
    "RunOptions",
    "Series",
    "ServerError",
    "Session",
    "SessionCreated",
    "Speaker",
    "SpeakerAdded",
    "StopReason",
    "Timeouts",
    "TokenRejectedError",
    "TokenStore",
    "Track",
    "Transport",
    "TransportError",
    "Updated",
    "Waiting",
    "Webhook",
    "WebhookEvent",
    "WebhookReceipt",
    "parse_webhook",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from airmeet_async.client.version import version

        return version()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
