"""The pretend API as an OpenAPI document, made from the routing table.

It describes the sandbox with its default switches, not Airmeet: there is no official
document. The sandbox is fuzzed against it (`tests/fuzz_sandbox.py`), so it cannot flatter.
"""

from typing import Final

from . import shapes
from .fields import Field
from .router import BASE_PATH, ROUTES, Route
from .state import Json

PATHS: Final = ("/openapi.json", f"{BASE_PATH}/openapi.json")

_HEADERS: Final = {
    "keys": ("X-Airmeet-Access-Key", "X-Airmeet-Secret-Key"),
    "token": ("X-Airmeet-Access-Token",),
    "raw_keys": ("x-access-key", "x-secret-key"),
}
_PATH_FIELDS: Final = {
    "airmeetId": "The id of an event",
    "sessionId": "The id of a session",
    "boothId": "The id of a booth of the event",
    "eventSeriesId": "The id of a series of events",
    "email": "The address of an attendee, encoded once or twice",
}
_ABOUT: Final = (
    "The sandbox of airmeet-async with its default switches. "
    "It stands in for Airmeet's public API in tests and trials; Airmeet has published no such document."
)


def document() -> Json:
    """Return the whole document."""
    paths: dict[str, dict[str, Json]] = {}
    for route in ROUTES:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    schemes = {name: {"type": "apiKey", "in": "header", "name": name} for names in _HEADERS.values() for name in names}
    return {
        "openapi": "3.1.0",
        "info": {"title": "A pretend Airmeet", "version": "1", "description": _ABOUT},
        "servers": [{"url": BASE_PATH}],
        "paths": paths,
        "components": {"securitySchemes": schemes, "responses": _REFUSALS},
    }


def _operation(route: Route) -> Json:
    names = (part[1:-1] for part in route.parts if part.startswith("{"))
    operation: Json = {
        "operationId": route.operation,
        "summary": (route.handler.__doc__ or "").partition("\n")[0],
        "tags": [route.operation.partition(".")[0]],
        "security": [{name: [] for name in _HEADERS[route.auth]}],
        "parameters": [*(_path_parameter(name) for name in names), *(_query_parameter(one) for one in route.query)],
        "responses": {str(status): answer for status, answer in sorted(_responses(route).items())},
    }
    if route.form is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.form.schema())}
    return operation


def _path_parameter(name: str) -> Json:
    text = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": _PATH_FIELDS[name], "schema": text}


def _query_parameter(field: Field) -> Json:
    return {"name": field.name, "in": "query", "required": field.mandatory, "schema": field.kind.schema()}


def _responses(route: Route) -> dict[int, Json]:
    found = {200: _response("Done", shapes.EXAMPLES[route.operation])}
    if route.operation in shapes.PREPARED:
        found[202] = _response("The result is being prepared; ask again", shapes.NOT_READY)
    statuses = {400, 405, 412 if route.auth == "token" else 403}
    if "{" in route.template or route.auth == "raw_keys":
        statuses |= {401, 404}
    if route.form is not None:
        statuses.add(413)
    return found | {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _response(description: str, example: object, **headers: Json) -> Json:
    content = _json(shapes.schema(example))
    content["application/json"]["example"] = shapes.plain(example)
    described: Json = {"description": description, "content": content}
    return described | ({"headers": headers} if headers else {})


def _json(schema: Json) -> dict[str, Json]:
    return {"application/json": {"schema": schema}}


_REFUSALS: Final[Json] = {
    "400": _response("The request is refused, or the credentials are missing or wrong", shapes.REFUSAL),
    "401": _response("It belongs to another community", shapes.REFUSAL),
    "403": _response("The keys are revoked", shapes.REFUSAL),
    "404": _response("There is no such thing", shapes.Several((shapes.REFUSAL, shapes.ASTRAY))),
    "405": _response("There is no such verb here", shapes.ASTRAY, Allow={"schema": {"type": "string"}}),
    "412": _response("The token has expired", shapes.REFUSAL),
    "413": _response("The body is too long", shapes.ASTRAY),
}
