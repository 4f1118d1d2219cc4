"""How a field of a model is called on the wire."""

from typing import Any


def wire(*names: str) -> dict[str, Any]:
    """Return attrs metadata: the names under which a field may arrive, the likeliest first."""
    return {"wire": names}
