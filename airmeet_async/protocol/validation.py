"""Checks of what is sent, before it is sent: of people, of an event's registration fields, and of other arguments.

A wrong row is one of many, so the checks of people return a `Problem`. A wrong argument is its caller's, so the others
raise `ConfigError`.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from zoneinfo import available_timezones

from attrs import evolve, fields_dict, frozen

from airmeet_async.errors import ConfigError, InvalidInputError
from airmeet_async.protocol.call import Endpoint
from airmeet_async.protocol.models import AttendanceType, Attendee, CustomField

NAME_LIMIT = 35
"""First and last name (A)."""
TEXT_LIMIT = 70
"""Organisation, designation, city and country (A)."""

_LIMITS = {
    **dict.fromkeys(("first_name", "last_name"), NAME_LIMIT),
    **dict.fromkeys(("organisation", "designation", "city", "country"), TEXT_LIMIT),
}
_MANDATORY = ("email", "first_name", "last_name")
_TEXTS = tuple(dict.fromkeys((*_MANDATORY, *_LIMITS)))
_FIELDS = tuple(name for name in fields_dict(Attendee) if name != "custom_fields")
_FIRST_YEAR, _END_YEAR = 2000, 2100
# Names in the zone data that are no place: a placeholder, and whatever this machine is set to.
_NO_ZONES = {"Factory", "localtime"}
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_DOMAIN_LABEL = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?")
_LONGEST_EMAIL = 254
COMMON_EMAIL = re.compile(r"[A-Za-z0-9_+-]{1,30}(?:\.[A-Za-z0-9_+-]{1,30})?@(?:[A-Za-z0-9]{1,60}\.){1,2}[A-Za-z]{2,20}")
"""What most addresses look like, checked in one step; each of these passes the long check, too."""


@frozen
class Problem:
    """Why an attendee cannot be sent.

    Attributes:
        code: A short stable word.
        message: One sentence with the fix.
        field: The field that it is about, or the name that was given for a registration field; or nothing.
    """

    code: str
    message: str
    field: str = ""


def check_email(email: str, field: str = "email") -> Problem | None:
    """Check the syntax of an address. Only a mail can tell whether somebody reads it."""
    if COMMON_EMAIL.fullmatch(email):
        return None
    local, at, domain = email.rpartition("@")
    fits = (
        at
        and len(email) <= _LONGEST_EMAIL
        and email.isprintable()  # no direction marks, no zero-width blanks: copied from web pages, and deadly
        and _LOCAL.fullmatch(local)
        and not local.startswith(".")
        and not local.endswith(".")
        and ".." not in local
        and _is_domain(domain)
    )
    if fits and email.isascii():
        return None
    usual = unicodedata.normalize("NFKC", email)
    if usual != email and check_email(usual) is None:
        # A full-width letter, the Kelvin sign, a letter and its accent as two: nobody receives mail there.
        what = f"{email!r:.80} has characters that only look like those of an address"
        return Problem("invalid_email", f"{what}; did you mean {usual!r:.80}?", field)
    odd = next((one for one in email if not one.isascii() and unicodedata.category(one)[0] not in "LMN"), None)
    if fits and odd is not None:
        return Problem("invalid_email", f"{email!r:.80} has a {odd!r}, which no address has; retype it", field)
    if fits:
        return None
    what = f"{email!r:.80} is not an e-mail address; expected something like name@example.com"
    return Problem("invalid_email", what, field)


# Letters of other scripts that look like ASCII ones.
_LIKE_ASCII = str.maketrans(
    "аеорсухіјѕԁԛԝһӏАВЕКМНОРСТУХІЈЅӀοαικνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdqwhlABEKMHOPCTYXIJSloaikvptuxABEZHIKMNOPTYX",
)


def look_alike(email: str) -> str | None:
    """Say which other address this one looks like, or that it mixes scripts; None for nearly all addresses."""
    if email.isascii():
        return None
    for part in re.split(r"[^\w]", email):
        scripts = {unicodedata.name(one, "").split(" ")[0] for one in part if one.isalpha()}
        if not scripts & {"CYRILLIC", "GREEK"}:
            continue
        latin = part.translate(_LIKE_ASCII)
        if latin.isascii():
            return f"looks like {email.replace(part, latin)!r:.80}, but has letters of another script; retype it"
        if "LATIN" in scripts:
            return f"mixes letters of two scripts in {part!r:.80}; retype it"
    return None


@lru_cache(maxsize=4096)
def _is_domain(domain: str) -> bool:
    """Return whether this can be the name of a domain; cached, since a list of people has few."""
    labels = domain.split(".")
    return len(labels) > 1 and all(map(_DOMAIN_LABEL.fullmatch, labels)) and not labels[-1].isdigit()


_FOLD = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(email: str) -> str:
    """Return *email* for comparison. Only ASCII is folded: Unicode folding merges different people."""
    return email.lower() if email.isascii() else email.translate(_FOLD)


def texts_of(attendee: Attendee) -> dict[str, str]:
    """Return an attendee's own fields as texts by name, those that are empty or blank left out."""
    return {name: text for name in _FIELDS if (text := str(getattr(attendee, name) or "")) and not text.isspace()}


