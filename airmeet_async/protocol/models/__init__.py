"""The values of requests and answers, frozen.

Unknown members of an answer are kept in ``extra``, unknown words of an
enumeration stay plain strings, and null means absent.
"""

# fmt: off
# isort: off
from airmeet_async.protocol.models.events import (
    Airmeet, AirmeetInfo, AirmeetStatus, Booth, Created, Exhibitor, NewAirmeet, NewBooth, NewSession, Presenter,
    Recording, Series, Session, SessionCreated, Speaker, SpeakerAdded, SpeakerLink, SpeedNetworking, Track, Updated,
    Webhook, WebhookReceipt,
)
from airmeet_async.protocol.models.people import (
    Access, Acknowledgement, AttendanceType, Attendee, AuthToken, CustomField, FieldOption, FieldType,
)
from airmeet_async.protocol.models.reports import (
    Attendance, BoothAttendance, FieldValue, Participant, PollAnswer, PollResponses, Question, Questions,
    Registration, RegistrationUtms, ReplayAttendance, Utms,
)
from airmeet_async.protocol.models.values import Moment

__all__ = [
    "Access", "Acknowledgement", "Airmeet", "AirmeetInfo", "AirmeetStatus", "Attendance", "AttendanceType",
    "Attendee", "AuthToken", "Booth", "BoothAttendance", "Created", "CustomField", "Exhibitor", "FieldOption",
    "FieldType", "FieldValue", "Moment", "NewAirmeet", "NewBooth", "NewSession", "Participant", "PollAnswer",
    "PollResponses", "Presenter", "Question", "Questions", "Recording", "Registration", "RegistrationUtms",
    "ReplayAttendance", "Series", "Session", "SessionCreated", "Speaker", "SpeakerAdded", "SpeakerLink",
    "SpeedNetworking", "Track", "Updated", "Utms", "Webhook", "WebhookReceipt",
]
# isort: on
# fmt: on
