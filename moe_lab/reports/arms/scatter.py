"""Arms as points: error against I(E;Y)/H(E) with the Pareto front, and I(E;Y) against H(E) with its bound."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.look import Look, seeds_told
from moe_lab.reports.arms.measured import BITS, SHARE, USAGE, Measured, Quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import INK, MUTED, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Cloud:
    """The runs of an arm in two metrics, in shown units."""

    arm: Arm
    points: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> tuple[float, float]:
        xs, ys = zip(*self.points, strict=True)
        return sum(xs) / len(xs), sum(ys) / len(ys)


def trade_off(measured: Measured, look: Look) -> Picture | None:
    """Error (of numbers: loss) against I(E;Y)/H(E); None where no arm has both."""
    if SHARE not in measured.quantities or measured.quality not in measured.quantities:
        return None
    x, y = measured.quantities[SHARE], measured.quantities[measured.quality]
    clouds = _clouds(measured.comparable, x, y)
    if not clouds:
        return None
    front = pareto([one.mean for one in clouds])
    without = [arm for arm in measured.comparable if arm.key not in {one.arm.key for one in clouds}]

    def paint(figure: "Figure", axes: "Axes") -> None:
        if len(front) > 1:
            axes.plot(*zip(*front, strict=True), color=MUTED, linewidth=1.0, linestyle="--", zorder=1)
        _points(axes, clouds, look)
        for arm in without:
            values = list(arm.values(y.name).values())
            if values:
                height = y.scale * sum(values) / len(values)
                axes.axhline(height, color=look.colour[arm.key], linewidth=0.9, linestyle=":", zorder=0)
                axes.annotate(arm.key, (1, height), xycoords=("axes fraction", "data"), fontsize=8.5, color=INK)
        axes.margins(0.12)
        _labels(axes, clouds)
        name_axes(axes, x.axis, y.axis)

    on_front = [one.arm.key for one in clouds if one.mean in front]
    keys = ", ".join(arm.key for arm in without)
    lines = f" Dotted lines: arms without I(E;Y) ({keys})." if without else ""
    partly = [(arm.key, measured.undefined(arm, SHARE)) for arm in measured.comparable]
    lines += "".join(f" {key}: I(E;Y)/H(E) {defined}." for key, defined in partly if defined)
    counts = [len(one.points) for one in clouds]
    points = "A point is an arm" if max(counts) == 1 else "Small points are seeds, large ones the means of arms"
    caption = (
        f"{points}; {seeds_told(counts)}. Best is the lower right corner; no arm is better in both than those on the "
        f"dashed front ({', '.join(on_front)}).{lines}"
    )
    return _picture("trade_off", "Error against specialization", clouds, (x, y), caption, paint)


def information(measured: Measured, look: Look) -> Picture | None:
    """I(E;Y) against H(E) of the load, with the bound I = H; None where no run has both."""
    if not {USAGE, BITS} <= measured.quantities.keys():
        return None
    x, y = measured.quantities[USAGE], measured.quantities[BITS]
    clouds = _clouds(measured.shown, x, y)
    if not clouds:
        return None
    top = 1.08 * max(1.0, *(value for one in clouds for point in one.points for value in point))

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.plot([0, top], [0, top], color=INK, linewidth=0.9, linestyle=":")
        axes.text(0.5 * top, 0.46 * top, "I = H", color=MUTED, ha="left", va="top", fontsize=8.5)
        _points(axes, clouds, look)
        axes.set_xlim(-0.02 * top, top)
        axes.set_ylim(-0.02 * top, top)
        _labels(axes, clouds)
        name_axes(axes, "entropy of the load H(E) (bits)", "information I(E;Y) (bits)")

    caption = (
        "To use the experts more evenly raises what the choice of expert can tell about the target, up to the dotted "
        "line. Compare arms at the same place along the bottom: the higher one follows the target more. "
        f"{seeds_told([len(one.points) for one in clouds])}."
    )
    return _picture("information", "Information against usage", clouds, (x, y), caption, paint)


def _clouds(arms: Sequence[Arm], x: Quantity, y: Quantity) -> list[Cloud]:
    found = []
    for arm in arms:
        xs, ys = arm.values(x.name), arm.values(y.name)
        points = tuple((x.scale * xs[seed], y.scale * ys[seed]) for seed in xs if seed in ys)
        if points:
            found.append(Cloud(arm, points))
    return found


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other one beats in both, x being better high and y low; from left to right."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (-point[0], point[1])):
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front[::-1]


def _points(axes: "Axes", clouds: Sequence[Cloud], look: Look) -> None:
    for one in clouds:
        colour = look.colour[one.arm.key]
        if len(one.points) > 1:
            xs, ys = zip(*one.points, strict=True)
            axes.plot(
                xs, ys, look.marker[one.arm.key], color=colour, markersize=3.8, alpha=0.5, markeredgewidth=0, zorder=2
            )
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.9, "zorder": 4, "clip_on": False}
        axes.plot(*one.mean, look.marker[one.arm.key], color=colour, markersize=8, **edge)


def _labels(axes: "Axes", clouds: Sequence[Cloud]) -> None:
    """The keys beside the means, joined where points lie so near that labels would overlap."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    placed: list[tuple[float, float, list[str]]] = []
    for one in clouds:
        x, y = one.mean
        u, v = (x - left) / (right - left), (y - low) / (high - low)
        near = next((p for p in placed if math.hypot(p[0] - u, p[1] - v) < 0.05), None)
        if near:
            near[2].append(one.arm.key)
        else:
            placed.append((u, v, [one.arm.key]))
    for u, v, keys in placed:
        text = ", ".join(keys[:6]) + (f" +{len(keys) - 6}" if len(keys) > 6 else "")
        axes.annotate(text, (u, v), (7, 5), "axes fraction", "offset points", color=INK, fontsize=8.5, zorder=5)


def _picture(
    stem: str,
    title: str,
    clouds: Sequence[Cloud],
    quantities: tuple[Quantity, Quantity],
    caption: str,
    paint: "Callable[[Figure, Axes], None]",
) -> Picture:
    x, y = quantities
    rows = tuple(
        {"arm": one.arm.key, "seed": member.seed_word, x.name: member.scalars[x.name], y.name: member.scalars[y.name]}
        for one in clouds
        for member in one.arm.counted
        if {x.name, y.name} <= member.scalars.keys()
    )
    told = "; ".join(f"{one.arm.key} {one.mean[0]:.3g}, {one.mean[1]:.3g}" for one in clouds)
    alt = f"Scatter of {len(clouds)} arms: {x.axis} to the right, {y.axis} upwards. Means: {told}."
    return Picture(stem, title, alt, caption, draw(HALF, 3.3, paint), rows, HALF, paint)
