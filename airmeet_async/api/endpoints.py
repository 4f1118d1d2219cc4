"""The API on one page: one row per operation, with where its facts come from.

Everything that speaks to Airmeet reads this table: the calls, the client's
namespaces, the bulk engine, the documentation and the tests, which compare it
with ``tests/contract``.
"""

from operator import attrgetter
from typing import Any, Final

from airmeet_async.api.call import Auth, Endpoint, Paging
from airmeet_async.api.models import Access, Acknowledgement, Airmeet, AirmeetInfo, AuthToken, CustomField
from airmeet_async.api.paging import Page


def _token(document: Any) -> Any:
    """Flat in production (B, C); under ``data`` in the help article (A)."""
    if isinstance(document, dict) and "token" not in document and isinstance(document.get("data"), dict):
        return document["data"]
    return document


def _under_data(document: Any) -> Any:
    """A bare list instead of ``{"data": …}`` was met once (C)."""
    return {"data": document} if isinstance(document, list) else document


def _custom_fields(document: Any) -> Any:
    """``{"customFields": …}`` (B), null for an event that has none."""
    if isinstance(document, dict) and "customFields" in document:
        return [] if document["customFields"] is None else document["customFields"]
    return document


_FOLD = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(email: str) -> str:
    """Return *email* for comparison. Only ASCII is folded: Unicode folding merges different people."""
    return email.translate(_FOLD)


def _same_person(body: Any, access: Any) -> str | None:
    """An answer about somebody else would hand out that person's link."""
    if fold(access.email) != fold(body["email"]):
        return "the answer is about another e-mail address than the one that was added"
    if not access.entry_link.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        return "the answer's entry link is not an https address"
    return None


def _did_succeed(_body: Any, answer: Any) -> str | None:
    return None if answer.success else "the answer does not say success"


AUTH: Final[Endpoint[AuthToken]] = Endpoint(
    "auth", "POST", "/auth", AuthToken, "A: help, Manage Registrations 3.2", auth=Auth.KEYS, unwrap=_token
)

ATTENDEES_ADD: Final[Endpoint[Access]] = Endpoint(
    "attendees.add", "POST", "/airmeet/{airmeet_id}/attendee", Access,
    "A: help, Manage Registrations 4.1 and 4.2: replaying changes nothing", verify=_same_person,
)  # fmt: skip
ATTENDEES_BLOCK: Final[Endpoint[Acknowledgement]] = Endpoint(
    "attendees.block", "PUT", "/airmeet/{airmeet_id}/attendee/block", Acknowledgement,
    "A: help, Manage Registrations 4.3", verify=_did_succeed,
)  # fmt: skip
ATTENDEES_UNBLOCK: Final[Endpoint[Acknowledgement]] = Endpoint(
    "attendees.unblock", "PUT", "/airmeet/{airmeet_id}/attendee/unblock", Acknowledgement,
    "A: help, Manage Registrations 4.4", verify=_did_succeed,
)  # fmt: skip
CUSTOM_FIELDS_LIST: Final[Endpoint[tuple[CustomField, ...]]] = Endpoint(
    "custom_fields.list", "GET", "/airmeet/{airmeet_id}/custom-fields", tuple[CustomField, ...],
    "B: Airmeet's connector", unwrap=_custom_fields,
)  # fmt: skip
AIRMEETS_LIST: Final[Endpoint[Page[Airmeet]]] = Endpoint(
    "airmeets.list", "GET", "/airmeets", Airmeet, "A: help, List Airmeets",
    paging=Paging.CURSOR, max_size=500, unwrap=_under_data, identity=attrgetter("uid"),
)  # fmt: skip
AIRMEETS_INFO: Final[Endpoint[AirmeetInfo]] = Endpoint(
    "airmeets.info", "GET", "/airmeet/{airmeet_id}/info", AirmeetInfo, "B, C: no envelope"
)

ENDPOINTS: Final[dict[str, Endpoint[Any]]] = {
    endpoint.name: endpoint
    for endpoint in (
        AUTH,
        AIRMEETS_LIST,
        AIRMEETS_INFO,
        ATTENDEES_ADD,
        ATTENDEES_BLOCK,
        ATTENDEES_UNBLOCK,
        CUSTOM_FIELDS_LIST,
    )
}
"""All rows by name."""
