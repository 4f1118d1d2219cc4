"""People of an event: attendees, the participants list, registrations, and the event's registration fields."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import fields_dict

from airmeet_async.errors import InvalidInputError
from airmeet_async.protocol import endpoints, validation
from airmeet_async.protocol.base_urls import Id, check_id, check_ids
from airmeet_async.protocol.call import Call, Endpoint, Retry
from airmeet_async.protocol.models import Access, Acknowledgement, Attendee, CustomField, Participant, Registration
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query

WIRE_NAMES = {name: name for name in fields_dict(Attendee)} | {"first_name": "firstName", "last_name": "lastName"}
"""A person's fields as the API names them (help article, A)."""

_SORTING_KEYS = ("name", "email", "registrationDate")
_DIRECTIONS = ("ASC", "DESC")


class HasEmail(Protocol):
    """Somebody with an address, such as an `Attendee` or a `Participant`."""

    @property
    def email(self) -> str:
        """The address."""
        ...


def add_attendee(
    airmeet_id: Id,
    attendee: Attendee,
    *,
    send_email_invite: bool,
    register_attendee: bool = False,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Access]:
    """Register one person for an event, and return that person's entry link.

    Sending the same person again changes nothing except that it unblocks a blocked person (help article, A), so this
    may be repeated. Whether a repeat sends the mail again is not documented.

    Args:
        airmeet_id: The event's id.
        attendee: The person. Airmeet shortens names to 35 and other texts to 70 characters (A). The keys of
            its custom fields must be field ids here; the bulk engine accepts labels, too.
        send_email_invite: Whether Airmeet mails the calendar entry and the link (A). There is no default: Airmeet's own
            mails.
        register_attendee: True makes a confirmed registration and uses one of the plan's; False leaves it pending until
            the link is used (A). In a hybrid event, an attendance type alone confirms it (A).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: A required field is missing, or a value is not valid.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
        RejectedError: Airmeet refuses this person.
    """
    if not isinstance(attendee, Attendee):
        message = f"attendee must be an Attendee, not {type(attendee).__name__}: Attendee(email, first_name, last_name)"
        raise InvalidInputError(message, field="attendee")
    texts = validation.texts_of(attendee)
    _refuse(next(iter(validation.check_texts(texts)), None))
    mapping = validation.require_answers(attendee.custom_fields)
    flags = attendee_flags(register_attendee=register_attendee, send_email_invite=send_email_invite)
    return add_checked_attendee(check_id(airmeet_id, "airmeet_id"), texts, mapping, flags).with_limits(retry, timeout)


def attendee_flags(*, register_attendee: bool, send_email_invite: bool) -> dict[str, bool]:
    """Return the flags of a request that adds a person. Any text is true, so that ``"no"`` would mail people.

    Raises:
        InvalidInputError: One of them is neither True nor False.
    """
    for name, value in (("register_attendee", register_attendee), ("send_email_invite", send_email_invite)):
        if not isinstance(value, bool):
            raise InvalidInputError(f"{name} must be True or False, not {value!r:.40}", field=name)
    return {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite}


def add_checked_attendee(
    airmeet_id: str, texts: Mapping[str, str], mapping: list[dict[str, Any]], flags: Mapping[str, bool]
) -> Call[Access]:
    """Build what `add_attendee` builds, from parts that are checked already, as those of a row of a bulk run are.

    Args:
        airmeet_id: The event's id.
        texts: A person's fields by our names, as `texts_of` and `check_texts` leave them.
        mapping: The member ``customFieldMapping``.
        flags: ``registerAttendee`` and ``sendEmailInvite``.
    """
    body: dict[str, Any] = {WIRE_NAMES[name]: text for name, text in texts.items()}
    if mapping:
        body["customFieldMapping"] = mapping
    body.update(flags)
    return Call(endpoints.ATTENDEES_ADD, {"airmeet_id": airmeet_id}, body=body)


def block_attendee(
    airmeet_id: Id, email: str | HasEmail, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Acknowledgement]:
    """Block a person from an event (help article, A).

    Adding that person again unblocks, also by a bulk run that is going on or is in shards.

    Args:
        airmeet_id: The event's id.
        email: The person's address, or an `Attendee`, a `Participant` or anybody else with one.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: The address is not valid.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return change_access(endpoints.ATTENDEES_BLOCK, airmeet_id, email).with_limits(retry, timeout)


def unblock_attendee(
    airmeet_id: Id, email: str | HasEmail, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Acknowledgement]:
    """Unblock a person (help article, A).

    Args:
        airmeet_id: The event's id.
        email: The person's address, or an `Attendee`, a `Participant` or anybody else with one.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: The address is not valid.
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return change_access(endpoints.ATTENDEES_UNBLOCK, airmeet_id, email).with_limits(retry, timeout)


