"""Small answers: a token, a way in, a yes."""

from typing import Any

from attrs import field, frozen

from airmeet_async.api.models.names import wire
from airmeet_async.api.secret import Secret
from airmeet_async.api.value import value


@frozen
class AuthToken:
    """The answer of ``POST /auth``. Flat in production (B, C), under ``data`` in the help article (A).

    Attributes:
        token: Good for 30 days (A).
        community_id: The community the keys belong to, where the answer says so (C).
    """

    token: Secret
    community_id: str | None = field(default=None, metadata=wire("communityId"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Access:
    """A person's way into an event: the answer to adding an attendee (A).

    Attributes:
        email: Whom the link belongs to.
        entry_link: The personal link. Whoever holds it enters as that person, so it is not shown in the repr.
    """

    email: str
    entry_link: str = field(metadata=wire("entryLink"), repr=False)
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Acknowledgement:
    """``{"success": true}`` (A)."""

    success: bool
    message: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)
