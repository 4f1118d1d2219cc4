"""Webhooks: what is registered. What they deliver is in `airmeet_async.webhooks`."""

from typing import Any

from attrs import field, frozen

from airmeet_async.api.models.names import wire


@frozen
class Webhook:
    """One registered webhook. The members are known from third parties only (D)."""

    id: Any = field(default=None, metadata=wire("id", "webhookId", "uuid"))
    name: str | None = None
    description: str | None = None
    url: str | None = field(default=None, repr=False)
    trigger: str | None = field(default=None, metadata=wire("triggerMetaInfoId", "trigger"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class WebhookReceipt:
    """The webhook service's answer: its ``statusCode`` is a text, and "2000" is its success (A)."""

    status_code: Any = field(default=None, metadata=wire("statusCode"))
    status_message: str | None = field(default=None, metadata=wire("statusMessage"))
    payload: Any = field(default=None, repr=False)
    extra: dict[str, Any] = field(factory=dict, repr=False)
