"""The application against a simulated Airmeet in the same process; no second passes while it waits.

pytest examples/fastapi_app
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from airmeet_async import AirmeetClient
from airmeet_async.testing import Sandbox
from examples.fastapi_app.app import create_app

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("airmeet_virtual_time")]
ADA = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}


@pytest.fixture
async def web(airmeet_client: AirmeetClient) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(airmeet_client)
    async with app.router.lifespan_context(app) as state:
        transport = httpx.ASGITransport(_with_state(app, state))
        async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
            yield client


def _with_state(app: Any, state: Any) -> Any:
    """Give each request the state of the lifespan, as a server does and httpx does not."""
    return lambda scope, receive, send: app({**scope, "state": dict(state or {})}, receive, send)


async def events(web: httpx.AsyncClient, name: str) -> list[Any]:
    text = (await web.get(f"/imports/{name}/events")).text
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]


async def test_one_person_with_an_answer(web: httpx.AsyncClient, airmeet_sandbox: Sandbox) -> None:
    size = airmeet_sandbox.add_custom_field("T-shirt size", options=["S", "M"])
    url = f"/events/{airmeet_sandbox.event_id}/people"
    reply = await web.post(url, json={**ADA, "answers": {size: "M"}})

    person = airmeet_sandbox.person("ada@example.com")
    assert (reply.status_code, reply.json()) == (200, {"entry_link": person.entry_link})
    assert person.details["customFieldMapping"] == [{"fieldId": size, "value": ["M"]}]
    assert airmeet_sandbox.mails("ada@example.com") == 0


async def test_nobody_gets_the_link_of_somebody_else(web: httpx.AsyncClient, airmeet_sandbox: Sandbox) -> None:
    url = f"/events/{airmeet_sandbox.event_id}/people"
    first = await web.post(url, json=ADA)
    again = await web.post(url, json={**ADA, "email": "Ada@Example.com", "first_name": "Eve"})
    nobody = await web.post(url, json={**ADA, "email": "no address"})

    assert (first.status_code, again.status_code, nobody.status_code) == (200, 409, 422)
    assert first.json()["entry_link"] not in again.text
    assert "is not an e-mail address" in nobody.json()["detail"]
    assert len(airmeet_sandbox.registrations()) == 1


async def test_keys_that_are_refused_are_no_matter_for_visitors(
    web: httpx.AsyncClient, airmeet_sandbox: Sandbox
) -> None:
    airmeet_sandbox.revoke_keys()
    reply = await web.post(f"/events/{airmeet_sandbox.event_id}/people", json=ADA)

    assert (reply.status_code, "key" in reply.text) == (500, False)


async def test_what_airmeet_refuses_is_said(web: httpx.AsyncClient, airmeet_sandbox: Sandbox) -> None:
    airmeet_sandbox.fail_next(422)
    replies = [
        await web.post(f"/events/{airmeet_sandbox.event_id}/people", json=ADA),
        await web.post("/events/00000000-0000-11ee-9c3a-0a58a9feac02/people", json=ADA),
    ]

    assert [reply.status_code for reply in replies] == [422, 404]


async def test_a_list_is_imported_through_trouble(web: httpx.AsyncClient, airmeet_sandbox: Sandbox) -> None:
    airmeet_sandbox.fail_next(429, times=3, retry_after=10)
    rows = [{**ADA, "email": f"person-{n}@example.com"} for n in range(200)]
    started = await web.post(f"/events/{airmeet_sandbox.event_id}/imports", json=rows)
    airmeet_sandbox.expire_tokens()
    progress = await events(web, started.json()["id"])

    assert progress[-1] == {"total": 200, "ended": True, "error": None, "succeeded": 200}
    assert len(progress) > 10
    assert len(airmeet_sandbox.registrations()) == 200


async def test_an_import_is_cancelled(web: httpx.AsyncClient, airmeet_sandbox: Sandbox) -> None:
    airmeet_sandbox.fail_next(429, retry_after=60)
    rows = [{**ADA, "email": f"person-{n}@example.com"} for n in range(1000)]
    started = await web.post(f"/events/{airmeet_sandbox.event_id}/imports", json=rows)
    name = started.json()["id"]
    await web.delete(f"/imports/{name}")
    [*_, last] = await events(web, name)

    assert last["ended"]
    assert last.get("succeeded", 0) == len(airmeet_sandbox.registrations()) < 1000
    assert (await web.delete("/imports/other")).status_code == 404
