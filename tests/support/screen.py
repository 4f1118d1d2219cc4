"""A terminal's screen, as far as our own output goes: text, line ends, going up, wiping a line, colours.

`docs/record.py` makes its frames with it, too.
"""

import re

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """What is to be seen after some output.

    Args:
        width: Its columns. Text that reaches beyond goes on in the next line.
    """

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self._rows: list[list[tuple[str, str]]] = [[]]  # characters with their colours
        self._row = self._column = 0
        self._colours = ""

    @property
    def lines(self) -> list[str]:
        """The text, without the blanks at the ends of lines."""
        return ["".join(char for char, _ in row).rstrip() for row in self._rows]

    @property
    def coloured(self) -> list[str]:
        """The same with the codes for colours."""
        return ["".join(f"{colours}{char}\x1b[0m" for char, colours in row) for row in self._rows]

    def feed(self, text: str) -> None:
        """Show some output.

        Raises:
            AssertionError: It has something that this screen knows nothing of.
        """
        end = 0
        for found in _TOKEN.finditer(text):
            assert found.start() == end, f"cannot show {text[end : found.start()]!r}"
            end = found.end()
            argument, command, control, plain = found.groups()
            if command:
                self._obey(command, argument)
            elif control:
                self._row, self._column = self._row + (control == "\n"), 0
                self._extend()
            else:
                for char in plain:
                    self._put(char)
        assert end == len(text), f"cannot show {text[end:]!r}"

    def narrow(self, width: int, *, wraps: bool) -> None:
        """Make it narrower. Some terminals wrap what was wider then, others cut it."""
        rows: list[list[tuple[str, str]]] = []
        for row in self._rows:
            pieces = [row[at : at + width] for at in range(0, len(row), width)] or [[]]
            rows += pieces if wraps else pieces[:1]
        self.width, self._rows, self._row = width, rows, len(rows) - 1
        self._column = len(rows[-1])

    def _obey(self, command: str, argument: str) -> None:
        if command == "m":
            self._colours = "" if argument in {"", "0"} else f"\x1b[{argument}m"
        elif command == "A":
            self._row = max(0, self._row - int(argument or 1))
        elif command == "K" and argument == "2":
            self._rows[self._row] = []
        else:
            assert command in "hl", f"cannot obey {argument}{command}"

    def _put(self, char: str) -> None:
        if self._column >= self.width:
            self._row, self._column = self._row + 1, 0
            self._extend()
        row = self._rows[self._row]
        row += [(" ", "")] * (self._column + 1 - len(row))
        row[self._column] = (char, self._colours)
        self._column += 1

    def _extend(self) -> None:
        while len(self._rows) <= self._row:
            self._rows.append([])
