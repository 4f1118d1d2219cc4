"""The pictures in the README, drawn by hand for light and dark pages: bars, and rates over time."""

from html import escape

from benchmarks.adds import BARE, FLOOR_UV
from benchmarks.lab import Figures

_WIDTH, _LABELS, _BAR, _GAP, _TOP, _BOTTOM = 760, 250, 22, 12, 74, 34

_STYLE = """
    text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
    .title { font-size: 17px; font-weight: 600; }
    .small { font-size: 12px; fill: #59636e; }
    .peer { fill: #9aa4af; }
    .ours { fill: #1f6feb; }
    .limit { fill: #9aa4af; opacity: 0.25; }
    .line { fill: none; stroke: #9aa4af; stroke-width: 1.5; }
    .our-line { fill: none; stroke: #1f6feb; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small { fill: #9198a1; }
      .peer { fill: #5b6570; }
      .ours { fill: #4493f8; }
      .line { stroke: #5b6570; }
      .our-line { stroke: #4493f8; }
    }
"""


def adds(figures: dict[str, Figures]) -> str:
    """Draw how many people one second of CPU adds, by client; of the floors one is enough."""
    left_out = {FLOOR_UV, BARE}
    bars = [
        (name, 1e6 / one["cpu_us"], name.startswith("airmeet-async"))
        for name, one in sorted(figures.items(), key=lambda item: -item[1]["cpu_us"])
        if name not in left_out
    ]
    return bar_chart(
        "People added per second of CPU",
        "64 requests in flight over plain HTTP, one core for the client; longer is better",
        "Medians of one run of `make bench` in which all took turns. The floor retries, limits and keeps nothing.",
        bars,
    )


def bar_chart(title: str, under: str, foot: str, bars: list[tuple[str, float, bool]]) -> str:
    """Return an SVG with one bar per name and value; the third says whether it is ours."""
    height = _TOP + len(bars) * (_BAR + _GAP) + _BOTTOM
    scale = (_WIDTH - _LABELS - 90) / max(value for _, value, _ in bars)
    described = ", ".join(f"{name}: {value:,.0f}" for name, value, _ in bars)
    lines = _head(title, under, described, height)
    for number, (name, value, is_ours) in enumerate(bars):
        top = _TOP + number * (_BAR + _GAP)
        lines += _bar(top, name, value, max(value * scale, 2), "ours" if is_ours else "peer")
    lines += [f'  <text class="small" x="16" y="{height - 12}">{escape(foot)}</text>', "</svg>", ""]
    return "\n".join(lines)


def limit(limits: list[tuple[float, float]], rates: dict[str, list[int]]) -> str:
    """Draw what was accepted in each second beside the limit, as its seconds and rates; the last of *rates* is ours."""
    left, bottom, height = 52, 264, 330
    seconds = sum(length for length, _ in limits)
    across = (_WIDTH - left - 16) / seconds
    up = (bottom - _TOP) / (1.15 * max(rate for _, rate in limits))
    title = "Rows accepted per second, under a limit that nobody published and that changes"
    under = "nginx with limit_req; the grey area is its limit"
    said = ", then ".join(f"{rate:g}/s for {length:g} s" for length, rate in limits)
    lines, start = _head(title, under, f"The limit is {said}.", height), float(left)
    for length, rate in limits:
        top, width = bottom - rate * up, length * across
        lines += [
            f'  <rect class="limit" x="{start:.1f}" y="{top:.1f}" width="{width:.1f}" height="{rate * up:.1f}"/>',
            f'  <text class="small" x="{start + 6:.1f}" y="{top - 6:.1f}">limit {rate:g}/s</text>',
        ]
        start += width
    for number, (name, each_second) in enumerate(rates.items()):
        ours = number == len(rates) - 1
        points = " ".join(
            f"{left + (second + 0.5) * across:.1f},{bottom - accepted * up:.1f}"
            for second, accepted in enumerate(each_second[: int(seconds)])
        )
        key = left + number * 180
        lines += [
            f'  <polyline class="{"our-line" if ours else "line"}" points="{points}"/>',
            f'  <rect class="{"ours" if ours else "peer"}" x="{key}" y="{height - 22}" width="18" height="4"/>',
            f'  <text x="{key + 26}" y="{height - 14}">{escape(name)}</text>',
        ]
    for second in range(0, int(seconds) + 1, 10):
        x = left + second * across
        lines.append(f'  <text class="small" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{second} s</text>')
    return "\n".join([*lines, "</svg>", ""])


def _head(title: str, under: str, described: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" width="{_WIDTH}">',
        f'  <title id="title">{escape(title)}</title>',
        f'  <desc id="description">{escape(described)}</desc>',
        f"  <style>{_STYLE}  </style>",
        f'  <text class="title" x="16" y="30">{escape(title)}</text>',
        f'  <text class="small" x="16" y="52">{escape(under)}</text>',
    ]


def _bar(top: int, name: str, value: float, length: float, kind: str) -> list[str]:
    middle = top + _BAR / 2 + 5
    return [
        f'  <text x="{_LABELS - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>',
        f'  <rect class="{kind}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="3"/>',
        f'  <text x="{_LABELS + length + 8:.1f}" y="{middle}">{value:,.0f}</text>',
    ]
