"""What Airmeet is asked and what it answers, as frozen values.

Unknown fields of an answer are kept in ``extra``, unknown words of an
enumeration stay plain strings, and null means absent.
"""

from airmeet_async.api.models.access import Access, Acknowledgement, AuthToken
from airmeet_async.api.models.attendee import AttendanceType, Attendee
from airmeet_async.api.models.event import Airmeet, AirmeetInfo, AirmeetStatus, Person, Session
from airmeet_async.api.models.fields import CustomField, FieldOption, FieldType
from airmeet_async.api.moment import Moment

__all__ = [
    "Access",
    "Acknowledgement",
    "Airmeet",
    "AirmeetInfo",
    "AirmeetStatus",
    "AttendanceType",
    "Attendee",
    "AuthToken",
    "CustomField",
    "FieldOption",
    "FieldType",
    "Moment",
    "Person",
    "Session",
]