def remove_attendee(
    airmeet_id: Id, email: str | HasEmail, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Acknowledgement]:
    """Remove a person from an event. No longer in Airmeet's help (B); `attendees.block` replaces it.

    Args:
        airmeet_id: The event's id.
        email: The person's address, or an `Attendee`, a `Participant` or anybody else with one.
            Airmeet's own connector escapes it twice (B), here it is escaped once.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: The address is not valid.
        NotFoundError: There is no such event.
    """
    path = check_ids(airmeet_id=airmeet_id) | {"email": address_of(email)}
    return Call(endpoints.ATTENDEES_REMOVE, path).with_limits(retry, timeout)


def change_access(endpoint: Endpoint[Acknowledgement], airmeet_id: Id, email: str | HasEmail) -> Call[Acknowledgement]:
    """Build what `block_attendee` or `unblock_attendee` builds, by the endpoint."""
    return Call(endpoint, check_ids(airmeet_id=airmeet_id), body={"attendeeEmail": address_of(email)})


def _refuse(problem: validation.Problem | None) -> None:
    if problem:
        raise InvalidInputError(problem.message, field=problem.field or "email", code=problem.code)


def address_of(person: "str | HasEmail") -> str:
    """Return the e-mail address of a person, which may be given as such.

    Raises:
        InvalidInputError: It is no address.
    """
    email = person if isinstance(person, str) else getattr(person, "email", None)
    if not isinstance(email, str):
        message = f"email must be an address or somebody who has one, not {type(person).__name__}"
        raise InvalidInputError(message, field="email", code="invalid_email")
    _refuse(validation.check_email(email))
    return email


def list_participants(
    airmeet_id: Id,
    *,
    email_ids: Sequence[str] = (),
    size: int = 1000,
    sort: str = "registrationDate",
    direction: str = "ASC",
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[Participant]]:
    """List invited, registered and other people of an event (B, C). An e-mail address can appear twice (C).

    Args:
        airmeet_id: The event's id.
        email_ids: Only these addresses.
        size: Rows per page, 1 to 1000 (C).
        sort: ``name``, ``email`` or ``registrationDate`` (C).
        direction: ``ASC`` or ``DESC``. Ascending by date means that people who register while the list is read
            come at its end and move nobody to another page.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: An argument cannot be used.
        NotFoundError: There is no such event.
    """
    query = {
        "resultSize": str(validation.check_size(endpoints.PARTICIPANTS_LIST, size)),
        "pageNumber": "1",
        "sortingKey": validation.require_choice(sort, _SORTING_KEYS, "sort"),
        "sortingDirection": validation.require_choice(direction, _DIRECTIONS, "direction"),
    }
    if email_ids:
        query["emailIds"] = ",".join(validation.require_emails(email_ids, "email_ids"))
    return Call(endpoints.PARTICIPANTS_LIST, check_ids(airmeet_id=airmeet_id), query).with_limits(retry, timeout)


def list_registrations(
    airmeet_id: Id,
    *,
    size: int = 100,
    after: Cursor = None,
    before: Cursor = None,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[Registration]]:
    """List registrations (B). No longer in Airmeet's help; the list of participants has more details.

    Args:
        airmeet_id: The event's id.
        size: Rows per page; Airmeet's own connector takes 100 (B), the maximum is not known.
        after: Cursor of an earlier page.
        before: The same backwards.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: An argument cannot be used.
        NotFoundError: There is no such event.
    """
    path, query = check_ids(airmeet_id=airmeet_id), page_query(endpoints.REGISTRATIONS_LIST, size, after, before)
    return Call(endpoints.REGISTRATIONS_LIST, path, query).with_limits(retry, timeout)


def list_custom_fields(
    airmeet_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[CustomField, ...]]:
    """List the registration fields of an event (B).

    Args:
        airmeet_id: The event's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return Call(endpoints.CUSTOM_FIELDS_LIST, check_ids(airmeet_id=airmeet_id)).with_limits(retry, timeout)
