"""Webhooks: kept and listed, never called."""

from typing import Final

from airmeet_async.api.wire import Reply

from ..asked import Asked, check_event
from ..forms import WHICH_WEBHOOK
from ..payloads import NAMES, OF_A_SESSION, OF_AN_EVENT, SAMPLES
from ..replies import InvalidError, Refusal, ok
from ..state import Json, Webhook

_WHICH: Final = WHICH_WEBHOOK.one_of


def register(asked: Asked) -> Reply:
    """Keep a webhook, another one at each request."""
    given, query = asked.given(), asked.query
    trigger = given["triggerMetaInfoId"]
    _check_place(asked, trigger, query)
    if asked.switches.webhook_names_enforced and given["name"] != NAMES.get(trigger, given["name"]):
        raise InvalidError(f"The name for {trigger} is {NAMES[trigger]}")
    place = {name: query[name] for name in ("airmeetId", "sessionId") if name in query}
    hook = Webhook(uid=asked.state.new_uid(), community=asked.community, facts=given | place)
    asked.state.webhooks[hook.uid] = hook
    return _done(payload=_row(hook))


def _check_place(asked: Asked, trigger: str, query: dict[str, str]) -> None:
    if trigger in OF_AN_EVENT and "airmeetId" not in query:  # A
        raise InvalidError(f"airmeetId is mandatory for {trigger}")
    if trigger in OF_A_SESSION and "sessionId" not in query:  # A
        raise InvalidError(f"sessionId is mandatory for {trigger}")
    if "airmeetId" not in query:
        return
    event = check_event(asked, query["airmeetId"])
    if "sessionId" in query and all(row["sessionid"] != query["sessionId"] for row in event.sessions):
        raise asked.no_such_part("Session")


def deregister(asked: Asked) -> Reply:
    """Forget the webhooks that all given facts fit; the request is not known, so query and body will do."""
    in_query = {name: value for name, value in asked.query.items() if name in _WHICH and value}
    facts = in_query or asked.given()
    found = [hook for hook in _own(asked) if facts.items() <= _row(hook).items()]
    status = asked.switches.unknown_webhook_status
    if not found and status != 200:
        raise Refusal(status, "Webhook not found")
    for hook in found:
        del asked.state.webhooks[hook.uid]
    return _done()


def list_hooks(asked: Asked) -> Reply:
    """List the webhooks of the community, or of one of its events."""
    place = asked.query.get("airmeetId")
    if place is not None:
        check_event(asked, place)
    rows = [_row(hook) for hook in _own(asked) if place is None or hook.facts.get("airmeetId") == place]
    if asked.switches.webhooks_in_payload:
        return _done(payload=rows)
    return _done(webhookDTOList=rows)


def sample_payload(asked: Asked) -> Reply:
    """Show what a trigger sends."""
    return _done(payload=SAMPLES[asked.query["triggerMetaInfoId"]])


def _done(**body: object) -> Reply:
    return ok(statusCode="2000", statusMessage="SUCCESS", **body)  # a string, and 2000 is success (A)


def _own(asked: Asked) -> list[Webhook]:
    return [hook for hook in asked.state.webhooks.values() if hook.community == asked.community]


def _row(hook: Webhook) -> Json:
    texts = dict.fromkeys(("name", "description", "triggerMetaInfoId", "url", "platformName"), "")
    return {"id": hook.uid, **texts, **hook.facts}
