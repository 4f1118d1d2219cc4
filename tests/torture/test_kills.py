"""The short form of ``make torture``: a few kills, a few faults, and the judge has nothing to say."""

import pytest

from tests.torture.job import Settings
from tests.torture.kills import by_rule, torture
from tests.torture.people import Shares

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(180)]


async def test_nobody_is_lost_or_sent_again_without_need_whenever_it_is_killed():
    verdict = await torture(Settings(kills=6, kills_per_job=6, rows=300, seed=7, latency=0.01, quiet=True))

    assert by_rule(verdict.wrong) == {}
    assert (verdict.kills, verdict.lost, verdict.whole) == (6, 0, True)


async def test_whoever_was_not_under_way_at_a_kill_is_mailed_once():
    settings = Settings(kills=3, rows=200, seed=9, concurrency=8, invite=True, latency=0.01, quiet=True)
    verdict = await torture(settings)

    assert by_rule(verdict.wrong) == {}
    assert (verdict.kills, verdict.lost, verdict.mails) == (3, 0, 1)
    assert verdict.unmailed <= 3 * settings.concurrency


async def test_a_list_that_was_declined_is_not_touched_when_another_one_in_its_journal_is_killed():
    verdict = await torture(Settings(kills=3, rows=200, seed=10, two_lists=True, latency=0.01, quiet=True))

    assert by_rule(verdict.wrong) == {}
    assert (verdict.kills, verdict.lost) == (3, 0)


async def test_nobody_is_lost_when_the_server_misbehaves_too():
    faults = "expire@90,429@50+3:retry=1,500:4%,reset-after:2%,reset-before:1%,hang-after:0.5%"
    shares = Shares(duplicates=0.03, invalid=0.02, rejects=0.01)
    verdict = await torture(
        Settings(kills=2, rows=200, seed=8, faults=faults, hang_seconds=1, shares=shares, quiet=True)
    )

    assert by_rule(verdict.wrong) == {}
    assert (verdict.kills, verdict.lost) == (2, 0)
