"""What is said after Ctrl-C."""

import pytest

from airmeet_async.cli.runner import stopping


@pytest.mark.parametrize(
    ("under_way", "said"),
    [
        (0, "stopping"),
        (1, "stopping: 1 request is under way (Ctrl-C again: do not wait)"),
        (64, "stopping: 64 requests are under way (Ctrl-C again: do not wait)"),
    ],
)
def test_the_first_signal_says_what_happens(under_way, said):
    assert stopping(under_way, 100) == [said]


def test_a_long_rest_of_the_file_is_mentioned():
    assert "300,000 rows" in stopping(1, 300_000)[1]
