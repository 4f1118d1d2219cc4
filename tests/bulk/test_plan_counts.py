"""The counts of a plan are what its run does."""

import random
from typing import Any

import pytest

from airmeet_async import Attendee, RowStatus
from tests.support.bulk_runs import bodies
from tests.support.worlds import add, client_of, transport_of


@pytest.mark.parametrize("seed", range(8))
async def test_a_plan_says_what_its_run_then_does(tmp_path, seed):
    """Lists of some of the same people, changed rows, other wishes, refusals, lost answers, one after the other."""
    draw, path = random.Random(seed), tmp_path / "launch.job"
    transport = transport_of("422:10%:on=attendees.add,drop-after:10%:on=attendees.add", latency=0.01)
    seen = bodies(transport)
    async with client_of(transport) as client:
        for _ in range(6):
            numbers = draw.sample(range(14), 8)
            rows = [Attendee(f"p{n}@example.com", "Ada", draw.choice(("Ay", "Ay", "Bee"))) for n in numbers]
            rows.append(rows[0])
            wishes: Any = {"send_email_invite": draw.random() < 0.5, "register_attendee": draw.random() < 0.3}
            job = add(client, rows, journal=path, again=draw.random() < 0.2, max_in_flight=1, **wishes)
            plan = await job.prepare()
            del seen[:]
            report = await job
            first = {body["email"]: body for body in reversed(seen) if "email" in body}

            assert plan.rows == report.rows_read == 9
            assert plan.duplicates == report.counts[RowStatus.DUPLICATE] == 1
            assert plan.ready == len(first)
            assert plan.new + plan.again + plan.unclear + plan.not_yet_mailed + plan.not_yet_registered == plan.ready
            assert plan.done_before + plan.refused_before + plan.held == 8 - plan.ready
            assert plan.invitations == sum(body["sendEmailInvite"] for body in first.values())
            assert plan.done_before == report.earlier_counts[RowStatus.SUCCEEDED]
            assert plan.not_yet_mailed <= plan.invitations
            assert plan.changed <= report.changed
