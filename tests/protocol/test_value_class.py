"""Every value can be written down as JSON, by `json` and by FastAPI, and shows no secret that nobody asked for."""

import copy
import inspect
import json
import math
import pickle
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import attrs
import httpx
import pytest

import airmeet_async
from airmeet_async import (
    Access,
    Airmeet,
    AirmeetStatus,
    Attendee,
    BulkPlan,
    BulkReport,
    Invite,
    NewAirmeet,
    NewBooth,
    Page,
    Participant,
    RowError,
    RowResult,
    RowStatus,
    Secret,
    Session,
    SessionCreated,
)
from airmeet_async.bulk.report import CHANGED, RowWarning
from airmeet_async.protocol.value_class import AsDict, json_ready
from tests.cases import case

TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
LINK = "https://www.airmeet.com/e/x?code=SENTINEL-link-7a1f"


def test_every_value_that_the_package_names_can_be_written_down():
    """Settings aside, which are made and not had, and a token, which is never written down."""
    settings = {
        "Adaptive", "Call", "Endpoint", "Retry", "Timeouts", "Request", "Reply", "Earlier", "EventJournal",
        "StoredToken",
    }  # fmt: skip
    classes = {name: one for name in airmeet_async.__all__ if inspect.isclass(one := getattr(airmeet_async, name))}
    values = {name for name, one in classes.items() if attrs.has(one)}

    assert {name for name in values if not issubclass(classes[name], AsDict)} <= settings


def test_what_is_written_down_is_json():
    """Whatever stands in it."""
    for value, plain in [
        (TEN, "2026-03-01T10:00:00+00:00"),
        (TEN.date(), "2026-03-01"),
        (AirmeetStatus.PAUSED, "PAUSED"),
        (Secret("SENTINEL"), "***"),
        ((1, 2.5, None, True), [1, 2.5, None, True]),
        ({RowStatus.FAILED: {1}}, {"failed": [1]}),
        (math.inf, None),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (b"x", "b'x'"),
        (CHANGED, {"code": "changed", "message": str(CHANGED), "column": None}),
        (ValueError("no"), "no"),
    ]:
        with case(value):
            assert json.loads(json.dumps(json_ready(value))) == plain


@pytest.mark.parametrize(
    "value",
    [
        Airmeet("e", "Day", AirmeetStatus.ONGOING, start_time=TEN, extra={"n": [1]}),
        Attendee("a@example.com", "A", "B", custom_fields={"f1": ["x"]}),
        NewAirmeet(host_email="h", name="n", short_description="s", start=TEN, end=TEN, timezone="UTC"),
        NewBooth(name="b", exhibitors=["a@example.com"]),
        Page((Airmeet("e"),), after="2"),
        RowError("no_reply", "no reply", ambiguous=True),
        RowResult(0, 2, "a@example.com", RowStatus.SUCCEEDED, value=Access("a@example.com", LINK), entry_link=LINK,
                  warnings=(RowWarning("will_be_cut", "long"),), invite=Invite.ASKED, row=Attendee("a", "b", "c")),
        BulkReport("j", 0, dict.fromkeys(RowStatus, 0)),
        BulkPlan(airmeet_id="e"),
        Participant("a@example.com", entry_link=LINK),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_is_json_and_travels(value):
    """Also to another process, and without its links in its repr."""
    written = value.as_dict()

    assert json.loads(json.dumps(written)) == written
    assert dict(value) == written
    assert "SENTINEL" not in repr(value)
    assert pickle.loads(pickle.dumps(value)) == copy.copy(value) == value


def test_a_value_knows_its_names_and_is_no_list():
    person = Attendee("a@example.com", "A", "B")

    assert "email" in person
    assert "mail" not in person
    assert person["email"] == "a@example.com"
    with pytest.raises(KeyError):
        person["mail"]
    with pytest.raises(TypeError, match="'Attendee' object is not iterable"):
        list(person)  # type: ignore[call-overload]


@pytest.mark.slow
async def test_a_route_can_take_values():
    """As a body; what is no such value is an answer 422, and the schema names the fields."""
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()
    taken, body = [], fastapi.Body()
    for path, kind in (("/person", Attendee), ("/event", Airmeet)):

        def route(given=body):
            taken.append(given)

        route.__annotations__["given"] = kind
        app.post(path)(route)
    person, event = Attendee("a@example.com", "A", "B", city="Bonn"), Airmeet("e", start_time=TEN)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as web:
        for path, sent, status in [
            ("/person", person.as_dict(), 200),
            ("/person", {"email": "a@example.com"}, 422),
            ("/person", person.as_dict() | {"mail": "b"}, 422),
            ("/event", event.as_dict(), 422),  # an answer is nothing that is sent to anybody
        ]:
            assert (await web.post(path, json=sent)).status_code == status, (path, sent)
        schema = (await web.get("/openapi.json")).json()

    assert taken == [person]
    assert "first_name" in json.dumps(schema)


def test_what_goes_in_is_made_again_from_what_was_written_down():
    person = Attendee("a@example.com", "A", "B", city="Bonn", custom_fields={"f1": ["x"]})

    assert Attendee(**person.as_dict()) == person


def test_the_old_names_answer_with_a_warning():
    """For one version; any other name is an error as ever."""
    for value, old, found in [
        (Airmeet("e"), "uid", "e"),
        (Session("s"), "session_id", "s"),
        (SessionCreated("s"), "session_id", "s"),
        (Participant("a", entry_link=LINK), "joining_link", LINK),
    ]:
        with case(old):
            with pytest.warns(DeprecationWarning, match=rf"{type(value).__name__}\.{old} is now \.") as seen:
                assert getattr(value, old) == found
            assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match="'Airmeet' object has no attribute 'uids'"):
        _ = Airmeet("e").uids  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Moment is gone: times are aware datetimes"):
        _ = airmeet_async.Moment


@pytest.mark.slow
async def test_a_route_can_return_values():
    """With and without saying their type; the types are in its schema."""
    fastapi = pytest.importorskip("fastapi")
    app, event = fastapi.FastAPI(), Airmeet("e", start_time=TEN)
    app.get("/one", response_model=Airmeet)(lambda: event)
    app.get("/many", response_model=list[Airmeet])(lambda: [event])
    app.get("/page", response_model=Page[Airmeet])(lambda: Page((event,)))
    app.get("/bare")(lambda: {"event": event})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as web:
        found = {path: (await web.get(path)).json() for path in ("/one", "/many", "/page", "/bare", "/openapi.json")}

    one = event.as_dict()
    assert (found["/one"], found["/many"], found["/bare"]) == (one, [one], {"event": one})
    assert found["/page"]["items"] == [one]
    assert found["/openapi.json"]["paths"].keys() == {"/one", "/many", "/page", "/bare"}
