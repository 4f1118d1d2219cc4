"""What each operation makes of a row, before anything is sent."""

import math
from typing import Any

import pytest

from airmeet_async import (
    Attendee,
    BulkStoppedError,
    Call,
    Endpoint,
    Reply,
    Request,
    RowStatus,
    calls,
)
from airmeet_async.protocol.models import Acknowledgement
from airmeet_async.sandbox import community
from tests.support.bulk_runs import spied
from tests.support.worlds import EVENT, add, client_of, people, person, run, sends, statuses, transport_of

S = RowStatus
ROWS: list[tuple[Any, RowStatus, str | None]] = [
    (person("a"), S.SUCCEEDED, None),
    ({"email": "b@example.com", "first_name": "B", "last_name": "B"}, S.SUCCEEDED, None),
    ({"Email Address": "c@example.com", "First Name": "C", "Last Name": "C", "Notes": 7}, S.SUCCEEDED, None),
    ({"email": " d@example.com\ufeff", "firstName": "D\t\tD", "lastName": "D", "city": math.nan}, S.SUCCEEDED, None),
    (person("a"), S.DUPLICATE, "duplicate"),
    ({"email": "PERSON-A@EXAMPLE.COM", "first_name": "Else", "last_name": "Else"}, S.DUPLICATE, "duplicate"),
    ({"email": "ﬀ@example.com", "first_name": "F", "last_name": "F"}, S.SUCCEEDED, None),
    ({"email": "nowhere", "first_name": "N", "last_name": "N"}, S.INVALID, "invalid_email"),
    ({"email": "e@example.com", "first_name": " ", "last_name": "N"}, S.INVALID, "missing_field"),
    ({"first_name": "No", "last_name": "Mail"}, S.INVALID, "missing_field"),
    (person("g", attendance_type="maybe"), S.INVALID, "invalid_attendance_type"),
    ({"email": "h@example.com", "first_name": "H\x00", "last_name": "H"}, S.INVALID, "invalid_text"),
    ({"email": "h@example.com", "first_name": "H\ud800", "last_name": "H"}, S.INVALID, "invalid_text"),
    (42, S.INVALID, "not_a_row"),
    (None, S.INVALID, "not_a_row"),
]  # fmt: skip


async def test_each_row_is_checked_before_it_is_sent() -> None:
    """A wrong row is INVALID with a code, a repeated one a DUPLICATE of the first; neither reaches the server."""
    transport = transport_of()

    report = await run(transport, [row for row, *_ in ROWS])

    assert report.results is not None
    told = [(result.status, result.error.code if result.error else None) for result in report.results]
    assert told == [(status, code) for _, status, code in ROWS]
    assert [result.duplicate_of for result in report.results if result.status is S.DUPLICATE] == [0, 0]
    assert len(sends(transport)) == report.succeeded


async def test_attendance_types_as_people_write_them() -> None:
    """Airmeet wants IN-PERSON or VIRTUAL."""
    for value in ("in person", "IN-PERSON", "In_Person", "virtual", " VIRTUAL "):
        transport = transport_of()
        row = {"email": "b@example.com", "first_name": "B", "last_name": "B", "attendance type": value}
        await run(transport, [person(attendance_type=value.strip()), row], event=community.HYBRID)

        kept = {one.details.get("attendance_type") for one in transport.world.people(community.HYBRID)}
        assert kept == ({"VIRTUAL"} if "virtual" in value.lower() else {"IN-PERSON"}), value


async def test_what_airmeet_will_cut_is_sent_whole_and_said() -> None:
    """Thirty-five characters for names, seventy for the rest."""
    transport = transport_of()
    long = person(city="x" * 71)

    report = await run(transport, [long, Attendee("b@example.com", "y" * 36, "z" * 35)])

    assert report.results is not None
    assert [result.warnings for result in report.results] == [
        ("Airmeet will shorten city to 70 characters (it has 71)",),
        ("Airmeet will shorten first_name to 35 characters (it has 36)",),
    ]
    assert report.warned_rows == 2
    assert report.succeeded == 2


