"""Progress on a terminal: a bar and the line below it, painted over and over.

Rules of this file:

1. Whatever else is said goes above the two lines, which are wiped before it and painted anew after it.
2. No line reaches the right edge, so that none wraps, and the ^C that a terminal writes behind it is wiped with it.
3. A terminal that has become too narrow for what it shows may have wrapped it or not: nobody can tell how much is to
   be wiped. So it stays where it is, and the two lines go on below it.
4. The cursor stays visible: a process that is killed leaves a usable terminal.
"""

from typing import IO, TYPE_CHECKING, cast

from airmeet_async.cli.progress import Glance, Part, fitted, lower, upper
from airmeet_async.cli.voice import Voice, standard_error

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

_EDGE = 3
_SHORTEST, _LONGEST = 8, 36


class Display:
    """Shows the two lines. The voice goes above them while they are on.

    Args:
        voice: Who else speaks on the terminal.
        total: Rows there will be; without it there is no bar.
        console: Where they are shown.
    """

    every = 0.2

    def __init__(self, voice: Voice, total: int | None, console: "Console | None" = None) -> None:
        from rich.console import Console

        self._console = console or Console(file=cast("IO[str]", standard_error()), highlight=False)
        self._total = total
        self._voice = voice
        self._glance: Glance | None = None
        self._widest = 0
        voice.write = self._above

    def show(self, glance: Glance) -> None:
        """Paint the lines."""
        self._glance = glance
        with self._console:  # all of it in one write, so that nothing flickers
            self._wipe()
            self._paint(glance)

    def end(self, glance: Glance) -> None:
        """Leave the lines as they are."""
        self.show(glance)
        self._console.line()
        self._widest = 0
        self._voice.write = self._voice.plainly

    def _above(self, line: str) -> None:
        with self._console:
            self._wipe()
            self._console.print(line, markup=False, soft_wrap=True)
            if self._glance is not None:
                self._paint(self._glance)

    def _wipe(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        if not self._widest:
            return
        if self._widest > self._console.width:
            self._console.line()
        else:
            wipe = (ControlType.ERASE_IN_LINE, 2)
            self._console.control(Control(ControlType.CARRIAGE_RETURN, wipe, (ControlType.CURSOR_UP, 1), wipe))
        self._widest = 0

    def _paint(self, glance: Glance) -> None:
        room = max(1, self._console.width - _EDGE)
        above, below = self._bar(glance, room), _text(fitted(lower(glance), room))
        self._console.print(above, no_wrap=True, crop=False)
        self._console.print(below, no_wrap=True, crop=False, end="")
        self._widest = max(above.cell_len, below.cell_len, 1)

    def _bar(self, glance: Glance, room: int) -> "Text":
        """Return the bar, as long as there is room for one, and how far it is."""
        from rich.progress_bar import ProgressBar

        beside = _text(fitted(upper(glance), room))
        width = min(_LONGEST, room - beside.cell_len - 2)
        if self._total is None or width < _SHORTEST:
            return beside
        bar = ProgressBar(
            total=max(1, self._total),
            completed=glance.done,
            width=width,
            complete_style="cyan",
            finished_style="green",
        )
        segments = [segment for segment in self._console.render(bar) if segment.text.strip("\n")]
        beside.pad_left(2)
        return _text_of(segments) + beside


def _text(parts: list[Part]) -> "Text":
    from rich.text import Text

    return Text("  ").join([Text(part.text, part.style) for part in parts])


def _text_of(segments: "list[Segment]") -> "Text":
    from rich.text import Text

    return Text.assemble(*((segment.text, segment.style or "") for segment in segments))
