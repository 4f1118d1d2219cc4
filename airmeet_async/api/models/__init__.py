"""What Airmeet is asked and what it answers, as frozen values.

Unknown fields of an answer are kept in ``extra``, unknown words of an
enumeration stay plain strings, and null means absent.
"""

from airmeet_async.api.models.access import Access, Acknowledgement, AuthToken
from airmeet_async.api.models.attendee import AttendanceType, Attendee
from airmeet_async.api.models.audience import (
    Attendance,
    BoothAttendance,
    FieldValue,
    Participant,
    PollAnswer,
    PollResponses,
    Question,
    Questions,
    Registration,
    RegistrationUtms,
    ReplayAttendance,
    Utms,
)
from airmeet_async.api.models.event import Airmeet, AirmeetInfo, AirmeetStatus, Person, Session
from airmeet_async.api.models.fields import CustomField, FieldOption, FieldType
from airmeet_async.api.models.hooks import Webhook, WebhookReceipt
from airmeet_async.api.models.programme import (
    Booth,
    Created,
    Recording,
    Series,
    SessionCreated,
    Speaker,
    SpeakerAdded,
    SpeakerLink,
    Track,
    Updated,
)
from airmeet_async.api.models.requests import Exhibitor, NewAirmeet, NewBooth, NewSession, SpeedNetworking
from airmeet_async.api.moment import Moment

__all__ = [
    "Access",
    "Acknowledgement",
    "Airmeet",
    "AirmeetInfo",
    "AirmeetStatus",
    "Attendance",
    "AttendanceType",
    "Attendee",
    "AuthToken",
    "Booth",
    "BoothAttendance",
    "Created",
    "CustomField",
    "Exhibitor",
    "FieldOption",
    "FieldType",
    "FieldValue",
    "Moment",
    "NewAirmeet",
    "NewBooth",
    "NewSession",
    "Participant",
    "Person",
    "PollAnswer",
    "PollResponses",
    "Question",
    "Questions",
    "Recording",
    "Registration",
    "RegistrationUtms",
    "ReplayAttendance",
    "Series",
    "Session",
    "SessionCreated",
    "Speaker",
    "SpeakerAdded",
    "SpeakerLink",
    "SpeedNetworking",
    "Track",
    "Updated",
    "Utms",
    "Webhook",
    "WebhookReceipt",
]
