"""Classes of outcome: `judge` turns a `Reply`, or its absence, into a `Verdict`; `retry_policy` then says what to do.

Rules of this file:

1. The worse of two statuses counts: Airmeet may put ``{"statusCode": 400}`` into a 200 (C).
2. A 2xx is a success only if its body is what the operation returns. A captive portal's page, a compressed body or an
   answer about somebody else may hide that the request was applied, so it is AMBIGUOUS, not refused.
3. Whether a refusal concerns one row or the whole run (FATAL) follows from the status, and for a 404 from what the
   operation names: blocking somebody who is not in the event says nothing about the others.
4. Foreign text is cleaned before it is kept.
5. `glance` is a subset of `judge`: it knows the one reply that nearly every add gets, and a doubt makes it None.
   Where it has a value, `judge` says OK with an equal one.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

from attrs import evolve, field

from airmeet_async.errors import DecodeError, IncompleteListError, NotSentError, TransportError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.call import Auth, Call
from airmeet_async.protocol.decoding import decode
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.models import Access
from airmeet_async.protocol.redact import clean
from airmeet_async.protocol.validation import fold
from airmeet_async.protocol.value_class import value


class Kind(Enum):
    """The classes of outcome. Everything about repeating, charging and stopping follows from these."""

    OK = "ok"
    NOT_SENT = "not sent"
    """Certainly not applied: it never left."""
    THROTTLED = "throttled"
    """429: certainly not applied, and everybody should slow down."""
    EXPIRED = "expired"
    """412: certainly not applied, the token is too old."""
    NOT_READY = "not ready"
    """202: a prepared read that is still being prepared."""
    REJECTED = "rejected"
    """Understood and refused; the same request will be refused again."""
    AMBIGUOUS = "ambiguous"
    """It may have been applied: no answer, a server error, or a success that makes no sense."""
    FATAL = "fatal"
    """Refused for a reason that every other request of the job shares."""


@value
class Verdict:
    """The outcome of one attempt.

    Attributes:
        kind: The class of outcome.
        status: HTTP status, or the body's own ``statusCode`` where that is the worse one; None without an answer.
        code: A short stable word for reports.
        message: What the server or the network said, safe to show.
        retry_after: Seconds the server asked to wait.
        value: The typed reply, when the kind is OK.
        blames_token: A 400 that may be about the token (A: "the passed token is bad").
        cause: The error behind it, without its traceback, where there was one.
    """

    kind: Kind
    status: int | None = None
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    value: Any = field(default=None, repr=False)
    blames_token: bool = False
    cause: TransportError | DecodeError | IncompleteListError | None = field(default=None, repr=False, eq=False)

    @property
    def is_throttling(self) -> bool:
        """The server has more to do than it can or wants to: 429, or 503, with which some rate limiters refuse, too."""
        return self.kind is Kind.THROTTLED or (self.kind is Kind.AMBIGUOUS and self.status == 503)


_FATAL = frozenset({401, 403, 404})
_TOKEN_WORDS = re.compile(r"(?i)token|unauthori[sz]ed|authenticat")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_LONGEST_DIGITS = 9
_LONGEST_TEXT = 128 * 1024  # bytes: more than `clean` looks at, with the longest token in it
# What a success may have where its answer holds nothing: accepted, or no content.
_DONE = frozenset({200, 201, 202, 204})
_LONGEST_WORDS = 200
_loads: Callable[[bytes], Any] = json_codec.decode if json_codec.orjson is None else json_codec.orjson.loads
"""What `glance` reads with. `json_codec.decode` returns the same where all members are texts."""

_COMPRESSED = "the reply is compressed, which was not requested"


def judge(call: Call[Any], reply: Reply, secrets: Sequence[str] = ()) -> Verdict:
    """Return what *reply* means as an answer to *call*, without the *secrets* that it may repeat."""
    try:
        document = json_codec.decode(reply.body) if reply.body else None
    except ValueError as error:
        document = reply.body[:_LONGEST_WORDS].decode("utf-8", "replace")
        says_yes = call.endpoint.acknowledges and reply.status in _DONE and call.endpoint.unwrap(document) != document
        if _is_compressed(reply) or not says_yes:
            problem = _COMPRESSED if _is_compressed(reply) else f"the reply is {error}"
            return _without_json(call, reply, problem, secrets)
    status = reply.status
    if type(document) is not dict or "statusCode" in document or "success" in document or "statusUpdated" in document:
        status = _worse_status(status, document)
    # The hot path: comparisons, no set.
    if status == 200 or status == 201 or (call.endpoint.acknowledges and status in _DONE):  # noqa: PLR1714
        return _success(call, reply, document, status, secrets)
    if status < 300 and kind_of(call, status) is Kind.AMBIGUOUS:
        problem = f"status {status} is not a valid reply here: {_said(document) or 'no reason given'}"
        return _unusable(status, problem, secrets)
    return _refusal(call, reply, status, _said(document), secrets)


def glance(reply: Reply, key: str) -> Access | None:
    """Return the access that a plain success of adding *key* gives, or None: then `judge` has to say what it means.

    Args:
        reply: The reply to an add.
        key: The e-mail address that was sent, as it was sent or folded.
    """
    if reply.status != 200:
        return None
    try:
        document = _loads(reply.body)
    except ValueError:
        return None
    # Just the two documented members: thus no status of its own inside, and nothing that belongs into `extra`.
    if type(document) is not dict or len(document) != 2:
        return None
    email, link = document.get("email"), document.get("entryLink")
    if type(email) is not str or type(link) is not str or "content-encoding" in reply.headers:
        return None
    is_same_person = email == key or fold(email) == fold(key)
    is_plain = link.startswith("https://") and "@" not in link and "\\" not in link
    return Access(email, link) if is_same_person and is_plain else None


def judge_failure(error: TransportError) -> Verdict:
    """Return what a failed exchange means."""
    kind = Kind.NOT_SENT if isinstance(error, NotSentError) else Kind.AMBIGUOUS
    code = f"not_sent_{error.reason}" if kind is Kind.NOT_SENT else "no_reply"
    return Verdict(kind, code=code, message=str(error), cause=error.again())


def kind_of(call: Call[Any], status: int) -> Kind:
    """Return the class of a reply that is not a success, by its status alone."""
    for_auth = call.endpoint.auth is Auth.KEYS
    if status == 202:
        return Kind.NOT_READY if call.endpoint.method == "GET" else Kind.AMBIGUOUS
    if status == 429:
        return Kind.THROTTLED
    if status == 412 and not for_auth:
        return Kind.EXPIRED
    if status == 408 or status >= 500 or status < 300:
        return Kind.AMBIGUOUS
    if status == 404 and call.endpoint.names_part:
        return Kind.REJECTED
    return Kind.FATAL if status < 400 or status in _FATAL else Kind.REJECTED


def retry_after(reply: Reply) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or a date seen from the answer's own ``Date``.

    Fractions are against the standard, but some gateways send them; they are rounded up.
    """
    text = reply.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(math.ceil(float(text))) if len(text) <= _LONGEST_DIGITS else None
    until, now = _epoch(text), _epoch(reply.headers.get("date", "")) or reply.at
    return max(0.0, until - now) if until is not None and now else None


