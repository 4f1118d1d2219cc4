"""`Moment`: a point in time as Airmeet wrote it."""

import re
from datetime import UTC, datetime

from attrs import frozen

_COLON_DATE = re.compile(r"^(\d{4}):(\d{2}):(\d{2})(?=[T ])")


@frozen
class Moment:
    """A time from an answer. The raw text is kept, because some documented samples are not valid dates (C).

    Attributes:
        text: What Airmeet sent.
        at: The same as an aware datetime (UTC where no zone is given), or None where it cannot be read.
    """

    text: str
    at: datetime | None

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """Read *text* leniently: ISO 8601, and the ``2021:12:25T…`` of the documentation's own sample (C)."""
        try:
            at = datetime.fromisoformat(_COLON_DATE.sub(r"\1-\2-\3", text.strip()))
        except ValueError:
            return cls(text, None)
        return cls(text, at if at.tzinfo else at.replace(tzinfo=UTC))

    def __str__(self) -> str:
        return self.text
