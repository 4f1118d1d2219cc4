"""The benchmarks still fit the package: their trials send everybody, from each kind of source."""

from pathlib import Path

import pytest

from benchmarks import ours


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in ours.SOURCES if kind != ours.FRAME])  # pandas takes a second to load
def test_a_trial_sends_every_row_of_each_kind_of_source(kind: str, journal: bool, tmp_path: Path) -> None:
    path = ours.write_csv(tmp_path / "people.csv", 70)
    figures = ours.trial(source=kind, rows=70, in_flight=8, transport=ours.INSTANT, journal=journal, path=path)
    assert figures["rows"] == 70


def test_a_file_in_no_order_has_the_same_people(tmp_path: Path) -> None:
    ordered, mixed = (
        Path(ours.write_csv(tmp_path / f"{in_order}.csv", 50, in_order=in_order)).read_text().splitlines()
        for in_order in (True, False)
    )
    assert ordered != mixed
    assert sorted(ordered) == sorted(mixed)


def test_the_fast_transport_has_a_name_that_this_package_knows() -> None:
    pytest.importorskip("httptools")
    assert ours.known_name("fast") in {"fast", "llhttp"}
