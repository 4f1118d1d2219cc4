"""The rate limit, told the time."""

import pytest

from airmeet_async.sandbox import Bucket


def admitted(bucket, times):
    return sum(bucket.take(now) == 0 for now in times)


def test_burst_is_one_second_worth():
    """After a quiet time as many pass at once as a second has room for."""
    bucket = Bucket(10)

    assert admitted(bucket, [0.0] * 50) == 10
    assert admitted(bucket, [1_000.0] * 50) == 10


@pytest.mark.parametrize("rate", [0.5, 1, 10, 333, 1500])
def test_rate_is_kept_in_the_long_run(rate):
    """Under three times the rate, the rate passes, and the burst once."""
    steps = [step / (3 * rate) for step in range(int(3 * rate * 20))]

    assert admitted(Bucket(rate), steps) == pytest.approx(max(1, rate) + steps[-1] * rate, abs=1.5)


def test_sending_at_exactly_the_rate_is_fine():
    """A tenth of a second apart, ten a second pass, whatever the tenths add up to."""
    assert admitted(Bucket(10, burst=1), [step * 0.1 for step in range(1000)]) == 1000


@pytest.mark.parametrize("rate", [0.3, 1, 7, 20])
def test_waiting_as_told_is_enough(rate):
    """Whoever waits for Retry-After gets through, without rounding in the way."""
    bucket, now = Bucket(rate, burst=1), 0.1
    assert bucket.take(now) == 0
    for _ in range(100):
        wait = bucket.take(now)
        assert wait >= 1
        now += wait
        assert bucket.take(now) == 0
        now += 1e-3


def test_slow_limit_says_how_long():
    """One request in ten seconds means waiting for ten."""
    bucket = Bucket(0.1)
    bucket.take(0.0)

    assert [bucket.take(0.0), bucket.take(3.5), bucket.take(9.5)] == [10, 7, 1]


def test_refused_requests_cost_nothing():
    """Knocking in vain does not put off the next one."""
    bucket = Bucket(1)
    results = [bucket.take(step / 10) for step in range(11)]

    assert [0, *[1] * 9, 0] == results


def test_clock_that_steps_back_does_no_harm():
    """An earlier time fills nothing and breaks nothing."""
    bucket = Bucket(1)

    assert [bucket.take(5.0), bucket.take(4.0), bucket.take(4.5)] == [0, 1, 1]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_impossible_rate_is_refused(rate):
    """A limit is a positive number."""
    with pytest.raises(ValueError, match="positive number of requests per second"):
        Bucket(rate)
