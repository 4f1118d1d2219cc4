"""From a verdict to the error that a caller sees: which class, and which sentence."""

from typing import Any

from airmeet_async import errors
from airmeet_async.protocol.call import Auth, Call
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import Tries, waited_for_ready

_WRONG_KEYS = (
    "Airmeet refused the access key or the secret key ({status}): check AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY, "
    "and that AIRMEET_REGION is the region of your community"
)
_REVOKED_KEYS = (
    "these keys are revoked (403): generate a new pair in the community dashboard under Integrations, API Access Key"
)
_NO_AUTH = "this address has no Airmeet sign-in (404): check AIRMEET_URI or base_url, which must end in /prod"
_REDIRECT = (
    "Airmeet replied with a redirect ({status}), which is not followed because it could leak the token: check "
    "AIRMEET_URI or base_url, and any proxy or sign-in page in between"
)
_NO_PART = (
    "Airmeet does not know this person, session or booth, or the event (404): check the address and the ids, and that "
    "AIRMEET_REGION is the event's region"
)
_SENTENCES: dict[int, str] = {
    401: "these keys have no access to this event (401): it belongs to another community or region",
    403: "these keys may not do this (403)",
    404: "Airmeet does not know this id (404): check the event id, and that AIRMEET_REGION is its region",
    412: "Airmeet refuses tokens that it has just issued (412)",
    429: "Airmeet's rate limit was exceeded (429)",
}
_NOT_FINISHED = "; this list is available once the session or event is FINISHED"
_CLASSES: dict[int, type[errors.ReplyError]] = {
    401: errors.PermissionDeniedError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    429: errors.RateLimitedError,
    412: errors.TokenRejectedError,
    408: errors.ServerError,
}


def error_for(call: Call[Any], verdict: Verdict, tries: Tries) -> errors.AirmeetError:
    """Return the error that says what became of *call*."""
    name, status, auth = call.endpoint.name, verdict.status, call.endpoint.auth
    facts: dict[str, Any]
    if verdict.kind is Kind.AMBIGUOUS and not call.endpoint.repeatable:
        cause = f"status {status}" if status else verdict.message
        message = (
            f"{name} may have been carried out ({cause}), and repeating it could do it twice: check the dashboard first"
        )
        return errors.AmbiguousOutcomeError(message, operation=name, status=status)
    if status is None:
        facts = {}
        if isinstance(verdict.cause, errors.TransportError):
            facts = {"reason": verdict.cause.reason, "host": verdict.cause.host}
        if verdict.kind is Kind.NOT_SENT:
            return errors.NotSentError(verdict.message, attempts=max(tries.not_sent, 1), **facts)
        return errors.NoReplyError(verdict.message, attempts=max(tries.sent, 1), **facts)
    if isinstance(verdict.cause, errors.IncompleteListError):
        return verdict.cause.again()
    if verdict.code == "unusable_answer":
        path = verdict.cause.path if isinstance(verdict.cause, errors.DecodeError) else ""
        return errors.DecodeError(f"{name}: {verdict.message}", path=path, operation=name)
    if verdict.kind is Kind.NOT_READY:
        waited = waited_for_ready(tries.not_ready - 1)  # nobody waits after the last answer
        if call.ready_within is not None:
            waited = min(waited, call.ready_within)
        message = f"{name}: Airmeet is still preparing this list after {waited:g} s; try again in 5 minutes"
        return errors.NotReadyError(message, deadline=waited)
    facts = {"status": status, "reason": verdict.message, "operation": name, "attempts": max(tries.sent, 1)}
    facts["retry_after"] = verdict.retry_after
    if auth is Auth.KEYS or (auth is Auth.RAW_KEYS and status in {401, 403}):
        if status == 403:
            return errors.CredentialsError(_REVOKED_KEYS, **facts)
        if status in {400, 401}:
            return errors.CredentialsError(_WRONG_KEYS.format(status=status), **facts)
    if status == 404 and auth is Auth.KEYS:
        sentence = _NO_AUTH
    elif status == 404 and call.endpoint.names_part:
        sentence = _NO_PART
    elif 300 <= status < 400:
        sentence = _REDIRECT.format(status=status)
    elif status >= 500 or status == 408:
        sentence = f"Airmeet could not handle this request ({status})"
    else:
        sentence = _SENTENCES.get(status) or f"Airmeet refused this request ({status})"
    if verdict.retry_after:
        sentence += f", and asks to wait for {verdict.retry_after:g} s"
    message = f"{sentence}: {verdict.message}" if verdict.message else sentence
    if call.endpoint.prepares and "status is not valid" in verdict.message:
        message += _NOT_FINISHED
    cls = errors.ServerError if status >= 500 else errors.RedirectError if 300 <= status < 400 else errors.RejectedError
    return _CLASSES.get(status, cls)(message, **facts)
