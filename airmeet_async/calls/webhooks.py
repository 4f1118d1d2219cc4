"""Webhooks: tell Airmeet where to send what happens. These go by the key pair itself, without a token (A).

What arrives is read with `airmeet_async.parse_webhook`.
"""

from urllib.parse import urlsplit

from airmeet_async.errors import InvalidInputError
from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import Id, check_id
from airmeet_async.protocol.call import Call, Retry
from airmeet_async.protocol.endpoints import WEBHOOKS_DEREGISTER, WEBHOOKS_LIST, WEBHOOKS_REGISTER, WEBHOOKS_SAMPLE
from airmeet_async.protocol.models import Webhook, WebhookReceipt

# Triggers that concern one event, which must be named (A).
_OF_AN_EVENT = frozenset({
    "trigger.airmeet.registrant.added",
    "trigger.airmeet.attendee.joined",
    "trigger.session.attendee.joined",
    "trigger.airmeet.polls",
})  # fmt: skip


def register_webhook(
    trigger: str,
    url: str,
    *,
    name: str,
    description: str = "",
    platform_name: str = "airmeet-async",
    airmeet_id: Id | None = None,
    session_id: Id | None = None,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[WebhookReceipt]:
    """Register a webhook (A).

    Args:
        trigger: Such as ``trigger.airmeet.registrant.added``.
        url: Where Airmeet is to send, an https address.
        name: Tied to the trigger (A); Airmeet's own connector uses words such as ``REGISTRANT_ADDED`` (B).
        description: Free text.
        platform_name: Who registers it.
        airmeet_id: The event, for triggers that concern one.
        session_id: The session, for ``trigger.session.attendee.joined``.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: An argument is missing or not usable.
        AmbiguousOutcomeError: There was no clear answer; a repeat could register it twice.
    """
    if urlsplit(url).scheme != "https":
        raise InvalidInputError("url must be an https URL that Airmeet can reach", field="url", code="invalid_url")
    if trigger in _OF_AN_EVENT and airmeet_id is None:
        raise InvalidInputError(
            f"{trigger} concerns one event; give airmeet_id", field="airmeet_id", code="missing_field"
        )
    if trigger == "trigger.session.attendee.joined" and session_id is None:
        raise InvalidInputError(
            f"{trigger} concerns one session; give session_id", field="session_id", code="missing_field"
        )
    query = {} if airmeet_id is None else {"airmeetId": check_id(airmeet_id, "airmeet_id")}
    if session_id is not None:
        query["sessionId"] = check_id(session_id, "session_id")
    body = {
        "name": validation.require_text(name, "name"),
        "description": description,
        "triggerMetaInfoId": validation.require_text(trigger, "trigger"),
        "url": url,
        "platformName": platform_name,
    }
    return Call(WEBHOOKS_REGISTER, query=query, body=body).with_limits(retry, timeout)


def deregister_webhook(
    trigger: str, url: str, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[WebhookReceipt]:
    """Remove a webhook. No accessible documentation of the method and the body of this request (B for DELETE).

    Args:
        trigger: As registered.
        url: As registered.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        RejectedError: Airmeet does not know it.
    """
    body = {"triggerMetaInfoId": validation.require_text(trigger, "trigger"), "url": url}
    return Call(WEBHOOKS_DEREGISTER, body=body).with_limits(retry, timeout)


def list_webhooks(
    *, airmeet_id: Id | None = None, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Webhook, ...]]:
    """List registered webhooks (D).

    Args:
        airmeet_id: Only those of this event.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.
    """
    query = {"airmeetId": check_id(airmeet_id, "airmeet_id")} if airmeet_id is not None else {}
    return Call(WEBHOOKS_LIST, query=query).with_limits(retry, timeout)


def get_webhook_sample(
    trigger: str, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[WebhookReceipt]:
    """Show what a trigger sends (C).

    Args:
        trigger: Such as ``trigger.airmeet.registrant.added``.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.
    """
    return Call(WEBHOOKS_SAMPLE, query={"triggerMetaInfoId": validation.require_text(trigger, "trigger")}).with_limits(
        retry, timeout
    )
