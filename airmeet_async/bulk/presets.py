"""Exports of other tools: which of their columns is what, and who in them is to come. Pure.

The columns are those of exports that people have published with their own code (C: seen there, not documented by the
maker, who may change them any day). A preset therefore only prefers columns: what it does not find is guessed as for
any other file.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from attrs import frozen

from airmeet_async.bulk.table_words import squeezed
from airmeet_async.errors import ConfigError

PresetName = Literal["luma", "eventbrite", "zoom", "hubspot", "salesforce", "none"]
"""What ``--preset`` takes; ``none`` reads a file as any other."""


@frozen(kw_only=True)
class Preset:
    """How one tool writes its lists.

    Attributes:
        name: What is typed.
        title: What it is called.
        marks: Sets of columns; a header with all of one set is an export of this tool and of no other.
        fields: Columns of each field, the best first.
        status: The column that says whether somebody comes.
        coming: What it says of those who do. An empty cell says nothing against anybody.
    """

    name: str
    title: str
    marks: tuple[tuple[str, ...], ...]
    fields: Mapping[str, tuple[str, ...]]
    status: str = ""
    coming: frozenset[str] = frozenset()

    def fits(self, header: Collection[str]) -> bool:
        """Whether a header, squeezed, is unmistakably this tool's."""
        return any({squeezed(mark) for mark in marks}.issubset(header) for marks in self.marks)

    def comes(self, status: str) -> bool:
        """Whether somebody with this status comes."""
        return not status or " ".join(status.split()).casefold() in self.coming


_NAMES = {"email": ("Email",), "first_name": ("First Name",), "last_name": ("Last Name", "Surname")}

PRESETS = {
    preset.name: preset
    for preset in (
        # C: guest lists begin with api_id, newer ones with guest_id; UTF-8 with a byte order mark; questions at the
        # end. The statuses are those of Luma's API: approved, pending_approval, invited, declined, waitlist, session.
        Preset(
            name="luma",
            title="Luma",
            marks=(("api_id", "approval_status"), ("guest_id", "approval_status")),
            fields={"email": ("email",), "first_name": ("first_name",), "last_name": ("last_name",)},
            status="approval_status",
            coming=frozenset({"approved"}),
        ),
        # C: the attendee report. British accounts have "Order no." and "Surname". Not Attending, Deleted and others
        # are people who have cancelled, were refunded or were taken off the list.
        Preset(
            name="eventbrite",
            title="Eventbrite",
            marks=(("Order #", "Attendee Status"), ("Order no.", "Attendee Status"), ("Order ID", "Attendee Status")),
            fields=_NAMES
            | {
                "city": ("Work City", "Home City", "City"),
                "country": ("Work Country", "Home Country", "Country"),
                "designation": ("Job Title",),
                "organisation": ("Company",),
            },
            status="Attendee Status",
            coming=frozenset({"attending", "checked in"}),
        ),
        # C: the registration and the attendee report of webinars and meetings, whose table stands below a preamble
        # that `table_reports` takes away. The statuses are approved, denied, pending approval, cancelled.
        Preset(
            name="zoom",
            title="Zoom",
            marks=(("Registration Time", "Approval Status"),),
            fields=_NAMES
            | {
                "city": ("City",),
                "country": ("Country/Region", "Country/Region Name"),
                "designation": ("Job Title",),
                "organisation": ("Organization",),
            },
            status="Approval Status",
            coming=frozenset({"approved"}),
        ),
        # C: an export of contacts. Which columns there are is the user's choice; these are the usual ones.
        Preset(
            name="hubspot",
            title="HubSpot",
            marks=(
                ("Record ID", "Contact owner"),
                ("Record ID", "Lead Status"),
                ("Record ID", "Lifecycle Stage"),
                ("Record ID - Contact",),
            ),
            fields=_NAMES
            | {
                "city": ("City",),
                "country": ("Country/Region", "Country"),
                "designation": ("Job Title",),
                "organisation": ("Company Name", "Associated Company", "Primary Associated Company"),
            },
        ),
        # C: reports of leads, contacts and campaign members; the lines below the table are taken away by
        # `table_reports`.
        Preset(
            name="salesforce",
            title="Salesforce",
            marks=(
                ("Company / Account",),
                ("Lead ID", "Lead Owner"),
                ("Lead ID", "Lead Status"),
                ("Contact ID", "Account Name"),
                ("Account Owner", "Account Name", "Mailing Country"),
            ),
            fields=_NAMES
            | {
                "city": ("Mailing City", "City"),
                "country": ("Mailing Country", "Country"),
                "designation": ("Title",),
                "organisation": ("Company / Account", "Account Name", "Company"),
            },
        ),
    )
}


def choose(name: str | None, header: Sequence[str]) -> Preset | None:
    """Return the preset of that name; without one, the only one that the header unmistakably is of.

    Raises:
        ConfigError: There is no such preset.
    """
    if name is not None and name != "none":
        if name not in PRESETS:
            message = f"there is no preset {name!r:.40}; there are {', '.join(PRESETS)}, and none"
            raise ConfigError(message)
        return PRESETS[name]
    names = frozenset(map(squeezed, header))
    fitting = [preset for preset in PRESETS.values() if preset.fits(names)] if name is None else []
    return fitting[0] if len(fitting) == 1 else None