def check_texts(texts: Mapping[str, str]) -> list[Problem]:
    """Return every reason why the attendee with these fields, stripped and not empty, cannot be sent."""
    needs = "Airmeet needs email, first_name and last_name"
    found = [Problem("missing_field", f"{name} is empty; {needs}", name) for name in _MANDATORY if name not in texts]
    if "email" in texts and (problem := check_email(texts["email"])):
        found.append(problem)
    if (kind := texts.get("attendance_type")) and kind not in list(AttendanceType):
        what = f"attendance_type is {kind!r:.80}; use IN-PERSON or VIRTUAL"
        found.append(Problem("invalid_attendance_type", what, "attendance_type"))
    # Of one text instead of each: nearly always nothing is wrong, and this runs for each row.
    if "".join(texts.values()).isprintable():
        return found
    for name in _TEXTS:
        if any(one.field == name for one in found):
            continue
        if any(char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in texts.get(name, "")):
            what = f"{name} contains a control character or a broken character; retype this cell"
            found.append(Problem("invalid_text", what, name))
    return found


def cuts(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each value that Airmeet will cut without a word (A)."""
    if max(map(len, texts.values())) <= NAME_LIMIT:  # nearly always
        return ()
    return tuple(
        f"Airmeet will shorten {name} to {limit} characters (it has {len(text)})"
        for name, limit in _LIMITS.items()
        if (text := texts.get(name)) and len(text) > limit
    )


class RegistrationFields:
    """What an event asks of those who register: its registration fields, to be found by id or by label.

    Attributes:
        is_hybrid: Each person needs an attendance type; other events ignore it (A). None where that is not known.
        is_known: The event was asked.
    """

    fields: tuple[CustomField, ...]
    labels: tuple[str, ...]
    required: tuple[CustomField, ...]

    is_known = True

    def __init__(self, fields: Iterable[CustomField], *, is_hybrid: bool | None = None) -> None:
        self.is_hybrid = is_hybrid
        self._by_id = {field.id: field for field in fields}
        self.fields = tuple(self._by_id.values())
        self._by_name: dict[str, list[CustomField]] = {}
        for field in self._by_id.values():
            for name in {_key(name) for name in (field.name, field.label, field.id) if name}:
                self._by_name.setdefault(name, []).append(field)
        self.labels = tuple(field.label or field.id for field in self._by_id.values())
        self.required = tuple(field for field in self._by_id.values() if field.is_required)

    def resolve(self, values: Mapping[str, str | Sequence[str]]) -> tuple[list[dict[str, Any]], list[Problem]]:
        """Return ``customFieldMapping`` for *values*, and every reason why one of them cannot be sent."""
        mapping: list[dict[str, Any]] = []
        problems: list[Problem] = []
        for name, value in values.items():
            found = self.find(name)
            answer = found if isinstance(found, Problem) else _answer(found, value)
            if isinstance(answer, Problem):
                problems.append(evolve(answer, field=name))
            elif not isinstance(found, Problem):
                mapping.append({"fieldId": found.id, "value": answer})
        return mapping, problems

    def find(self, name: str) -> CustomField | Problem:
        """Find the one field of that id or, blanks and case aside, of that name."""
        found = [self._by_id[name]] if name in self._by_id else self._by_name.get(_key(name), [])
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(field.id for field in found)
            return Problem(
                "ambiguous_field", (f"more than one registration field is called {name!r:.80}; use its id: {ids}")
            )
        close = difflib.get_close_matches(name, self.labels, 1)
        hint = f"did you mean {close[0]!r:.80}? It has" if close else "it has"
        known = ", ".join(self.labels) or "none"
        return Problem("unknown_field", f"the event has no registration field {name!r:.80}; {hint}: {known}")


def _answer(field: CustomField, value: str | Sequence[str]) -> list[str] | Problem:
    """Return an answer as it is sent: an array, as Airmeet's own connector declares it (B), of codes for options.

    People write an option's name, and programs its code. A text that is both is taken for the name.
    """
    if not field.options:
        return [value] if isinstance(value, str) else list(value)
    named: dict[str, dict[str, None]] = {}
    for text_of in (attrgetter("display_value"), attrgetter("code")):
        found: dict[str, dict[str, None]] = {}
        for option in field.options:
            if text := text_of(option):
                found.setdefault(_key(text), {})[option.code or text] = None
        named = {**found, **named}
    label = field.label or field.id
    # More than one choice in a cell; but the name of an option may have a comma in it.
    texts = [value] if isinstance(value, str) and _key(value) in named else value
    texts = re.split("[;,]", texts) if isinstance(texts, str) else list(texts)
    answer: list[str] = []
    for text in texts:
        codes = named.get(_key(text), {})
        if len(codes) > 1:
            which = f"{text.strip()!r:.80} is the name of more than one option of {label!r:.80}"
            return Problem("ambiguous_option", f"{which}; write its code instead: {', '.join(codes)}")
        if not codes:
            wrong = [one for one in texts if _key(one) not in named]
            shown = value if isinstance(value, str) and len(wrong) == len(texts) else text.strip()
            options = ", ".join(option.display_value or option.code for option in field.options)
            what = f"{shown!r:.80} is not an option of {label!r:.80}"
            return Problem("unknown_option", f"{what}; the options are {options}")
        answer += codes
    return answer


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


Cursor = int | str | None


def page_query(endpoint: Endpoint[Any], size: int, after: Cursor = None, before: Cursor = None) -> dict[str, str]:
    """Return the query of one page of a cursor list.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
    """
    if after is not None and before is not None:
        raise InvalidInputError("use after or before, not both: Airmeet would ignore before", field="before")
    query = {"size": str(check_size(endpoint, size)), "after": after, "before": before}
    return {name: str(value) for name, value in query.items() if value is not None}


def check_size(endpoint: Endpoint[Any], size: int) -> int:
    """Return a page size Airmeet takes.

    Raises:
        InvalidInputError: It is no whole number, or out of range; names the maximum.
    """
    if isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= (endpoint.max_size or size):
        return size
    wanted = f"a whole number from 1{f' to {endpoint.max_size}' if endpoint.max_size else ''}"
    message = f"size must be {wanted} for {endpoint.name}, not {size!r:.40}"
    raise InvalidInputError(message, field="size", code="out_of_range")


def to_milliseconds(moment: datetime, name: str) -> int:
    """Return *moment* as Airmeet wants it: milliseconds since 1970, whole minutes (B).

    Raises:
        InvalidInputError: It has no time zone, so it is not a moment; it is on no clock; or its year is a slip.
    """
    if moment.tzinfo is None:
        raise InvalidInputError(
            f"{name} has no time zone; write datetime(..., tzinfo=ZoneInfo('Europe/Paris')) or UTC",
            field=name,
            code="invalid_time",
        )
    check_year(moment, name)
    if not exists(moment):
        raise InvalidInputError(
            f"{name}: {moment:%Y-%m-%d %H:%M} does not exist in {moment.tzinfo}: the clocks skip it",
            field=name,
            code="invalid_time",
        )
    return int(moment.timestamp()) // 60 * 60_000


def check_year(moment: datetime, name: str) -> None:
    """Refuse years in which nobody holds an event: 27 for 2027.

    Raises:
        InvalidInputError: It is one.
    """
    if not _FIRST_YEAR <= moment.year < _END_YEAR:
        raise InvalidInputError(
            f"{name} is in the year {moment.year}; write all four digits of the year", field=name, code="invalid_time"
        )


def exists(moment: datetime) -> bool:
    """Return whether a time is on the clocks of its zone: in the night when they go forward, an hour is not."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)


def require_minutes(value: int | None, name: str) -> int | None:
    """Return *value* if it can be a duration.

    Raises:
        InvalidInputError: It is not a positive whole number.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise InvalidInputError(
        f"{name} must be a whole number of minutes above 0, not {value!r:.40}", field=name, code="out_of_range"
    )


_FEWEST_ZONES = 50
"""Hundreds are known anywhere; slim images and Windows have none, or only UTC."""


def check_timezone(name: str) -> str:
    """Return *name* if it is a time zone's.

    Raises:
        InvalidInputError: It is none.
    """
    known = available_timezones()
    if name in known - _NO_ZONES:
        return name
    if len(known) < _FEWEST_ZONES:
        message = (
            f"the time zone {name!r:.80} cannot be looked up, since this machine has no time zone data; install it: "
            "pip install tzdata"
        )
        raise ConfigError(message)
    raise InvalidInputError(
        f"{name!r:.80} is not a time zone; write a name such as Europe/Paris or Asia/Kolkata",
        field="timezone",
        code="invalid_timezone",
    )


def require_text(value: str, name: str) -> str:
    """Return *value* if there is any.

    Raises:
        InvalidInputError: It is empty, or no text.
    """
    if value and not isinstance(value, str):
        raise InvalidInputError(f"{name} must be a text, not {value!r:.40}", field=name, code="invalid_text")
    if value and value.strip():
        return value
    raise InvalidInputError(f"{name} is empty; Airmeet requires it", field=name, code="missing_field")


def require_email(value: str, name: str = "email") -> str:
    """Return *value* if it is an address.

    Raises:
        InvalidInputError: It is none.
    """
    if not isinstance(value, str):
        message = f"{name} must be the text of an address, not {type(value).__name__}"
        raise InvalidInputError(message, field=name, code="invalid_email")
    if problem := check_email(value, name):
        raise InvalidInputError(f"{name}: {problem.message}", field=name, code=problem.code)
    return value


def require_emails(values: Sequence[str], name: str) -> list[str]:
    """Return *values* if all are addresses.

    Raises:
        InvalidInputError: One is none, or a single text was given instead of a list.
    """
    if isinstance(values, str):
        raise InvalidInputError(f"{name} must be a list of addresses, not a string; write [{values!r:.80}]", field=name)
    if not isinstance(values, Iterable):
        raise InvalidInputError(f"{name} must be a list of addresses, not {type(values).__name__}", field=name)
    return [require_email(value, name) for value in values]


def require_answers(values: Mapping[str, str | Sequence[str]]) -> list[dict[str, Any]]:
    """Return ``customFieldMapping`` for the values of registration fields by id.

    Raises:
        InvalidInputError: It is no mapping of texts, or of lists of texts.
    """
    if not isinstance(values, Mapping):
        message = f"custom_fields must be a mapping such as {{'Company size': '50'}}, not {values!r:.40}"
        raise InvalidInputError(message, field="custom_fields", code="invalid_answer")
    mapping: list[dict[str, Any]] = []
    for name, value in values.items():
        texts = [value] if isinstance(value, str) else value  # an array (B)
        if not isinstance(texts, Iterable) or not all(isinstance(text, str) for text in (name, *texts)):
            message = f"custom_fields: the value of {name!r:.80} must be a text or a list of texts, not {value!r:.40}"
            raise InvalidInputError(message, field="custom_fields", code="invalid_answer")
        mapping.append({"fieldId": name, "value": list(texts)})
    return mapping


def require_choice(value: str, choices: Sequence[str], name: str) -> str:
    """Return *value* if it is one of *choices*.

    Raises:
        InvalidInputError: It is not.
    """
    if value in choices:
        return str(value)
    raise InvalidInputError(
        f"{name} is {value!r:.80}; use one of {', '.join(choices)}", field=name, code="invalid_choice"
    )


def drop_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* without those that are None or empty: a null was a problem in production (C)."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}
