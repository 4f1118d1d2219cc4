"""The choices a simulated Airmeet has to make, each one switchable.

Airmeet's help text leaves much unsaid. Wherever it does, the sandbox picks an
answer, and a client that is meant to last must work under the other answers too.
"""

import difflib
import inspect
import math
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_type_hints

from attrs import field, fields, frozen
from attrs.validators import ge, gt, in_

DAY_S = 86_400.0

ErrorShape = Literal["status", "message", "success", "error", "text", "empty"]
PastTheEnd = Literal["empty", "repeat", "error"]
Acknowledgement = Literal["success", "message", "true", "text", "empty", "accepted", "no content"]
NotReadySign = Literal["both", "body", "status"]
Direction = Literal["ASC", "DESC"]


@frozen(kw_only=True)
class Switches:
    """How the sandbox behaves where Airmeet's behaviour is unknown or told in two ways.

    ::

        Switches(error_shape="message", not_ready_times=3)

    Attributes:
        auth_envelope: /auth answers ``{"success", "data": {"label", "token"}}`` as documented (A),
            instead of the flat body that clients in production read (B, C).
        token_lifetime_s: Seconds a token is good for; 30 days are documented (A).
        reauth_kills_old: A new token ends the earlier ones of the same key pair.
        demand_content_type: A write without ``Content-Type: application/json`` is refused (A: all calls expect it).
        foreign_event_status: Status for an event of another community; 401 is documented (A).
        unknown_event_status: Status for an event that does not exist; 404 is documented (A), 401 would hide it.
        unknown_part_status: Status for a session, a booth or a series that does not exist.
        error_shape: Body of a refusal: ``status`` is ``{"statusCode", "statusMessage", "data"}`` (C), ``message``,
            ``success`` and ``error`` are the other JSON shapes seen (D), ``text`` and ``empty`` are no JSON at all.
        validation_status: HTTP status of a refused payload; 200 leaves the 400 to the body alone.

        quota_status: Status of a registration beyond the quota.
        replay_unblocks: Adding a blocked person again lets them in again (A, though unblock exists).
        replay_mails: Adding a person again sends the invitation again if it is asked for.
        fold_email_case: Addresses that differ in ASCII case only are one person.
        dots_inside_limit: The three dots of a cut text count within its 70 characters.
        dots_on_names: First and last names get the dots as well, not only the longer fields.
        answer_values: An answer to a custom field is an array of strings (B), one string (D), or either.
        option_answers: An answer to a field with options is one's code, its label (``displayValue``), or either.
        no_options: The options of a field without any are null, an empty list, or missing (?).
        required_fields_enforced: An add must fill the event's required custom fields.
        unknown_attendee_status: Status for blocking, unblocking or removing somebody who was never added; 200 is a
            silent yes.
        removal_frees_place: Removing a registered person gives the place in the quota back.
        participants_key: The member that holds the participants, right (C) or misspelled (B).
        sorting_direction: Of participants, if the request names none.

        refused_timezones: Zones no event can be made in (A: some are not available).
        strict_transitions: An event goes CREATED, ONGOING, PAUSED and back, FINISHED, ARCHIVED; it may be archived
            unstarted; everything else is a 400.
        refused_transition: An illegal transition is a 400 status, or a 200 with the body ``{"statusUpdated": false}``
            (B has the member).
        same_status_refused: Setting the status an event has already is a 400, instead of a quiet yes.
        acknowledgement: Replies that hold nothing but a success (block and unblock, which are documented; remove,
            delete session, landing page, which are not): ``{"success": true}``, that with a message, ``true``, the text
            OK, an empty 200, a 202 or a 204.
        duplicate_key: The member that holds the id of a duplicated event.
        duplication_zone: The spelling of the time zone that a duplication demands: either one, or one only.
        series_shape: Series and their events: under ``data``, under ``eventSeries`` and ``events``, or a bare list.
        duplicate_speaker: Adding a speaker again answers another status word, or a 400.
        hosts_from_team: Hosts and cohosts must be members of the community's team (A for sessions).
        hosting_only: A session's type must be HOSTING (A), instead of one of seven (B).
        session_key: The member that holds the id of a new session: ``uid`` (C) or ``uuid`` (B).
        session_tokens: The speakers' links beside it are a list (C), null, or missing.
        exhibitor_lists: A booth's exhibitors stand in ``exhibitors`` and in ``exhibitorInfo``, the same in both as
            Airmeet's own connector sends them (B), or in either of them.
        exhibitor_types_refused: An exhibitor's attendance type is a 400 unless the event is hybrid (B: the connector
            strips it there).
        null_booths: An event without booths answers null (C), instead of an empty list.

        newest_first: The event list runs from the newest to the oldest.
        rows_newest_first: So do attendance, replays, UTMs, polls and registrations.
        clamp_size: A page size over the maximum is cut to it, instead of refused.
        attendance_size: Rows on a page of attendance, replays, UTMs or polls, if the request does not say.
        after_on_last_page: The last page still has an ``after`` cursor (C), instead of null.
        past_the_end: What the page after the last one holds: nothing, the last page again, or an error.
        short_page: The page with that number has half of its rows only, and the others come after it; 0 is none.
        odd_values: The first participant of a page has values of other types than are documented.
        page_count_is_left: ``pageCount`` counts the pages from this one on, instead of all.

        not_ready_times: How often a prepared read answers "not ready" first.
        not_ready_for_s: It does so, too, until that many seconds have passed since it was first asked for.
        not_ready_sign: "Not ready" is told by the HTTP status and the body's ``statusCode``, or by one of them.
        not_ready_on_page: The page with that number has to be prepared by itself, as often; 0 is none.
        prepared_for_s: Seconds until a prepared result is forgotten and must be prepared again.
        wrong_state_status: HTTP status of the in-body 400 about a session or an event that is not FINISHED.
        no_finished_session: Attendance of an event without a finished session: the in-body 400, or no rows.
        malformed_time_stamps: Dates are written ``2026:03:01T10:00:00.00Z``, as in the quoted sample.
        time_spent_as_text: Milliseconds are a string (C), instead of a number.
        duration_as_text: Minutes of a replay are a string, instead of a number.
        booth_row_ids: Rows of a booth's attendance have an ``id``.
        session_ids_required: Recordings must be asked for by session (D), instead of all at once (C).
        recordings_at_once: Most recordings in one answer; 0 is no limit. ``totalCount`` counts all of them.

        webhooks_in_payload: The list stands under ``payload``, instead of ``webhookDTOList`` (D).
        webhook_names_enforced: A webhook's name must be the one that goes with its trigger (A says they are tied).
        unknown_webhook_status: Status for deregistering a webhook that is not there; 200 is a silent yes.
    """

    # Keys, tokens, permissions, and how a refusal is written.
    auth_envelope: bool = False
    token_lifetime_s: float = field(default=30 * DAY_S, validator=gt(0))
    reauth_kills_old: bool = False
    demand_content_type: bool = True
    foreign_event_status: int = 401
    unknown_event_status: int = 404
    unknown_part_status: int = 404
    error_shape: ErrorShape = "status"
    validation_status: int = 400

    # Attendees, participants and registrations.
    quota_status: int = 400
    replay_unblocks: bool = True
    replay_mails: bool = False
    fold_email_case: bool = True
    dots_inside_limit: bool = True
    dots_on_names: bool = False
    answer_values: Literal["either", "array", "text"] = "either"
    option_answers: Literal["either", "code", "label"] = "either"
    no_options: Literal["null", "list", "missing"] = "null"
    required_fields_enforced: bool = False
    unknown_attendee_status: int = 400
    removal_frees_place: bool = False
    participants_key: Literal["participants", "paticipants"] = "participants"
    sorting_direction: Direction = "DESC"

    # Making and changing events, their speakers, sessions and booths.
    refused_timezones: frozenset[str] = field(default=frozenset(), converter=frozenset)
    strict_transitions: bool = True
    refused_transition: Literal["status", "body"] = "status"
    same_status_refused: bool = False
    acknowledgement: Acknowledgement = "success"
    duplicate_key: Literal["uuid", "uid", "airmeetId"] = "uuid"
    duplication_zone: Literal["either", "timeZone", "timezone"] = "either"
    series_shape: Literal["data", "named", "list"] = "data"
    duplicate_speaker: Literal["status", "error"] = "status"
    hosts_from_team: bool = True
    hosting_only: bool = True
    session_key: Literal["uid", "uuid"] = "uid"
    session_tokens: Literal["list", "null", "missing"] = "list"
    exhibitor_lists: Literal["either", "both"] = "either"
    exhibitor_types_refused: bool = False
    null_booths: bool = True

    # Lists that come in pages.
    newest_first: bool = False
    rows_newest_first: bool = False
    clamp_size: bool = True
    attendance_size: int = field(default=50, validator=in_(range(1, 51)))
    after_on_last_page: bool = True
    past_the_end: PastTheEnd = "empty"
    short_page: int = field(default=0, validator=ge(0))
    odd_values: bool = False
    page_count_is_left: bool = False

    # Reports of an event, and how they are prepared.
    not_ready_times: int = field(default=1, validator=ge(0))
    not_ready_for_s: float = field(default=0.0, validator=ge(0))
    not_ready_sign: NotReadySign = "both"
    not_ready_on_page: int = field(default=0, validator=ge(0))
    prepared_for_s: float = field(default=math.inf, validator=gt(0))
    wrong_state_status: int = 200
    no_finished_session: Literal["refused", "empty"] = "refused"
    malformed_time_stamps: bool = False
    time_spent_as_text: bool = True
    duration_as_text: bool = False
    booth_row_ids: bool = False
    session_ids_required: bool = False
    recordings_at_once: int = field(default=0, validator=ge(0))

    # Webhooks, of which little could be read.
    webhooks_in_payload: bool = False
    webhook_names_enforced: bool = False
    unknown_webhook_status: int = 404


