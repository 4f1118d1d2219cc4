"""People of an event."""

from collections.abc import Mapping
from typing import Any

from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ATTENDEES_ADD, ATTENDEES_BLOCK, ATTENDEES_REMOVE, ATTENDEES_UNBLOCK
from airmeet_async.protocol.models import Access, Acknowledgement, Attendee
from airmeet_async.protocol.validation import Problem, check_email, check_texts, texts_of

_WIRE = {
    "email": "email",
    "first_name": "firstName",
    "last_name": "lastName",
    "attendance_type": "attendance_type",
    "city": "city",
    "country": "country",
    "designation": "designation",
    "organisation": "organisation",
}
"""A person's fields as the API names them (help article, A)."""


def add(
    airmeet_id: str, attendee: Attendee, *, register_attendee: bool = False, send_email_invite: bool = True
) -> Call[Access]:
    """Let one person into an event, and get that person's own link.

    Sending the same person again changes nothing and only renews a revoked access (help article, A), so this may be
    repeated. Whether a repeat sends the mail again is not documented.

    Args:
        airmeet_id: The event's id.
        attendee: The person. Names over 35 characters and other texts over 70 are cut by Airmeet (A). The keys of
            its custom fields must be field ids here; the bulk engine accepts labels, too.
        register_attendee: True makes it a confirmed registration and uses one of the plan's; False leaves it pending
            until the link is used (A). In a hybrid event an attendance type registers by itself (A).
        send_email_invite: Airmeet mails the calendar entry and the link (A).

    Raises:
        ConfigError: A mandatory field is missing, or a value is not usable.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
        RejectedError: Airmeet refuses this person.
    """
    if not isinstance(attendee, Attendee):
        message = f"attendee must be an Attendee, not {type(attendee).__name__}: Attendee(email, first_name, last_name)"
        raise ConfigError(message)
    texts = texts_of(attendee)
    _refuse(check_texts(texts))
    mapping = [
        {"fieldId": name, "value": value if isinstance(value, str) else list(value)}
        for name, value in attendee.custom_fields.items()
    ]
    return adding(
        check_id(airmeet_id, "airmeet_id"),
        texts,
        mapping,
        {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite},
    )


def adding(
    airmeet_id: str, texts: Mapping[str, str], mapping: list[dict[str, Any]], flags: Mapping[str, bool]
) -> Call[Access]:
    """Build what `add` builds, from parts that are already checked: the texts of `texts_of`, and the custom ones."""
    body: dict[str, Any] = {_WIRE[name]: text for name, text in texts.items()}
    if mapping:
        body["customFieldMapping"] = mapping
    body.update(flags)
    return Call(ATTENDEES_ADD, {"airmeet_id": airmeet_id}, body=body)


def block(airmeet_id: str, email: str) -> Call[Acknowledgement]:
    """Take a person's access to an event away (help article, A).

    Args:
        airmeet_id: The event's id.
        email: The person's address.

    Raises:
        ConfigError: The address is not one.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return _by_email(ATTENDEES_BLOCK, airmeet_id, email)


def unblock(airmeet_id: str, email: str) -> Call[Acknowledgement]:
    """Give a blocked person's access back (help article, A).

    Args:
        airmeet_id: The event's id.
        email: The person's address.

    Raises:
        ConfigError: The address is not one.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return _by_email(ATTENDEES_UNBLOCK, airmeet_id, email)


def remove(airmeet_id: str, email: str) -> Call[Acknowledgement]:
    """Remove a person from an event. Gone from today's help (B): `block` is its successor.

    Args:
        airmeet_id: The event's id.
        email: The person's address. Airmeet's own connector escapes it twice (B), here it is escaped once.

    Raises:
        ConfigError: The address is not one.
        NotFoundError: There is no such event.
    """
    _refuse(check_email(email))
    return Call(ATTENDEES_REMOVE, {"airmeet_id": check_id(airmeet_id, "airmeet_id"), "email": email})


def _by_email(endpoint: Endpoint[Acknowledgement], airmeet_id: str, email: str) -> Call[Acknowledgement]:
    _refuse(check_email(email))
    return Call(endpoint, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, body={"attendeeEmail": email})


def _refuse(problem: Problem | None) -> None:
    if problem:
        raise ConfigError(problem.message)
