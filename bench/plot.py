"""A plot as SVG, with a logarithmic axis of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 20, 50
COLOURS = ("#0b5cad", "#b3261e", "#2e7d32", "#7b4bb3", "#a35c00")


@dataclass(frozen=True)
class Series:
    """One line of a plot."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


def log_plot(series: Sequence[Series], *, x: str, y: str) -> str:
    """Draw lines over a logarithmic x axis and a y axis that begins at 0."""
    xs = sorted({value for one in series for value in one.xs})
    top = max((value for one in series for value in one.ys), default=1.0) * 1.15
    least, most = math.log10(xs[0]), math.log10(xs[-1])

    def across(value: float) -> float:
        share = (math.log10(value) - least) / ((most - least) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for step in range(5):
        value = top * step / 4
        parts.append(
            f'<path d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
            f'<text x="{LEFT - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>'
        )
    parts += [
        f'<text x="{across(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:,.0f}</text>'
        for value in xs
    ]
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(x)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 6}">{escape(y)}</text>')
    labels = _apart([up(one.ys[-1]) for one in series])
    for one, colour, place in zip(series, COLOURS, labels, strict=False):
        points = " ".join(
            f"{across(a):.1f},{up(b):.1f}" for a, b in zip(one.xs, one.ys, strict=True)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="3" fill="{colour}"/>'
            for a, b in zip(one.xs, one.ys, strict=True)
        ]
        parts.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{place + 4:.1f}" fill="{colour}">{escape(one.label)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _apart(places: list[float]) -> list[float]:
    """Move labels down where they would lie upon each other."""
    moved = dict.fromkeys(range(len(places)), 0.0)
    last = -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        last = max(places[number], last + 14)
        moved[number] = last
    return [moved[number] for number in range(len(places))]