def _epoch(date: str) -> float | None:
    """Return an HTTP date as seconds since the epoch; one without a zone is meant as GMT."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _worse_status(status: int, document: Any) -> int:
    """Look for the status inside the body: a 200 may carry ``{"statusCode": 400}`` (C)."""
    if type(document) is not dict or not 200 <= status < 300:
        return status
    inner = document.get("statusCode")
    if type(inner) is str and inner.isascii() and inner.isdigit() and len(inner) == 3:
        inner = int(inner)
    if type(inner) is int and 100 <= inner < 600 and inner != 200:
        return inner
    if document.get("success") is False or document.get("statusUpdated") is False:
        return 400
    return 200 if inner == 200 else status


def _success(call: Call[Any], reply: Reply, document: Any, status: int, secrets: Sequence[str]) -> Verdict:
    if "content-encoding" in reply.headers and _is_compressed(reply):
        return _unusable(status, _COMPRESSED)
    try:
        value = decode(call, document)
    except DecodeError as error:
        return evolve(_unusable(status, str(error)), cause=error.again())
    except IncompleteListError as error:  # it would be no longer the next time
        return Verdict(Kind.REJECTED, status, "incomplete_list", str(error), cause=error.again())
    problem = call.endpoint.verify(call.body, value)
    return _unusable(status, problem, secrets) if problem else Verdict(Kind.OK, status, "", "", None, value)


def _is_compressed(reply: Reply) -> bool:
    return reply.headers.get("content-encoding", "identity").lower() != "identity"


def _unusable(status: int, problem: str, secrets: Sequence[str] = ()) -> Verdict:
    return Verdict(Kind.AMBIGUOUS, status, "unusable_answer", clean(problem, secrets=secrets))


def _refusal(call: Call[Any], reply: Reply, status: int, said: str, secrets: Sequence[str]) -> Verdict:
    kind = kind_of(call, status)
    verdict = Verdict(kind, status, f"http_{status}", clean(said, secrets=secrets), retry_after(reply))
    if status == 400 and call.endpoint.auth is Auth.TOKEN and (reply.status == 400 or call.endpoint.repeatable):
        return evolve(verdict, blames_token=not said or bool(_TOKEN_WORDS.search(said)))
    return verdict


def _without_json(call: Call[Any], reply: Reply, problem: str, secrets: Sequence[str]) -> Verdict:
    """A gateway or a captive portal answers in HTML or plain text; a 2xx like that is no success."""
    if reply.status in range(200, 300) and kind_of(call, reply.status) is not Kind.NOT_READY:
        return _unusable(reply.status, problem)
    text = reply.body[:_LONGEST_TEXT].decode("utf-8", "replace")
    said = "an HTML page" if text.lstrip().startswith("<") else text
    return _refusal(call, reply, reply.status, said, secrets)


def _said(document: Any) -> str:
    """Find the server's sentence in any of the error shapes that were met."""
    if isinstance(document, str):
        return document
    if not isinstance(document, dict):
        return ""
    for key in ("statusMessage", "message", "error", "error_description", "errorMessage"):
        found = document.get(key)
        if isinstance(found, dict):
            found = found.get("message")
        if isinstance(found, str) and found.strip():
            return found
    return "statusUpdated is false" if document.get("statusUpdated") is False else ""
