"""Sections with tables and targets, and how they look on a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import asdict, field, frozen


@frozen
class Target:
    """A figure that was promised.

    Attributes:
        what: In words.
        wanted: The limit, with its sign and unit.
        measured: The same way.
        met: Whether it was.
    """

    what: str
    wanted: str
    measured: str
    met: bool


@frozen
class Section:
    """What one benchmark found.

    Attributes:
        name: As for ``--only``.
        title: What was done, in one line.
        columns: Heads of the table; the first is the variant.
        rows: Cells, ready to be printed.
        figures: The same as numbers, by variant.
        targets: What was promised of it.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    figures: dict[str, dict[str, float]]
    targets: list[Target] = field(factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what goes into the file."""
        whole = asdict(self, filter=lambda attribute, _: attribute.name != "name")
        whole["figures"] = {
            name: {key: float(f"{value:.6g}") for key, value in several.items()}
            for name, several in self.figures.items()
        }
        return whole


def at_least(what: str, value: float | None, limit: float, form: str = "{:.2f} x") -> list[Target]:
    """Return the target that *value* reaches *limit*, or none where it was not measured."""
    if value is None:
        return []
    return [Target(what, f"≥ {form.format(limit)}", form.format(value), value >= limit)]


def at_most(what: str, value: float | None, limit: float, form: str = "{:.2f} x") -> list[Target]:
    """Return the target that *value* stays within *limit*, or none where it was not measured."""
    if value is None:
        return []
    return [Target(what, f"≤ {form.format(limit)}", form.format(value), value <= limit)]


def ratio(figures: dict[str, dict[str, float]], over: str, under: str, figure: str = "cpu_us") -> float | None:
    """Return how many times the figure of *under* goes into that of *over*, or None where one is missing."""
    if not figures.get(under, {}).get(figure) or figure not in figures.get(over, {}):
        return None
    return figures[over][figure] / figures[under][figure]


def spread(figures: dict[str, float]) -> str:
    """Return how far the rounds were from their middle, as far as there were some."""
    return f"{figures['spread'] / 2:.0%}" if "spread" in figures else ""


def show(section: Section) -> None:
    """Print a section."""
    print(f"\n{section.title}\n")
    for line in table([section.columns, *section.rows]):
        print(f"  {line}")


def show_targets(targets: Iterable[Target]) -> None:
    """Print what was promised and what came of it."""
    rows = [("met" if one.met else "MISSED", one.measured, one.wanted, one.what) for one in targets]
    if rows:
        print()
    for line in table(rows, left={0, 3}):
        print(f"  {line}")


def table(rows: Sequence[tuple[str, ...]], left: frozenset[int] | set[int] = frozenset({0})) -> list[str]:
    """Return lines with aligned columns: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
