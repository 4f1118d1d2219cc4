"""How well the adaptive rate finds a limit that nobody published, in virtual time; see `benchmarks.adaptive`."""

from benchmarks.lab import Figures, Lab, Skipped
from benchmarks.table import Section, Target, at_least, at_most

PROMISED = (
    "40/s, token bucket",
    "40/s, windows of 1 s",
    "100, 25, 100/s, 60 s each, token bucket",
    "10/s, windows of 1 s",
)


def trial(limit: str, names_time: bool) -> Figures:  # noqa: FBT001 - it comes from JSON
    """Register people against one hidden limit."""
    try:
        from benchmarks import adaptive
        from benchmarks.adaptive import Adaptive
    except ImportError:
        raise Skipped("this version has no adaptive rate") from None
    make, rows = adaptive.LIMITS[limit]
    run = adaptive.virtually(make(), rows, Adaptive(), names_time=names_time)
    ideal = adaptive.ideal_seconds(make(), rows)
    return {"share": ideal / run.seconds, "throttled": run.throttled, "given_up": rows - run.done, "rows": rows}


def bench(lab: Lab) -> Section:
    """Each limit, with and without a Retry-After."""
    figures: dict[str, Figures] = {}
    for limit in PROMISED[:1] if lab.settings.quick else PROMISED:
        for names_time in (False, True):
            name = f"{limit}{', Retry-After' if names_time else ''}"
            found = lab.run("hidden", "adaptive", limit=limit, names_time=names_time)
            if found is not None:
                figures[name] = found
    rows = [
        (name, f"{one['share']:.1%}", f"{one['throttled']:.1%}", f"{one['given_up']:.0f}")
        for name, one in figures.items()
    ]
    targets = [target for name, one in figures.items() for target in _targets(name, one)]
    columns = ("hidden limit", "of the ideal", "throttled", "given up")
    return Section(
        "adaptive", "Adaptive rate against limits it does not know, virtual time", columns, rows, figures, targets
    )


def _targets(name: str, one: Figures) -> list[Target]:
    return [
        *at_least(f"{name}: of the ideal time", one["share"] * 100, 92, "{:.1f} %"),
        *at_most(f"{name}: throttled", one["throttled"] * 100, 3, "{:.1f} %"),
        *at_most(f"{name}: rows given up", one["given_up"], 0, "{:.0f}"),
    ]
