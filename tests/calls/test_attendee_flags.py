"""Whether people are mailed is said by True or False, and by nothing that only looks like it."""

from typing import Any

import pytest

from airmeet_async import Attendee, InvalidInputError, calls
from tests.support.worlds import EVENT, client_of, transport_of


@pytest.mark.parametrize("odd", ["no", "false", None, 0, 1])
@pytest.mark.parametrize("name", ["send_email_invite", "register_attendee"])
async def test_a_flag_is_true_or_false(odd: Any, name: str) -> None:
    """Airmeet might take any text for yes, and mail everybody."""
    flags = {"send_email_invite": False, "register_attendee": False, name: odd}
    with pytest.raises(InvalidInputError, match=f"{name} must be True or False"):
        calls.add_attendee(EVENT, Attendee("a@example.com", "Ada", "Ay"), **flags)
    async with client_of(transport_of()) as client:
        with pytest.raises(InvalidInputError, match=f"{name} must be True or False"):
            await client.bulk.add_attendees(EVENT, [], **flags)


def test_nobody_is_mailed_without_a_word() -> None:
    """Airmeet's own default mails, so there is none here: for one person as for many."""
    with pytest.raises(TypeError, match="send_email_invite"):
        calls.add_attendee(EVENT, Attendee("a@example.com", "Ada", "Ay"))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="send_email_invite"):
        client_of(transport_of()).attendees.add(EVENT, Attendee("a@example.com", "Ada", "Ay"))  # type: ignore[call-arg, unused-coroutine]
