"""Arms as points: error against I(E;Y)/H(load) with the Pareto front, I(E;Y) against H(load) with its bound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.look import Look, name_ends, seeds_text
from moe_lab.reports.arms.measured import BITS, SHARE, USAGE, Measured, Quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import INK, MUTED, faint, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: up to this number of arms are all named in a figure of points
NAMED = 24


@dataclass(frozen=True)
class Cloud:
    """The runs of an arm in two metrics, in the units shown."""

    arm: Arm
    points: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> tuple[float, float]:
        xs, ys = zip(*self.points, strict=True)
        return sum(xs) / len(xs), sum(ys) / len(ys)


def trade_off(measured: Measured, look: Look) -> Picture | None:
    """Error (in regression the loss) against I(E;Y)/H(load); None if no arm has both."""
    if SHARE not in measured.quantities or measured.quality not in measured.quantities:
        return None
    x, y = measured.quantities[SHARE], measured.quantities[measured.quality]
    clouds = _clouds(measured.comparable, x, y)
    if not clouds:
        return None
    means = {one.arm.key: one.mean for one in clouds}
    front = pareto(list(means.values()))
    without = {arm.key: _mean(arm, y) for arm in measured.comparable if arm.key not in means and arm.values(y.name)}

    def paint(figure: "Figure", axes: "Axes") -> None:
        if len(front) > 1:
            axes.plot(*zip(*front, strict=True), color=MUTED, linewidth=1.0, linestyle="--", zorder=1)
        _points(axes, clouds, look)
        for key, height in without.items():
            axes.axhline(height, color=look.colour[key], linewidth=0.9, linestyle=":", zorder=0)
        axes.margins(0.08)
        best = {measured.baseline.key, *(key for key, mean in means.items() if mean in front)}
        name_ends(axes, look, _named(measured, {key: mean[1] for key, mean in means.items()} | without, best))
        name_axes(axes, x.axis, y.axis)

    caption = f"{_points_text(clouds)} Best is the lower right corner. {_front_text(means, front)}"
    if without:
        caption += f" Dotted lines: arms without I(E;Y) ({', '.join(without)})."
    partly = [(arm.key, measured.undefined(arm, SHARE)) for arm in measured.comparable]
    caption += "".join(f" {key}: I(E;Y)/H(load) {defined}." for key, defined in partly if defined)
    return _picture("trade_off", "Error against specialization", clouds, (x, y), caption, paint)


def _named(measured: Measured, heights: dict[str, float], best: set[str]) -> dict[Arm, float]:
    """The arms that are named; all if they are few."""
    few = len(heights) <= NAMED
    return {arm: heights[arm.key] for arm in measured.arms if arm.key in heights and (few or arm.key in best)}


def _mean(arm: Arm, quantity: Quantity) -> float:
    values = list(arm.values(quantity.name).values())
    return quantity.scale * sum(values) / len(values)


def _points_text(clouds: Sequence[Cloud]) -> str:
    counts = [len(one.points) for one in clouds]
    points = "One point per arm" if max(counts) == 1 else "Small points are seeds, large points are means of arms"
    some = f" Of {len(clouds)} arms the best and the reference are named." if len(clouds) > NAMED else ""
    return f"{points}; {seeds_text(counts)}.{some}"


def _front_text(means: dict[str, tuple[float, float]], front: Sequence[tuple[float, float]]) -> str:
    keys = ", ".join(key for key, mean in means.items() if mean in front)
    if len(means) == 1:
        return ""
    if len(front) == 1:
        return f"No arm is better than {keys} in either."
    return f"No arm is better in both than those on the dashed line ({keys})."


def information(measured: Measured, look: Look) -> Picture | None:
    """I(E;Y) against H(load), with the bound I = H; None if no run has both."""
    if not {USAGE, BITS} <= measured.quantities.keys():
        return None
    x, y = measured.quantities[USAGE], measured.quantities[BITS]
    clouds = _clouds(measured.shown, x, y)
    if not clouds:
        return None

    best = {measured.baseline.key, max(clouds, key=lambda one: one.mean[1]).arm.key}

    def paint(figure: "Figure", axes: "Axes") -> None:
        _points(axes, clouds, look)
        axes.margins(0.08)
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        axes.plot([left, right], [left, right], color=INK, linewidth=0.9, linestyle=":", zorder=0)
        axes.set_xlim(left, right)
        axes.set_ylim(low, high)
        name_ends(axes, look, _named(measured, {one.arm.key: one.mean[1] for one in clouds}, best))
        name_axes(axes, x.axis, y.axis)

    caption = (
        "The dotted line is the upper bound I(E;Y) = H(load), so more even use of the experts allows more information "
        "about the target. Compare arms at the same H(load): the higher one follows the target more. "
        f"{_points_text(clouds)}"
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
    """The Pareto front from left to right: the points that no other beats in both, with high x and low y better."""
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
            small: dict[str, Any] = {"markersize": 3.8, "markeredgewidth": 0, "zorder": 2}
            axes.plot(xs, ys, look.marker[one.arm.key], color=faint(colour), **small)
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.9, "zorder": 4, "clip_on": False}
        axes.plot(*one.mean, look.marker[one.arm.key], color=colour, markersize=8, **edge)


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
    values = "; ".join(f"{one.arm.key} {one.mean[0]:.3g}, {one.mean[1]:.3g}" for one in clouds)
    alt = f"Scatter of {len(clouds)} arms: {x.axis} to the right, {y.axis} upwards. Means: {values}."
    return Picture(stem, title, alt, caption, draw(HALF, 3.3, paint), rows, HALF, paint)
