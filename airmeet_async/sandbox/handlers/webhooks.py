"""Webhooks: kept and listed, never called."""

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Json
from airmeet_async.sandbox.forms import WHICH_WEBHOOK
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import InvalidError, Refusal, ok
from airmeet_async.sandbox.webhook_payloads import EVENT_TRIGGERS, NAMES, SAMPLES, SESSION_TRIGGERS


def register(request: IncomingRequest) -> Reply:
    """Keep a webhook, another one at each request."""
    given, query = request.given(), request.query
    trigger = given["triggerMetaInfoId"]
    if trigger in EVENT_TRIGGERS and "airmeetId" not in query:  # A
        raise InvalidError(f"airmeetId is mandatory for {trigger}")
    if trigger in SESSION_TRIGGERS and "sessionId" not in query:  # A
        raise InvalidError(f"sessionId is mandatory for {trigger}")
    if "airmeetId" in query:
        event = request.find_event(query["airmeetId"])
        if "sessionId" in query and all(row["sessionid"] != query["sessionId"] for row in event.sessions):
            raise request.no_such_part("Session")
    if request.switches.webhook_names_enforced and given["name"] != NAMES.get(trigger, given["name"]):
        raise InvalidError(f"The name for {trigger} is {NAMES[trigger]}")
    place = {name: query[name] for name in ("airmeetId", "sessionId") if name in query}
    uid = request.state.new_uid()
    request.state.webhooks[uid] = (request.community, given | place)
    return _success(payload=_row(uid, given | place))


def deregister(request: IncomingRequest) -> Reply:
    """Forget the webhooks that all given facts fit; the request is not known, so query and body will do."""
    names = WHICH_WEBHOOK.at_least_one
    in_query = {name: value for name, value in request.query.items() if name in names and value}
    facts = in_query or request.given()
    found = [row["id"] for row in _own(request) if facts.items() <= row.items()]
    status = request.switches.unknown_webhook_status
    if not found and status != 200:
        raise Refusal(status, "Webhook not found")
    for uid in found:
        del request.state.webhooks[uid]
    return _success()


def list_webhooks(request: IncomingRequest) -> Reply:
    """List the webhooks of the community, or of one of its events."""
    place = request.query.get("airmeetId")
    if place is not None:
        request.find_event(place)
    rows = [row for row in _own(request) if place is None or row.get("airmeetId") == place]
    return _success(**{"payload" if request.switches.webhooks_in_payload else "webhookDTOList": rows})


def sample_payload(request: IncomingRequest) -> Reply:
    """Show what a trigger sends."""
    return _success(payload=SAMPLES[request.query["triggerMetaInfoId"]])


def _success(**body: object) -> Reply:
    return ok(statusCode="2000", statusMessage="SUCCESS", **body)  # a string, and 2000 is success (A)


def _own(request: IncomingRequest) -> list[Json]:
    hooks = request.state.webhooks.items()
    return [_row(uid, facts) for uid, (community, facts) in hooks if community == request.community]


def _row(uid: str, facts: Json) -> Json:
    texts = dict.fromkeys(("name", "description", "triggerMetaInfoId", "url", "platformName"), "")
    return {"id": uid, **texts, **facts}
