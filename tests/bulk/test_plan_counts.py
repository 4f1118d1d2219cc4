"""The counts of a plan are what its run does."""

import random
from typing import Any

import pytest

from airmeet_async import RowStatus
from airmeet_async.sandbox import community
from tests.support.bulk_runs import bodies
from tests.support.worlds import EVENT, add, client_of, transport_of

TROUBLE = "422:10%:on=attendees.add,drop-after:10%:on=attendees.add"
WORDS = ("ok", "ok", "cancelled")


def rows_of(draw: random.Random) -> list[dict[str, str]]:
    """Return eight people, three rows that are not sent, and one of somebody else with an address of the eight."""
    numbers = draw.sample(range(14), 8)
    rows = [
        {"email": f"p{n}@example.com", "first_name": "Ada", "last_name": draw.choice(("Ay", "Ay", "Bee")),
         "status": draw.choice(WORDS), "attendance_type": "VIRTUAL"}
        for n in numbers
    ]  # fmt: skip
    broken = rows[1] | {"email": "broken"}
    return [*rows, rows[0], broken, rows[2] | {"first_name": "Eve"}]


@pytest.mark.parametrize("event", [EVENT, community.HYBRID], ids=["event", "hybrid event"])
@pytest.mark.parametrize(
    ("seed", "lists"),
    [(0, 2), (1, 2), *(pytest.param(seed, 6, marks=pytest.mark.slow) for seed in range(2, 8))],
)
async def test_a_plan_says_what_its_run_then_does(tmp_path, seed, lists, event):
    """Lists of some of the same people, changed rows, other wishes, refusals, lost answers, one after the other."""
    draw, path, is_hybrid = random.Random(seed), tmp_path / "launch.job", event == community.HYBRID
    transport = transport_of(TROUBLE, latency=0.01)
    seen, registered = bodies(transport), set[str]()
    async with client_of(transport) as client:
        for _ in range(lists):
            wishes: Any = {"send_email_invite": draw.random() < 0.5, "register_attendee": draw.random() < 0.3}
            again = draw.random() < 0.2
            job = add(client, rows_of(draw), event, journal=path, again=again, max_in_flight=1, **wishes)
            kind = "list"
            while True:
                plan = await job.prepare()
                del seen[:]
                report = await job
                first = {body["email"]: body for body in reversed(seen) if "email" in body}

                assert plan.ready == len(first)
                asked = plan.new + plan.again + plan.unclear + plan.not_yet_mailed + plan.not_yet_registered
                asked += plan.failed_again + plan.rejected_again + plan.unknown_again + plan.invites_again
                assert asked == plan.ready
                assert plan.invitations == sum(body["sendEmailInvite"] for body in first.values())
                uses = {email for email, body in first.items() if is_hybrid or body["registerAttendee"]}
                assert plan.registrations == len(uses - registered)
                assert report.results is not None
                done = {one.key for one in report.results if one.status is RowStatus.SUCCEEDED}
                registered |= uses & done
                found = [(one.code, one.n, one.sample_rows) for one in plan.causes if one.code == "may_not_come"]
                assert found == [(one.code, one.n, one.sample_rows) for one in report.warnings]
                assert plan.is_hybrid in {is_hybrid, None}
                if kind == "list":
                    assert plan.rows == report.rows_read == 11
                    assert (plan.duplicates, plan.other_names, plan.invalid) == (2, 1, 1)
                    assert report.counts[RowStatus.DUPLICATE] == 2
                    assert report.counts[RowStatus.INVALID] == 1
                    assert plan.done_before + plan.refused_before + plan.held == 8 - plan.ready
                    assert plan.done_before == report.earlier_counts[RowStatus.SUCCEEDED]
                    assert plan.refused_before == report.earlier_counts[RowStatus.REJECTED]
                    assert plan.not_yet_mailed <= plan.invitations
                    assert plan.changed <= report.changed
                kind = draw.choice(("next", "resume", "failed", "rejected", "invites"))
                if kind == "next":
                    break
                options: Any = {"rate": None, "max_in_flight": 1}
                go_on = client.bulk.resume if kind == "resume" else client.bulk.retry
                job = go_on(path, **options | ({} if kind == "resume" else {"again": kind}))