@frozen
class SwitchDescription:
    """One switch, for people.

    Attributes:
        name: Its name.
        default: Its value at first, as it is typed.
        values: What can be typed.
        meaning: What it changes.
    """

    name: str
    default: str
    values: str
    meaning: str


def describe_switches() -> list[SwitchDescription]:
    """Return all switches, in the order of `Switches`."""
    text = inspect.cleandoc(Switches.__doc__ or "")
    meanings = {name: " ".join(words.split()) for name, words in re.findall(r"(?m)^    (\w+): (.*(?:\n {8}.*)*)", text)}
    return [
        SwitchDescription(spec.name, typed(spec.default), _values_of(spec.name), meanings[spec.name])
        for spec in fields(Switches)
    ]


def parse_switches(texts: Iterable[str]) -> Switches:
    """Return the switches of ``NAME=VALUE`` texts, as `airmeet sandbox --set` takes them.

    Raises:
        ValueError: A name or a value cannot be used; the message says what can.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        try:
            found[name] = read_switch(name, value if sign else None)
        except ValueError as error:
            raise ValueError(f"--set {text!r:.80}: {error}") from None
    return Switches(**found)


def read_switch(name: str, text: str | None) -> Any:
    """Return the value of one switch, from its text.

    Raises:
        ValueError: The name or the value cannot be used; the message says what can.
    """
    if name not in _KINDS:
        close = difflib.get_close_matches(name, _KINDS, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "--switches lists them"
        raise ValueError(f"there is no switch {name!r:.40}; {hint}")
    wrong = f"the values of {name} are {_values_of(name)}"
    if text is None:
        raise ValueError(wrong)
    try:
        found = _read(_KINDS[name], text)
        Switches(**{name: found})  # its own check
    except (ValueError, KeyError):
        raise ValueError(wrong) from None
    return found


_KINDS: dict[str, Any] = {name: kind for name, kind in get_type_hints(Switches).items() if name != "__slots__"}


def _read(kind: Any, text: str) -> Any:
    if choices := get_args(kind) if kind != frozenset[str] else ():
        return {str(one): one for one in choices}[text]
    if kind is bool:
        return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[text.lower()]
    if kind is frozenset or kind == frozenset[str]:
        return frozenset(filter(None, (part.strip() for part in text.split(","))))
    return kind(text)


def typed(value: Any) -> str:
    """Return the value of a switch as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        ",".join(sorted(value))
        if isinstance(value, frozenset)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _values_of(name: str) -> str:
    kind = _KINDS[name]
    if kind == frozenset[str]:
        return "names with commas between"
    if choices := get_args(kind):
        return ", ".join(map(str, choices))
    if isinstance(numbers := getattr(getattr(fields(Switches), name).validator, "options", None), range):
        return f"a whole number from {numbers[0]} to {numbers[-1]}"
    return {bool: "yes, no", int: "a whole number", float: "a number"}[kind]
