"""Which rows of a journal are sent again, and what the others have for a result."""

import time
from collections import Counter
from pathlib import Path

import anyio
import pytest

from airmeet_async import Reply, Request
from airmeet_async.bulk.report import Invite, RowStatus
from airmeet_async.errors import NoReplyError
from tests.support.bulk_runs import add_journaled, bodies, change, resume, spied, stopped_after
from tests.support.worlds import EVENT, client_of, people, sends, statuses, transport_of

S = RowStatus
ROWS = list(people(200))


async def test_rows_without_a_clear_answer_are_sent_again_by_the_next_run(path: Path) -> None:
    """A run is hurried while three requests are under way: they were carried out, and nobody has heard so."""
    transport = transport_of(latency=1.0)
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(
            EVENT, ROWS[:6], send_email_invite=False, journal=path, rate=None, max_in_flight=3
        ) as job,
    ):
        await anyio.sleep(2.5)
        job.stop()
        job.hurry()
    before = sends(transport)

    report = await resume(transport, path)

    assert job.report.counts[S.UNKNOWN] == 3
    assert report.all_done
    assert sum(sends(transport).values()) == sum(before.values()) + report.attempts
    assert sum(n == 2 for n in sends(transport).values()) == 3


@pytest.mark.parametrize("ago", [90_000, -90_000])
async def test_unclear_rows_of_long_ago_wait_for_a_word(path: Path, ago: float) -> None:
    """A second add would let somebody in who was blocked meanwhile; a clock that was set back proves nothing."""
    transport = transport_of()
    await stopped_after(20, transport, ROWS[:40], path)
    change(
        path,
        "UPDATE ledger SET state = 1, touched = ? WHERE id IN (SELECT id FROM ledger WHERE state = 0 LIMIT 3)",
        time.time() - ago,
    )

    held = await resume(transport, path)
    sent = await resume(transport, path, accept_stale=True)

    assert held.counts[S.UNKNOWN] == 3
    assert held.results is not None
    assert sum("accept_stale" in str(result.error) for result in held.results) == 3
    assert not held.all_done
    assert held.resumable
    assert sent.counts[S.SUCCEEDED] == 3
    assert sent.all_done


async def test_an_invitation_is_asked_for_once(path: Path) -> None:
    """After an unclear outcome the row is sent without it, and listed; a 429 did nothing, so the mail is asked for."""
    transport = transport_of()
    exchange = transport.exchange
    lost, broken, throttled = (f"person-{number}@example.com" for number in (2, 5, 8))
    first: dict[str, int | None] = {lost: None, broken: 500, throttled: 429}

    async def odd(request: Request) -> Reply | None:
        email = next((email for email in first if email.encode() in request.body), None)
        if email is None:
            return None
        if (status := first.pop(email)) is None:
            await exchange(request)
            raise NoReplyError("the connection broke", reason="reset")
        return Reply(status, {"retry-after": "1"}, b"")

    seen = bodies(spied(transport, odd))
    report = await add_journaled(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert statuses(report) == {S.SUCCEEDED: 10}
    assert asked == Counter(person.email for person in ROWS[:10]) + Counter([throttled])
    assert report.results is not None
    unverified = {result.key for result in report.results if result.invite is Invite.UNVERIFIED}
    assert unverified == {lost, broken}
    assert sum(result.invite is Invite.ASKED for result in report.results) == 8


async def test_invitations_can_be_sent_on_purpose(path: Path) -> None:
    """A retry of those that nobody is sure of asks for the mail again, and for no others."""
    transport = transport_of("drop-after@2")
    await add_journaled(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)
    seen = bodies(transport)

    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["invites"])

    assert [body["sendEmailInvite"] for body in seen if "email" in body] == [True]
    assert statuses(report) == {S.SKIPPED: 9, S.SUCCEEDED: 1}


async def test_at_least_once_asks_again(path: Path) -> None:
    transport = transport_of("drop-after@2")
    seen = bodies(transport)

    report = await add_journaled(
        transport, ROWS[:5], path, send_email_invite=True, invites="at_least_once", max_in_flight=1
    )

    assert sum(body.get("sendEmailInvite", False) for body in seen) == 6
    assert report.results is not None
    assert {result.invite for result in report.results} == {Invite.ASKED}


async def test_a_retry_of_what_is_unknown_asks_for_no_second_mail(path: Path) -> None:
    """An add may be repeated, its invitation may not: only `invites` does that."""
    transport = transport_of(latency=1.0)
    seen = bodies(transport)
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(EVENT, ROWS[:4], send_email_invite=True, journal=path, rate=None) as job,
    ):
        await anyio.sleep(2.5)
        job.stop()
        job.hurry()
    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["unknown"])

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert job.report.counts[S.UNKNOWN]
    assert report.all_done
    assert set(asked.values()) == {1}
    assert report.results is not None
    assert sum(result.invite is Invite.UNVERIFIED for result in report.results) == job.report.counts[S.UNKNOWN]


async def test_failed_and_refused_rows_keep_their_result_until_a_retry(path: Path) -> None:
    transport = transport_of("422@2,500@4+5")
    first = await add_journaled(transport, ROWS[:10], path, max_in_flight=1, max_failures=10)
    again = await resume(transport, path)
    async with client_of(transport) as client:
        retried = await client.bulk.retry(path, again=["rejected", "failed"])

    bad = statuses(first)
    assert bad.pop(S.SUCCEEDED) + sum(bad.values()) == 10
    assert bad
    assert statuses(again) == {S.SKIPPED: 10 - sum(bad.values()), **bad}
    assert again.attempts == 0
    assert retried.all_done
    assert retried.counts[S.SUCCEEDED] == sum(bad.values())


async def test_what_must_not_be_repeated_stays_unknown(path: Path) -> None:
    """A booth whose outcome is unclear is not made twice, unless somebody says so."""
    transport = transport_of("drop-after@2")
    booths = [{"name": f"Booth {number}"} for number in range(4)]
    async with client_of(transport) as client:
        first = await client.bulk.create_booths(EVENT, booths, journal=path, rate=None, max_in_flight=1)
        again = await client.bulk.resume(path)
        retried = await client.bulk.retry(path, again=["unknown"])

    assert first.counts[S.UNKNOWN] == again.counts[S.UNKNOWN] == 1
    assert again.attempts == 0
    assert retried.counts[S.SUCCEEDED] == 1


async def test_a_retry_of_failed_rows_leaves_old_unclear_ones_alone(path: Path) -> None:
    transport = transport_of()
    await stopped_after(20, transport, ROWS[:40], path)
    sql = "UPDATE ledger SET state = 1, touched = ? WHERE id IN (SELECT id FROM ledger WHERE state = 0 LIMIT 2)"
    change(path, sql, time.time() - 90_000)
    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["failed"])

    assert report.counts[S.UNKNOWN] == 2
