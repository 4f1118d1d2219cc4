"""Where results go."""

import pytest

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output.results_csv import choose_paths


@pytest.mark.parametrize(
    ("results", "failed"), [("in.csv", None), ("./in.csv", None), ("r.csv", "in.csv"), ("r.csv", "./r.csv")]
)
def test_the_input_and_each_other_are_not_overwritten(tmp_path, results, failed):
    (tmp_path / "in.csv").touch()
    paths = [str(tmp_path / name) if name else None for name in (results, failed)]

    with pytest.raises(UsageError, match="choose"):
        choose_paths(str(tmp_path / "in.csv"), *paths)
