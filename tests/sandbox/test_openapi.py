"""The OpenAPI document, which is also what the sandbox is fuzzed against."""

import json
from typing import Any

import pytest

from airmeet_async.sandbox import Desk, World, openapi, shapes
from airmeet_async.sandbox.app import App
from airmeet_async.sandbox.router import ROUTES
from tests.sandbox.test_app import Connection
from tests.sandbox.test_contract import BY_NAME, CONTRACTS

DOCUMENT: Any = openapi.document()
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
HEADERS = {"X-Airmeet-Access-Key", "X-Airmeet-Secret-Key", "X-Airmeet-Access-Token", "x-access-key", "x-secret-key"}


@pytest.mark.parametrize("target", ["/openapi.json", "/prod/openapi.json"])
async def test_document_is_served_without_a_token(target):
    """At the root and below the base path; other verbs find nothing there."""
    app = App(Desk(World()))
    shown, posted = Connection(app), Connection(app)

    assert (await shown.request("GET", target), await posted.request("POST", target)) == (200, 404)
    assert json.loads(shown.body) == json.loads(json.dumps(DOCUMENT))


def test_every_operation_is_described():
    """Each route has its place, its words and the example of its answer."""
    assert OPERATIONS.keys() == {route.operation for route in ROUTES} == shapes.EXAMPLES.keys()
    assert all(operation["summary"] for _, _, operation in OPERATIONS.values())


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["operation"])
def test_document_agrees_with_the_contract(contract):
    """Verb, path, headers, queries and members of the body are those that were transcribed."""
    method, path, operation = OPERATIONS[contract["operation"]]
    wanted = {name for name in contract["headers"] if name in HEADERS}
    queries = {row["name"]: row["required"] for row in operation["parameters"] if row["in"] == "query"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})

    assert (contract["method"], contract["path"]) == (method.upper(), path)
    assert wanted == operation["security"][0].keys()
    assert queries == {row["name"]: row["mandatory"] for row in contract["query"]}
    assert body.get("properties", {}).keys() == {row["name"] for row in contract["body"] or []}
    assert set(body.get("required", [])) == {row["name"] for row in contract["body"] or [] if row["mandatory"]}


@pytest.mark.parametrize("name", OPERATIONS)
def test_statuses_of_the_contract_are_described(name):
    """Apart from 500, which the sandbox gives as a fault only, and those that need an id in the path."""
    described = {int(status) for status in OPERATIONS[name][2]["responses"]}
    transcribed = {row["status"] for row in BY_NAME[name]["statuses"]} - {500}

    assert transcribed <= described
    assert (202 in described) == BY_NAME[name]["prepares"]


SCHEMAS = [
    ("x", {"type": "string"}),
    (True, {"type": "boolean"}),
    (1, {"type": "integer"}),
    ([], {"type": "array"}),
    ([1], {"type": "array", "items": {"type": "integer"}}),
    (shapes.Maybe(1), {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    (shapes.Several((1, "x")), {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (shapes.Anything({"a": 1}), {"type": "object"}),
]


@pytest.mark.parametrize(("example", "schema"), SCHEMAS)
def test_examples_become_schemas(example, schema):
    """What is shown is also what is demanded."""
    assert schema == shapes.schema(example)


def test_objects_have_no_other_members():
    """Each member is there, unless its name says that it may be missing."""
    schema: Any = shapes.schema({"a": 1, "b?": "x"})

    assert (schema["required"], schema["additionalProperties"]) == (["a"], False)
    assert list(schema["properties"]) == ["a", "b"]
    assert shapes.plain({"a": shapes.Maybe([1]), "b?": shapes.Several(("x", 2))}) == {"a": [1], "b": "x"}
