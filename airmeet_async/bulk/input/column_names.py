"""What people call their columns, in 21 languages, and the columns of other tools' exports.

The words are data, in `column_names.toml`; here is how they are compared.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from attrs import field, frozen

from airmeet_async.errors import ConfigError

_DATA = tomllib.loads(files(__package__).joinpath("column_names.toml").read_text(encoding="utf-8"))


def squeezed(text: str) -> str:
    """Return a name without what people write differently: case, blanks, hyphens, underscores, accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def _words(text: str) -> list[str]:
    return [squeezed(word) for line in text.splitlines() for word in line.split("|") if word.strip()]


# An attendee's own fields, the mandatory ones first.
FIELDS = tuple(_DATA["columns"])

# The columns that a result file adds to those of the input, and those of them that one of version 0.1 has, too.
FIRST_RESULT_COLUMNS = (
    "airmeet_row", "airmeet_status", "airmeet_code", "airmeet_error", "airmeet_attempts", "airmeet_entry_link",
)  # fmt: skip
RESULT_COLUMNS = (*FIRST_RESULT_COLUMNS, "airmeet_invite", "airmeet_when", "airmeet_run", "airmeet_event")

# The columns of each file that `airmeet export` and `airmeet reconcile` write; links aside, and registration fields.
_OWN_HEADERS = frozenset(
    frozenset(line.split())
    for line in """
        email name organisation designation city country registered_at user_type user_id invite_sent profile_url
        email name organisation designation city country registered_at
        email name user_id joined_at minutes time_spent_ms
        session_id session_name email name user_id joined_at minutes time_spent_ms
        email name user_id visited_at visits interested_in_contact
        booth_id booth_name email name user_id visited_at visits interested_in_contact
        email name session_id minutes_viewed
        email name user_id question answer answered_at
        email name user_id question session_id asked_at upvotes
        email utm_campaign utm_medium utm_source utm_term utm_content
        session_id session_name
        label id required type options name
        id name description order session_ids
        id name exhibitors tags
        id name status type start duration_minutes summary host_ids cohost_ids speaker_ids speakers
        difference email line field in_file in_event
    """.strip().splitlines()
)
# Not in every export: links, and what exports of version 0.1 do not have.
_OPTIONAL = frozenset(("joining_link", "download_link", "host_email", "cohost_emails", "speaker_emails"))
CUSTOM = "custom:"


def is_own_header(names: Collection[str]) -> bool:
    """Whether column names are of a file that this program has written."""
    plain = frozenset(name for name in names if not name.startswith(CUSTOM)) - _OPTIONAL
    return plain.issuperset(FIRST_RESULT_COLUMNS) or plain in _OWN_HEADERS


# Squeezed names of columns that hold a whole name.
FULL_NAMES = frozenset(_words(_DATA["other"]["whole_names"]))

_FIELD_OF: dict[str, str] = {
    word: name for name, words in _DATA["columns"].items() for word in (squeezed(name), *_words(words))
}
_ATTENDANCE: dict[str, str] = {word: kind for kind, words in _DATA["attendance"].items() for word in _words(words)}
_SALUTATIONS = frozenset(_words(_DATA["other"]["salutations"]))
# Parts of the names of columns that say who comes, or ask it; whole names of those in which a yes means that somebody
# does not; and how a cell begins, or what it is as a whole, that says no.
_SAYS, _ASKS = tuple(_words(_DATA["coming"]["says"])), tuple(_words(_DATA["coming"]["asks"]))
_DENIES = frozenset(_words(_DATA["coming"]["denies"]))
_DECLINED = tuple(_words(_DATA["coming"]["declined"]))
_NO = frozenset((*_words(_DATA["coming"]["no"]), "0"))
_REMARKS = frozenset(_words(_DATA["other"]["remarks"]))
_REMARK = re.compile(r"[(\[\uff08]([^)\]\uff09]*)[)\]\uff09]\s*$")  # also in full-width brackets


def field_for_column(column: str) -> str | None:
    """Return the field that a column's name stands for, or None."""
    if remark := _REMARK.search(column):
        before, within = column[: remark.start()], squeezed(remark[1])
        if within in _REMARKS:
            column = before
        elif squeezed(before) in FULL_NAMES and _FIELD_OF.get(within) in ("first_name", "last_name"):
            return _FIELD_OF[within]  # "Name (First)"
    return _FIELD_OF.get(squeezed(column))


def parse_attendance(text: str) -> str:
    """Return Airmeet's word (``VIRTUAL``, ``IN-PERSON``) for what people write; anything else as it is."""
    return _ATTENDANCE.get(squeezed(text), text)


def is_salutation(text: str) -> bool:
    """Say whether a cell is a form of address ("Mr", "Frau Dr.") and no job title."""
    return squeezed(text) in _SALUTATIONS or all(squeezed(word) in _SALUTATIONS for word in text.split())


def kind_of_status(column: str) -> str:
    """Return what a yes in a column means, by its name: ``coming``, ``not coming``, or nothing for other columns.

    ``status`` is a column of words, in which a yes or a no means nothing.
    """
    name = squeezed(column)
    if name in _DENIES:
        return "not coming"
    if any(word in name for word in _ASKS):
        return "coming"
    return "status" if any(word in name for word in _SAYS) else ""


@lru_cache(maxsize=4096)
def says_not_coming(kind: str, text: str) -> bool:
    """Whether a cell of such a column says that somebody does not come."""
    word = squeezed(text)
    if kind == "not coming":
        return bool(word) and word not in _NO
    return word.startswith(_DECLINED) or (kind == "coming" and word in _NO)


# What ``--preset`` takes; ``none`` reads a file as any other.
PresetName = Literal["luma", "eventbrite", "zoom", "hubspot", "salesforce", "none"]


@frozen(kw_only=True)
class Preset:
    """How one tool writes its lists.

    Attributes:
        name: What is typed.
        title: What it is called.
        marks: Sets of columns; a header with all of one set is an export of this tool and of no other.
        fields: Columns of each field, the best first.
        status: The column that says whether somebody comes, in the languages of the export.
        coming: What it says of those who do. An empty cell says nothing against anybody.
    """

    name: str
    title: str
    marks: Sequence[Sequence[str]]
    fields: Mapping[str, Sequence[str]]
    status: tuple[str, ...] = field(default=(), converter=tuple)
    coming: frozenset[str] = field(default=frozenset(), converter=frozenset)

    def fits(self, header: Collection[str]) -> bool:
        """Whether a header, squeezed, is unmistakably this tool's."""
        return any({squeezed(mark) for mark in marks}.issubset(header) for marks in self.marks)

    def comes(self, status: str) -> bool:
        """Whether somebody with this status comes."""
        return not status or " ".join(status.split()).casefold() in self.coming


PRESETS = {name: Preset(name=name, **facts) for name, facts in _DATA["exports"].items()}


def choose(name: str | None, header: Sequence[str]) -> Preset | None:
    """Return the preset of that name; without one, the only one that the header unmistakably is of.

    Raises:
        ConfigError: There is no such preset.
    """
    if name is not None and name != "none":
        if name not in PRESETS:
            raise ConfigError(f"unknown preset {name!r:.40}; use one of {', '.join(PRESETS)} or none")
        return PRESETS[name]
    names = frozenset(map(squeezed, header))
    fitting = [preset for preset in PRESETS.values() if preset.fits(names)] if name is None else []
    return fitting[0] if len(fitting) == 1 else None
