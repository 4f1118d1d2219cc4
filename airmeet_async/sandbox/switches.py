"""The choices a pretend Airmeet has to make, each one switchable.

Airmeet's help text leaves much unsaid. Wherever it does, the sandbox picks an
answer, and a client that is meant to last must work under the other answers too.
"""

from typing import Literal

from attrs import field, frozen
from attrs.validators import gt

DAY_S = 86_400.0

ErrorShape = Literal["status", "message", "success", "error", "text", "empty"]
PastTheEnd = Literal["empty", "repeat", "error"]


@frozen(kw_only=True)
class Switches:
    """How the sandbox behaves where Airmeet's behaviour is unknown or told in two ways.

    Attributes:
        auth_envelope: /auth answers ``{"success", "data": {"label", "token"}}`` as documented (A),
            instead of the flat body that clients in production read (B, C).
        token_lifetime_s: Seconds a token is good for; 30 days are documented (A).
        reauth_kills_old: A new token ends the earlier ones of the same key pair.
        demand_content_type: A write without ``Content-Type: application/json`` is refused (A: all calls expect it).
        foreign_event_status: Status for an event of another community; 401 is documented (A).
        unknown_event_status: Status for an event that does not exist; 404 is documented (A), 401 would hide it.
        error_shape: Body of a refusal: ``status`` is ``{"statusCode", "statusMessage", "data"}`` (C), ``message``,
            ``success`` and ``error`` are the other JSON shapes seen (D), ``text`` and ``empty`` are no JSON at all.
        validation_status: HTTP status of a refused payload; 200 leaves the 400 to the body alone.
        quota_status: Status of a registration beyond the quota.
        replay_unblocks: Adding a blocked person again lets them in again (A, though unblock exists).
        replay_mails: Adding a person again sends the invitation again if it is asked for.
        fold_email_case: Addresses that differ in ASCII case only are one person.
        dots_inside_limit: The three dots of a cut text count within its 70 characters.
        dots_on_names: First and last names get the dots as well, not only the longer fields.
        required_fields_enforced: An add must fill the event's required custom fields.
        unknown_attendee_status: Status for blocking or unblocking somebody who was never added; 200 is a silent yes.
        newest_first: The event list runs from the newest to the oldest.
        clamp_size: A page size over the maximum is cut to it, instead of refused.
        after_on_last_page: The last page still has an ``after`` cursor (C), instead of null.
        past_the_end: What the page after the last one holds: nothing, the last page again, or an error.
        page_count_is_left: ``pageCount`` counts the pages from this one on, instead of all.
    """

    auth_envelope: bool = False
    token_lifetime_s: float = field(default=30 * DAY_S, validator=gt(0))
    reauth_kills_old: bool = False
    demand_content_type: bool = True
    foreign_event_status: int = 401
    unknown_event_status: int = 404
    error_shape: ErrorShape = "status"
    validation_status: int = 400
    quota_status: int = 400
    replay_unblocks: bool = True
    replay_mails: bool = False
    fold_email_case: bool = True
    dots_inside_limit: bool = True
    dots_on_names: bool = False
    required_fields_enforced: bool = False
    unknown_attendee_status: int = 400
    newest_first: bool = False
    clamp_size: bool = True
    after_on_last_page: bool = True
    past_the_end: PastTheEnd = "empty"
    page_count_is_left: bool = False
