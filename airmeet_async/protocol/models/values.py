"""What all models of answers share: the names of their fields on the wire, members we do not know, and times."""

import re
from datetime import UTC, datetime
from typing import Any

from attrs import field

from airmeet_async.protocol.value_class import value


def wire(*names: str) -> dict[str, Any]:
    """Return attrs metadata: the names under which a field may arrive, the likeliest first."""
    return {"wire": names}


@value
class Answer:
    """An answer of the API, or an object within one.

    Attributes:
        extra: The members that the model does not know, by their names on the wire.
    """

    extra: dict[str, Any] = field(factory=dict, repr=False, kw_only=True)


_COLON_DATE = re.compile(r"^(\d{4}):(\d{2}):(\d{2})(?=[T ])")


@value
class Moment:
    """A time from an answer. The raw text is kept, because some documented samples are not valid dates (C).

    Attributes:
        text: What Airmeet sent.
    """

    text: str

    @property
    def at(self) -> datetime | None:
        """The same as an aware datetime (UTC where no zone is given), or None where it cannot be read.

        It is read leniently: ISO 8601, and the ``2021:12:25T…`` of the documentation's own sample (C); and only when
        it is asked for, since most times of a long list are just written down again.
        """
        try:
            at = datetime.fromisoformat(_COLON_DATE.sub(r"\1-\2-\3", self.text.strip()))
        except ValueError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """Return the moment of a text, whatever it says."""
        return cls(text)

    def __str__(self) -> str:
        return self.text
