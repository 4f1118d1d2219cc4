"""The picture in the README: bars, drawn by hand, for light and dark pages."""

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
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small { fill: #9198a1; }
      .peer { fill: #5b6570; }
      .ours { fill: #4493f8; }
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
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" width="{_WIDTH}">',
        f'  <title id="title">{escape(title)}</title>',
        f'  <desc id="description">{escape(described)}</desc>',
        f"  <style>{_STYLE}  </style>",
        f'  <text class="title" x="16" y="30">{escape(title)}</text>',
        f'  <text class="small" x="16" y="52">{escape(under)}</text>',
    ]
    for number, (name, value, is_ours) in enumerate(bars):
        top = _TOP + number * (_BAR + _GAP)
        lines += _bar(top, name, value, max(value * scale, 2), "ours" if is_ours else "peer")
    lines += [f'  <text class="small" x="16" y="{height - 12}">{escape(foot)}</text>', "</svg>", ""]
    return "\n".join(lines)


def _bar(top: int, name: str, value: float, length: float, kind: str) -> list[str]:
    middle = top + _BAR / 2 + 5
    return [
        f'  <text x="{_LABELS - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>',
        f'  <rect class="{kind}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="3"/>',
        f'  <text x="{_LABELS + length + 8:.1f}" y="{middle}">{value:,.0f}</text>',
    ]
