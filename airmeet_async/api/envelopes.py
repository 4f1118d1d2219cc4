"""Where in an answer the typed part is. Each takes the whole document and returns that part."""

from typing import Any

from airmeet_async.api.text import fold


def token(document: Any) -> Any:
    """Flat in production (B, C); under ``data`` in the help article (A)."""
    if isinstance(document, dict) and "token" not in document and isinstance(document.get("data"), dict):
        return document["data"]
    return document


def under_data(document: Any) -> Any:
    """A bare list instead of ``{"data": …}`` was met once (C)."""
    return {"data": document} if isinstance(document, list) else document


def listed(*names: str) -> Any:
    """Return a function that finds a list under the first of *names* that is there; null is an empty list (C)."""

    def unwrap(document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        there = [name for name in names if name in document]
        return next((document[name] for name in there if document[name] is not None), [] if there else None)

    return unwrap


def maybe_empty(document: Any) -> Any:
    """An answer whose body is not documented: nothing at all is one, too."""
    return {} if document is None else document


def hooks(document: Any) -> Any:
    """A refusal of the webhook service has a code of its own in a 200; it must not pass for "none registered"."""
    code = document.get("statusCode") if isinstance(document, dict) else None
    if code is not None and not str(code).startswith("2"):
        return None
    return listed("webhookDTOList", "payload", "data")(document)


def participants(document: Any) -> Any:
    """Read ``participants`` (C) or the ``paticipants`` of Airmeet's own connector (B), and the total."""
    if not isinstance(document, dict):
        return document
    rows = listed("participants", "paticipants")(document)
    total = {"totalCount": document.get("totalUserCount")}
    return {"cursors": total} if rows is None else {"data": rows, "cursors": total}


def same_person(body: Any, access: Any) -> str | None:
    """An answer about somebody else would hand out that person's link."""
    if access.email != body["email"] and fold(access.email) != fold(body["email"]):
        return "the answer is about another e-mail address than the one that was added"
    if not access.entry_link.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        return "the answer's entry link is not an https address"
    return None


def webhook_taken(_body: Any, receipt: Any) -> str | None:
    """The webhook service's own code begins with a 2 for success: "2000" (A)."""
    code = receipt.status_code
    return None if code is None or str(code).startswith("2") else f"the webhook service says {code}"


def did_succeed(_body: Any, answer: Any) -> str | None:
    """A 200 that does not say success is none."""
    return None if answer.success else "the answer does not say success"
