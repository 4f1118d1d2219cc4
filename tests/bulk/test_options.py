"""The options of a run, and how they are refused."""

from typing import Any

import pytest

from airmeet_async.bulk.options import FailureLimit, parse_failure_limit, run_rate
from airmeet_async.client.permits import check_rate
from tests.support.worlds import EVENT, client_of, transport_of


def test_how_a_failure_limit_is_written() -> None:
    written = {
        None: None,
        5: FailureLimit(rows=5),
        "5": FailureLimit(rows=5),
        "5%": FailureLimit(share=0.05),
        "0": FailureLimit(rows=0),
        " 2.5 %": FailureLimit(share=0.025),
    }

    assert {given: parse_failure_limit(given) for given in written} == written


SENSELESS: list[dict[str, Any]] = [
    {"deadline": 0},
    {"deadline": "1h"},
    {"max_failures": -1},
    {"max_failures": "x%"},
    {"max_failures": True},
    {"max_failures": "101%"},
    {"rate": "fast"},
]


async def test_senseless_options_are_refused_at_once() -> None:
    """When the job is made, not when it starts."""
    async with client_of(transport_of()) as client:
        for bad in SENSELESS:
            with pytest.raises(ValueError, match=r"must be"):
                _ = client.bulk.add_attendees(EVENT, [], send_email_invite=False, **bad)


async def test_an_unknown_kind_of_retry_is_refused() -> None:
    async with client_of(transport_of()) as client:
        with pytest.raises(ValueError, match="again must be one of"):
            _ = client.bulk.retry("launch.job", again=["everything"])  # type: ignore[list-item]


def test_a_run_follows_the_server_below_the_rate_of_a_fleet() -> None:
    assert run_rate({}, 40, is_shared=False) is None  # the client's own follows it
    assert run_rate({}, 40, is_shared=True) == check_rate(40)
    assert run_rate({"rate": 30}, 40, is_shared=True) == check_rate(30)


def test_a_run_leaves_the_search_for_the_limit_to_a_fleet_that_searches_for_it() -> None:
    assert run_rate({}, 10, 80, is_learned=True) is None
    assert run_rate({"rate": "auto"}, 10, 80, is_learned=True) is None
    assert run_rate({"rate": 30}, 10, is_learned=True) == check_rate(30)
    assert run_rate({"rate": "auto"}, 40, is_shared=True) == check_rate("auto")
