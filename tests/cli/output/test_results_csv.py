"""Where results go."""

import pytest

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output.results_csv import choose_paths, free_path


def test_earlier_results_are_never_replaced_by_default(tmp_path):
    path = tmp_path / "people-results.csv"
    assert free_path(path) == path

    path.touch()
    (tmp_path / "people-results-2.csv").touch()

    assert free_path(path).name == "people-results-3.csv"


@pytest.mark.parametrize(
    ("results", "failed"), [("in.csv", None), ("./in.csv", None), ("r.csv", "in.csv"), ("r.csv", "./r.csv")]
)
def test_the_input_and_each_other_are_not_overwritten(tmp_path, results, failed):
    (tmp_path / "in.csv").touch()
    paths = [str(tmp_path / name) if name else None for name in (results, failed)]

    with pytest.raises(UsageError, match="choose"):
        choose_paths(str(tmp_path / "in.csv"), *paths)
