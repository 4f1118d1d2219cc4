"""What is said after Ctrl-C."""

import pytest

from airmeet_async.cli.runner import stopping


@pytest.mark.parametrize(
    ("under_way", "said"),
    [
        (0, "stopping: no request is in progress; press Ctrl-C again to stop now"),
        (1, "stopping: waiting for 1 request to finish; press Ctrl-C again to stop now"),
        (64, "stopping: waiting for 64 requests to finish; press Ctrl-C again to stop now"),
    ],
)
def test_the_first_signal_says_what_happens(under_way, said):
    assert stopping(under_way, 100) == [said]


def test_a_long_rest_of_the_file_is_mentioned():
    assert "300,000 rows" in stopping(1, 300_000)[1]
