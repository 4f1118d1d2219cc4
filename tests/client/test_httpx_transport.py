"""What the default transport does for itself, without a network."""

from typing import Any

import pytest

from airmeet_async.client.transports.httpx_transport import note_missing_sniffio


@pytest.mark.parametrize(
    ("installed", "loaded", "after"),
    [
        pytest.param(False, {}, {"sniffio": None}, id="missing: Python need not search for it again"),
        pytest.param(True, {}, {}, id="installed: it is found as ever"),
        pytest.param(True, {"sniffio": "it"}, {"sniffio": "it"}, id="loaded: it stays"),
        pytest.param(
            False, {"sniffio": "somebody's own"}, {"sniffio": "somebody's own"}, id="made by somebody: it stays"
        ),
    ],
)
def test_a_package_that_is_missing_is_searched_for_once(
    installed: bool, loaded: dict[str, Any], after: dict[str, Any]
) -> None:
    note_missing_sniffio(lambda name: object() if installed and name == "sniffio" else None, loaded)

    assert loaded == after