async def test_custom_fields_are_found_by_label_or_id_and_fetched_once() -> None:
    """Only when a row has any, and once for the whole run."""
    transport = transport_of()
    rows = [person(n, custom_fields={"T-Shirt  size": "M", community.FIELD_COMPANY_SIZE: "10"}) for n in range(50)]
    wrong = person("wrong", custom_fields={"Shoe size": "42"})

    report = await run(transport, [*rows, wrong], event=community.WITH_FIELDS)

    assert report.results is not None
    assert report.succeeded == 50
    assert report.results[50].error is not None
    assert "T-shirt size" in report.results[50].error.message
    assert sum(arrival.path.endswith("/custom-fields") for arrival in transport.arrivals) == 1


async def test_no_custom_fields_no_question() -> None:
    """A run without them sends nothing but people."""
    transport = transport_of()

    await run(transport, people(5), event=community.WITH_FIELDS)

    assert not any(arrival.path.endswith("/custom-fields") for arrival in transport.arrivals)


async def test_a_refused_field_list_is_asked_for_once() -> None:
    """However many rows need it, and also when it fails."""
    asked = 0

    async def odd(request: Request) -> Reply | None:
        nonlocal asked
        if "custom-fields" not in request.target:
            return None
        asked += 1
        return Reply(500)

    rows = [person(0), *(person(n, custom_fields={"T-shirt size": "M"}) for n in range(1, 200))]
    with pytest.raises(BulkStoppedError):
        await run(spied(transport_of(), odd), rows, event=community.WITH_FIELDS)

    assert asked <= 5


async def test_blocking_and_unblocking_in_bulk() -> None:
    """Addresses, attendees and mappings are all fine."""
    transport = transport_of()
    rows: list[Any] = ["person-0@example.com", person(1), {"E-Mail": "person-2@example.com"}, "wrong"]
    async with client_of(transport) as client:
        await add(client, people(3))
        blocked = await client.bulk.block_attendees(EVENT, rows, rate=None)
        unblocked = await client.bulk.unblock_attendees(EVENT, rows, rate=None)

    expected = {S.SUCCEEDED: 3, S.INVALID: 1}
    assert (statuses(blocked), statuses(unblocked)) == (expected, expected)
    assert (transport.world.statistics().blocks, transport.world.statistics().unblocks) == (3, 3)


async def test_a_builder_that_raises_spoils_only_its_row() -> None:
    """The row is INVALID with the builder's own words."""
    async with client_of(transport_of()) as client:
        report = await client.bulk.run(
            ["a@example.com", "nonsense"], lambda row: calls.block_attendee(EVENT, row), rate=None
        )

    assert report.results is not None
    assert report.results[1].status is S.INVALID
    assert report.results[1].error is not None
    assert "nonsense" in report.results[1].error.message


ODD_CALL: Endpoint[Acknowledgement] = Endpoint("things.do", "POST", "/thing", Acknowledgement, "test")


async def test_a_builder_that_returns_nonsense_spoils_only_its_row() -> None:
    """It is INVALID and was not sent."""
    transport = transport_of()
    async with client_of(transport) as client:
        made: list[Any] = [None, 5, Call(ODD_CALL, body={1, 2}), Call(ODD_CALL, body=math.nan)]
        report = await client.bulk.run(range(4), made.__getitem__, rate=None)

    assert report.counts[S.INVALID] == 4

    assert transport.arrivals == []


ODD_ROWS: list[Any] = [
    {"email": "a@example.com", "first_name": "A", "last_name": "B", "custom_fields": "xyz"},
    {"email": "a@example.com", "first_name": "A", "last_name": "B", "custom_fields": {5: "M"}},
    Attendee("a@example.com", "A", "B", custom_fields="xyz"),  # type: ignore[arg-type]
    Attendee(5, None, "B"),  # type: ignore[arg-type]
    {5: "a@example.com"},
    {None: None},
]


async def test_an_odd_row_is_that_rows_problem() -> None:
    """Its neighbours go on."""
    rows = [person(1), *ODD_ROWS, person(2)]

    report = await run(transport_of(), rows, event=community.WITH_FIELDS)

    assert report.results is not None
    expected = [S.SUCCEEDED, *[S.INVALID] * len(ODD_ROWS), S.SUCCEEDED]
    assert [result.status for result in report.results] == expected
