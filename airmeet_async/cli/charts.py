"""The charts of a report page, as SVG that the page's own style sheet colours. `pygal` draws, and nothing moves."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import frozen

from airmeet_async.cli.timeline import Slot
from airmeet_async.formatting import duration

_WIDTH, _HEIGHT = 880, 230
_ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_UNWANTED = frozenset(("script", "style", "title", "desc", "comment", "defs"))


@frozen
class Line:
    """One line of a chart.

    Attributes:
        name: What it shows.
        of: Its height in a slot; None where there is nothing to show.
        filled: The area below it is filled.
    """

    name: str
    of: Callable[[Slot], float | None]
    filled: bool = False


SENT = Line("sent", lambda slot: slot.rate, filled=True)
ALLOWED = Line("allowed", lambda slot: slot.allowed)
THROTTLED = Line("throttled", lambda slot: slot.throttled / slot.seconds if slot.seconds else 0.0, filled=True)
RETRIES = Line("sent again", lambda slot: slot.retries / slot.seconds if slot.seconds else 0.0)


def chart(slots: Sequence[Slot], lines: Sequence[Line], alt: str) -> str:
    """Return a chart over time.

    Args:
        slots: The time.
        lines: What is shown of it, per second.
        alt: The chart in words, for those who do not see it.
    """
    pygal = _pygal()
    most = max((line.of(slot) or 0.0 for slot in slots for line in lines), default=0.0)
    heights = ticks(most)
    drawn = pygal.XY(
        width=_WIDTH, height=_HEIGHT, css=(), js=(), show_dots=False, show_legend=False, margin=2, spacing=8,
        disable_xml_declaration=True, include_x_axis=True, range=(0, heights[-1]), title=None, pretty_print=False,
        x_value_formatter=duration, value_formatter=lambda value: f"{value:,.10g}",
        x_labels=moments(slots[-1].end if slots else 1.0), y_labels=heights,
    )  # fmt: skip
    for line in lines:
        drawn.add(line.name, stairs(slots, line.of), fill=line.filled)
    drawn.add_xml_filter(lambda root: _tidied(root, alt))
    return str(drawn.render())


def _pygal() -> Any:
    """Return the package without its import hook, of a kind that Python 3.11 warns of at every later import."""
    import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def stairs(slots: Iterable[Slot], height: Callable[[Slot], float | None]) -> list[tuple[float, float | None]]:
    """Return the corners of a line that is level within each slot."""
    return [(time, height(slot)) for slot in slots for time in (slot.start, slot.end)]


def moments(end: float) -> list[float]:
    """Return the round times to be named below a chart, about six of them."""
    step = next((step for step in _ROUND if end / step <= 7), 86400 * max(1, round(end / 86400 / 6)))
    return [float(step * number) for number in range(int(end // step) + 1)]


def ticks(most: float) -> list[float]:
    """Return the round numbers beside a chart: from nothing to at least *most*."""
    step = 0.001 if most else 1.0
    while most / step > 5:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    return [round(step * number, 6) for number in range(max(2, -int(-most // step) + 1))]


def _tidied(root: Any, alt: str) -> Any:
    """Make the picture stand still and speak: no scripts, no links, no tool tips, but a role and a text."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag if isinstance(child.tag, str) else "comment"
            if tag.rpartition("}")[2] in _UNWANTED or "tooltip" in child.get("class", ""):
                parent.remove(child)
    root.set("role", "img")
    root.set("aria-label", alt)
    return root
