"""airmeet-async: register thousands of people for Airmeet events, and get a result for each person.

The layers, each importing only those before it:

- ``errors``          the exceptions
- ``protocol``        Airmeet's API: the endpoint table, typed replies, the meaning of a status, retry rules; no I/O
- ``calls``           one function per API operation, each returning a `Call`; no I/O
- ``client``          sending: the send loop, one token for all tasks, the rate limiter, the transports
- ``bulk``            many rows: input, execution, report, journal
- ``cluster``         what several processes share in Redis
- ``airmeet_client``  `AirmeetClient`, which combines these
- ``sync``            the same client without ``await``
- ``sandbox``         a simulated Airmeet, which shares only `Request` and `Reply` with the layers above
- ``testing``         virtual time and the sandbox for users' own tests
- ``cli``             the ``airmeet`` command

Used by several of them: ``private_files`` (files that only their owner can read), ``optional_imports`` (the packages of
the extras), ``data_frames`` and ``formatting`` (numbers and times for people).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # fmt: off
    # isort: off
    from airmeet_async.airmeet_client import AirmeetClient as AirmeetClient
    from airmeet_async.bulk.bulk import Bulk as Bulk
    from airmeet_async.bulk.input.plan import (
        BulkPlan as BulkPlan, EarlierList as EarlierList, RowFinding as RowFinding,
    )
    from airmeet_async.bulk.job import BulkJob as BulkJob
    from airmeet_async.bulk.journal import Earlier as Earlier
    from airmeet_async.bulk.journal.queries import (
        RunSummary as RunSummary, read_results as read_results, read_run as read_run,
    )
    from airmeet_async.bulk.options import (
        FileOptions as FileOptions, JobOptions as JobOptions, RunOptions as RunOptions,
    )
    from airmeet_async.bulk.report import (
        BulkReport as BulkReport, FailureGroup as FailureGroup, Invite as Invite, RowError as RowError,
        RowResult as RowResult, RowStatus as RowStatus, RowWarning as RowWarning,
        StopReason as StopReason, results_to_frame as results_to_frame,
    )
    from airmeet_async.client.adaptive_rate import Adaptive as Adaptive
    from airmeet_async.client.client import Client as Client
    from airmeet_async.client.namespaces import Listing as Listing
    from airmeet_async.client.opentelemetry import OpenTelemetry as OpenTelemetry
    from airmeet_async.client.rate_limiter import Priority as Priority
    from airmeet_async.client.telemetry import (
        ClientEvent as ClientEvent, OutageBegan as OutageBegan, OutageEnded as OutageEnded, Paused as Paused,
        RateChanged as RateChanged, RunEnded as RunEnded, RunStarted as RunStarted, RunStopped as RunStopped,
        TokenRenewed as TokenRenewed, Waiting as Waiting,
    )
    from airmeet_async.client.token_store import (
        FileTokenStore as FileTokenStore, LockedTokenStore as LockedTokenStore,
        MemoryTokenStore as MemoryTokenStore, StoredToken as StoredToken, TokenStore as TokenStore,
    )
    from airmeet_async.client.transports.base import Timeouts as Timeouts, Transport as Transport
    from airmeet_async.errors import (
        AirmeetError as AirmeetError, AmbiguousOutcomeError as AmbiguousOutcomeError,
        BulkStoppedError as BulkStoppedError, ClientStateError as ClientStateError, ConfigError as ConfigError,
        CredentialsError as CredentialsError, DecodeError as DecodeError, EncodingError as EncodingError,
        IncompleteListError as IncompleteListError, InputError as InputError,
        InvalidInputError as InvalidInputError,
        JournalError as JournalError, NoReplyError as NoReplyError, NotFoundError as NotFoundError,
        NotReadyError as NotReadyError, NotSentError as NotSentError,
        PermissionDeniedError as PermissionDeniedError, RateLimitedError as RateLimitedError,
        RedirectError as RedirectError, RejectedError as RejectedError, ReplyError as ReplyError,
        ServerError as ServerError, TokenRejectedError as TokenRejectedError, TransportError as TransportError,
    )
    from airmeet_async.protocol.base_urls import Region as Region
    from airmeet_async.protocol.call import Call as Call, Endpoint as Endpoint, Retry as Retry
    from airmeet_async.protocol.decoding import from_dict as from_dict
    from airmeet_async.protocol.http_messages import Reply as Reply, Request as Request
    from airmeet_async.protocol.models import (
        Access as Access, Acknowledgement as Acknowledgement, Airmeet as Airmeet, AirmeetInfo as AirmeetInfo,
        AirmeetStatus as AirmeetStatus, Attendance as Attendance, AttendanceType as AttendanceType,
        Attendee as Attendee, Booth as Booth, BoothAttendance as BoothAttendance, Created as Created,
        CustomField as CustomField, Exhibitor as Exhibitor, NewAirmeet as NewAirmeet,
        NewBooth as NewBooth, NewSession as NewSession, Participant as Participant,
        PollResponses as PollResponses, Questions as Questions, Recording as Recording,
        Registration as Registration, RegistrationUtms as RegistrationUtms,
        ReplayAttendance as ReplayAttendance, Series as Series, Session as Session,
        SessionCreated as SessionCreated, Speaker as Speaker, SpeakerAdded as SpeakerAdded, Track as Track,
        Updated as Updated, Webhook as Webhook, WebhookReceipt as WebhookReceipt,
        Answer as Answer, FieldOption as FieldOption, FieldType as FieldType, FieldValue as FieldValue,
        PollAnswer as PollAnswer, Presenter as Presenter, Question as Question, SpeakerLink as SpeakerLink,
        SpeedNetworking as SpeedNetworking, Utms as Utms,
    )
    from airmeet_async.protocol.paging import Page as Page
    from airmeet_async.protocol.redact import Secret as Secret
    from airmeet_async.protocol.webhook_events import (
        AttendeeJoined as AttendeeJoined, BoothVisited as BoothVisited, EventNews as EventNews,
        PollsAnswered as PollsAnswered, QuestionsAsked as QuestionsAsked,
        RecordingLink as RecordingLink, RecordingsAvailable as RecordingsAvailable, RegistrantAdded as RegistrantAdded,
        WebhookEvent as WebhookEvent, parse_webhook as parse_webhook,
    )
    # isort: on
    # fmt: on

# Nothing is loaded before it is asked for: a program that only reads `--help`, or an error class, need not wait for the
# HTTP library. Type checkers read the imports above; a test sees to it that both say the same.
_HOMES = {
    "airmeet_client": "AirmeetClient",
    "bulk.bulk": "Bulk",
    "bulk.input.plan": "BulkPlan EarlierList RowFinding",
    "bulk.job": "BulkJob",
    "bulk.journal": "Earlier",
    "bulk.journal.queries": "RunSummary read_results read_run",
    "bulk.options": "FileOptions JobOptions RunOptions",
    "bulk.report": (
        "BulkReport FailureGroup Invite RowError RowResult RowStatus RowWarning StopReason results_to_frame"
    ),
    "client.adaptive_rate": "Adaptive",
    "client.client": "Client",
    "client.namespaces": "Listing",
    "client.opentelemetry": "OpenTelemetry",
    "client.rate_limiter": "Priority",
    "client.telemetry": (
        "ClientEvent OutageBegan OutageEnded Paused RateChanged RunEnded RunStarted RunStopped TokenRenewed Waiting"
    ),
    "client.token_store": "FileTokenStore LockedTokenStore MemoryTokenStore StoredToken TokenStore",
    "client.transports.base": "Timeouts Transport",
    "errors": (
        "AirmeetError AmbiguousOutcomeError BulkStoppedError ClientStateError ConfigError "
        "CredentialsError DecodeError EncodingError IncompleteListError InputError InvalidInputError JournalError "
        "NoReplyError NotFoundError "
        "NotReadyError NotSentError PermissionDeniedError RateLimitedError RedirectError "
        "RejectedError ReplyError ServerError TokenRejectedError TransportError"
    ),
    "protocol.base_urls": "Region",
    "protocol.call": "Call Endpoint Retry",
    "protocol.decoding": "from_dict",
    "protocol.http_messages": "Reply Request",
    "protocol.models": (
        "Access Acknowledgement Airmeet AirmeetInfo AirmeetStatus Attendance AttendanceType "
        "Attendee Booth BoothAttendance Created CustomField Exhibitor NewAirmeet NewBooth "
        "NewSession Participant PollResponses Questions Recording Registration RegistrationUtms "
        "ReplayAttendance Series Session SessionCreated Speaker SpeakerAdded Track Updated Webhook "
        "WebhookReceipt Answer FieldOption FieldType FieldValue PollAnswer Presenter Question SpeakerLink "
        "SpeedNetworking Utms"
    ),
    "protocol.paging": "Page",
    "protocol.redact": "Secret",
    "protocol.webhook_events": (
        "AttendeeJoined BoothVisited EventNews PollsAnswered QuestionsAsked RecordingLink RecordingsAvailable "
        "RegistrantAdded WebhookEvent parse_webhook"
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, as it should be


def __getattr__(name: str) -> Any:
    if name == "Moment":
        raise AttributeError("airmeet_async.Moment is gone: times are aware datetimes")
    home = "version" if name == "__version__" else _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{home}")
    except AttributeError as error:  # `from … import` would say no more than that there is no such name
        raise ImportError(f"{name} cannot be imported: {error}", name=f"{__name__}.{home}") from error
    found = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
