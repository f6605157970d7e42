"""Pure: charts as SVG, drawn here so that no page needs a script for them.

Colours come from classes of the style sheet, so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 640
HEIGHT: Final = 120
GAP: Final = 2.0
LEAST_PLACES: Final = 30
LEAST_HEIGHT: Final = 2.0  # of a bar that is not nothing


@dataclass(frozen=True, slots=True)
class Bar:
    label: str  # what a person reads of it: when, and how much
    values: tuple[float, ...]  # stacked from the bottom; each has the class of its place
    classes: tuple[str, ...]


def bars(found: Sequence[Bar], *, title: str, height: int = HEIGHT) -> Markup:
    """Bars side by side, the newest at the right. Each tells its label; screen readers get `title` and the table below."""
    most = max((sum(bar.values) for bar in found), default=0.0) or 1.0
    step = WIDTH / max(len(found), LEAST_PLACES)  # a few bars stay bars, at the right
    parts = []
    for place, bar in enumerate(found):
        x, bottom, inner = WIDTH - (len(found) - place) * step, float(height), []
        for value, kind in zip(bar.values, bar.classes, strict=True):
            if value <= 0:
                continue
            tall = max(value / most * (height - 4), LEAST_HEIGHT)
            bottom -= tall
            inner.append(_rect(x + GAP / 2, bottom, max(step - GAP, 1.0), tall, kind))
        if not inner:
            inner.append(_rect(x + GAP / 2, height - 1.0, max(step - GAP, 1.0), 1.0, "none"))
        parts.append(f"<g><title>{escape(bar.label)}</title>{''.join(inner)}</g>")
    return _svg("".join(parts), title, height)


def line(points: Sequence[tuple[float, float]], *, title: str, top: float, height: int = HEIGHT) -> Markup:
    """A line over time with what lies below it filled; `top` is the value of the upper edge."""
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup("")
    first, last = points[0][0], points[-1][0]
    wide, most = max(last - first, 1e-9), max(top, 1e-9)
    drawn = [
        (round((x - first) / wide * WIDTH, 1), round(height - 2 - min(y / most, 1.0) * (height - 6), 1))
        for x, y in points
    ]
    path = " L".join(f"{x} {y}" for x, y in drawn)
    area = f'<path class="area" d="M0 {height} L{path} L{WIDTH} {height} Z"/>'
    return _svg(f'{area}<path class="line" d="M{path}"/>', title, height)


def _rect(x: float, y: float, wide: float, tall: float, kind: str) -> str:
    return (
        f'<rect class="bar {escape(kind)}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
    )


def _svg(inner: str, title: str, height: int) -> Markup:
    return Markup(  # noqa: S704 - every text in it was escaped above
        f'<svg class="chart" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height}"'
        f' preserveAspectRatio="none">{inner}</svg>'
    )
