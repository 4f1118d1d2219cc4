"""From a verdict to the error that a caller sees: which class, and which sentence."""

from collections.abc import Callable
from typing import Any

from airmeet_async.errors import (
    AirmeetError,
    AmbiguousOutcomeError,
    CredentialsError,
    DecodeError,
    NoReplyError,
    NotFoundError,
    NotReadyError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ReplyError,
    ServerError,
    TokenRejectedError,
    TransportError,
)
from airmeet_async.protocol.call import Auth, Call
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import Tries, waited_for_ready

_WRONG_KEYS = (
    "Airmeet refused the access key or the secret key ({status}). Check AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY, "
    "and that AIRMEET_REGION is the region of your community"
)
_REVOKED_KEYS = (
    "Airmeet says these keys are revoked (403). Generate a new pair in the community dashboard under "
    "Integrations, API Access Key"
)
_NO_AUTH = "there is no sign-in at this address (404): check AIRMEET_URI or base_url, which ends in /prod"
_REDIRECT = (
    "Airmeet answered with a redirect ({status}), which is not followed because it would carry the token away: check "
    "AIRMEET_URI or base_url, and any proxy or sign-in page in between"
)
_SENTENCES: dict[int, str] = {
    401: "the keys have no right on this event (401): it belongs to another community, or to another region",
    404: "Airmeet does not know this id (404): check the event's id, and that AIRMEET_REGION is its region",
    412: "Airmeet refuses even tokens that it has just issued (412)",
    429: "Airmeet asks to slow down (429); choose a lower rate",
}
_NOT_FINISHED = "; this list exists once the session, or the event, is FINISHED"
_CLASSES: dict[int, type[ReplyError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    412: TokenRejectedError,
    408: ServerError,
}


def error_for(call: Call[Any], verdict: Verdict, tries: Tries) -> AirmeetError:
    """Return the error that says what became of *call*."""
    if verdict.kind is Kind.AMBIGUOUS and not call.endpoint.repeatable:
        return _ambiguous(call, verdict)
    if verdict.status is None:
        return _no_answer(verdict, tries)
    if verdict.code == "unusable_answer":
        return _not_understood(call, verdict)
    if verdict.kind is Kind.NOT_READY:
        return _not_ready(call, tries)
    by_keys = call.endpoint.auth is Auth.KEYS or (call.endpoint.auth is Auth.RAW_KEYS and verdict.status in {401, 403})
    return _credentials(call, verdict, tries) if by_keys else _refused(call, verdict, tries)


def _not_ready(call: Call[Any], tries: Tries) -> AirmeetError:
    waited = waited_for_ready(tries.not_ready - 1)
    if call.ready_within is not None:
        waited = min(waited, call.ready_within)
    message = f"{call.endpoint.name}: Airmeet is still preparing this report after {waited:g} s; ask again in 5 minutes"
    return NotReadyError(message, deadline=waited)


def _ambiguous(call: Call[Any], verdict: Verdict) -> AirmeetError:
    message = (
        f"{call.endpoint.name} may or may not have been carried out ({_cause(verdict)}), and repeating it could do it "
        "twice: look in the dashboard first"
    )
    return AmbiguousOutcomeError(message, operation=call.endpoint.name, status=verdict.status)


def _not_understood(call: Call[Any], verdict: Verdict) -> AirmeetError:
    path = verdict.cause.path if isinstance(verdict.cause, DecodeError) else ""
    return DecodeError(f"{call.endpoint.name}: {verdict.message}", path=path, operation=call.endpoint.name)


def _no_answer(verdict: Verdict, tries: Tries) -> AirmeetError:
    facts = {}
    if isinstance(verdict.cause, TransportError):
        facts = {"reason": verdict.cause.reason, "host": verdict.cause.host}
    if verdict.kind is Kind.NOT_SENT:
        return NotSentError(verdict.message, attempts=max(tries.not_sent, 1), **facts)
    return NoReplyError(verdict.message, attempts=max(tries.sent, 1), **facts)


def _credentials(call: Call[Any], verdict: Verdict, tries: Tries) -> AirmeetError:
    assert verdict.status is not None  # noqa: S101 - for the type checker; error_for looked
    if verdict.status == 403:
        return CredentialsError(_REVOKED_KEYS, **_facts(call, verdict, tries))
    if verdict.status in {400, 401}:
        return CredentialsError(_WRONG_KEYS.format(status=verdict.status), **_facts(call, verdict, tries))
    return _refused(call, verdict, tries)


def _refused(call: Call[Any], verdict: Verdict, tries: Tries) -> AirmeetError:
    status = verdict.status or 0
    sentence = _sentence(call, status)
    message = f"{sentence}: {verdict.message}" if verdict.message else sentence
    if call.endpoint.prepares and "status is not valid" in verdict.message:
        message += _NOT_FINISHED
    facts = _facts(call, verdict, tries)
    if status == 429:
        return RateLimitedError(message, retry_after=verdict.retry_after, **facts)
    return _class_of(status)(message, **facts)


def _sentence(call: Call[Any], status: int) -> str:
    if status == 404 and call.endpoint.auth is Auth.KEYS:
        return _NO_AUTH
    if 300 <= status < 400:
        return _REDIRECT.format(status=status)
    return _SENTENCES.get(status) or f"{call.endpoint.name} failed with status {status}"


def _class_of(status: int) -> Callable[..., ReplyError]:
    if status in _CLASSES:
        return _CLASSES[status]
    if status >= 500:
        return ServerError
    return RedirectError if 300 <= status < 400 else RejectedError


def _facts(call: Call[Any], verdict: Verdict, tries: Tries) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "reason": verdict.message,
        "operation": call.endpoint.name,
        "attempts": max(tries.sent, 1),
    }


def _cause(verdict: Verdict) -> str:
    return f"status {verdict.status}" if verdict.status else verdict.message
