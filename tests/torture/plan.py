"""When to kill: points of all kinds, drawn with a seed."""

import random
from enum import StrEnum

from attrs import frozen


class Moment(StrEnum):
    """What a kill waits for."""

    EARLY = "early"
    """A time after the start: imports, reading the input, opening or filling the journal."""
    RESUME = "resume"
    """The first adds of this process."""
    RUN = "run"
    """An add in the middle."""
    COMMIT = "commit"
    """The same, and then up to 60 ms: a group commit comes every 50 ms."""
    END = "end"
    """The last rows, their results, the results file."""


@frozen
class Point:
    """One kill.

    Attributes:
        moment: What it waits for.
        place: Where in the span of that kind, from 0 to 1.
        delay: Seconds after what it waits for.
    """

    moment: Moment
    place: float
    delay: float


_SHARES = {Moment.EARLY: 0.3, Moment.RESUME: 0.15, Moment.RUN: 0.25, Moment.COMMIT: 0.15, Moment.END: 0.15}
_DELAYS = {Moment.EARLY: 0.0, Moment.COMMIT: 0.06, Moment.END: 0.3}
_SHORT = 0.004
_FEW = 5


def plan(kills: int, draw: random.Random) -> list[Point]:
    """Return the kills of one job. Those at the end come last; only a handful are all in the middle."""
    if kills <= _FEW:
        return [Point(Moment.RUN, draw.uniform(0.5, 1.0), draw.uniform(0, _SHORT)) for _ in range(kills)]
    moments = draw.choices(list(_SHARES), list(_SHARES.values()), k=kills)
    moments.sort(key=lambda moment: moment is Moment.END)
    return [Point(moment, draw.random(), draw.uniform(0, _DELAYS.get(moment, _SHORT))) for moment in moments]


def adds_to_wait_for(point: Point, left: int, kills_left: int) -> int:
    """Return after how many adds of this process to kill it, where *left* rows and *kills_left* kills are to come."""
    match point.moment:
        case Moment.RESUME:
            return 1 + int(point.place * 3)
        case Moment.END:
            return max(1, left - int(point.place**2 * 10))
    return max(1, min(left - 1, int(point.place * 2 * left / (kills_left + 2))))


def seconds_to_wait(point: Point, to_first_add: float) -> float:
    """Return after how much time to kill: 50 ms to 600 ms, or to where the first add is expected, if that is later."""
    return 0.05 + point.place * max(0.55, 1.1 * to_first_add - 0.05)
