"""Options that commands share: what they mean, and what is refused with the fix."""

import pytest

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.options import check_failures, check_rate, seconds


@pytest.mark.parametrize(("text", "rate"), [(None, None), ("auto", "auto"), ("AUTO", "auto"), ("2.5", 2.5), (7.0, 7.0)])
def test_rates(text, rate):
    assert check_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", "", "1e999"])
def test_odd_rates_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match="--rate must be auto or a number"):
        check_rate(text)


@pytest.mark.parametrize(
    ("text", "s"), [(None, None), ("90", 90), ("90s", 90), ("30m", 1800), ("2H", 7200), ("1.5d", 129600)]
)
def test_times(text, s):
    assert seconds(text, "--deadline") == s


@pytest.mark.parametrize("text", ["", "0", "0h", "-5", "5 minutes", "1w", "1e3", "٣"])
def test_odd_times_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match=r"--deadline must be a time above 0 such as 90 \(seconds\), 30m"):
        seconds(text, "--deadline")


@pytest.mark.parametrize("text", [None, "0", "100", "5%", "0.5%", "100%"])
def test_limits_of_failures(text):
    assert check_failures(text) == text


@pytest.mark.parametrize("text", ["", "-1", "%", "101%", "5 %", "many", "1.5"])
def test_odd_limits_of_failures_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match="--max-failures must be"):
        check_failures(text)
