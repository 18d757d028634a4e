"""Ablation of a network's experts: by layer, expert and class, and with only the most used ones.

Axes: E experts, C classes, L layers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.ablation import increase, increase_by_class, share_of_rows
from moe_lab.metrics.network_arrays import NetworkArrays
from moe_lab.metrics.registry import METRICS
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.numbers import NONE, quantity, signed
from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import HUES, INK, MUTED, name_axes
from moe_lab.reports.kit.table import Table
from moe_lab.reports.network.shown import shown_layers
from moe_lab.routing.trace import Labels, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arrays = Mapping[str, np.ndarray]
Metrics = Mapping[str, Mapping[str, object]]

#: most experts and classes of the heat map, those with the largest increase; values are written into fewer cells
EXPERTS, CLASSES, WRITTEN = 24, 24, 16


def class_map(trace: Trace, number: int, arrays: Arrays, label: Labels, about: str) -> Picture:
    """The increase of the loss on each class (of a language model: domain) without each expert of a layer.

    One row per expert, one column per class.
    """
    label_D, class_names = label.value, label.names
    layer = trace.layers[number]
    by_class_EC = increase_by_class(
        increase(arrays, number, layer.experts), label_D[arrays["document"]], len(class_names)
    )
    there = np.flatnonzero(~np.isnan(by_class_EC).all(1))
    most = there[np.argsort(-np.nanmax(by_class_EC[there], axis=1), kind="stable")[:EXPERTS]]
    experts, classes = np.sort(most), every_nth(len(class_names), CLASSES)
    shown_EC = by_class_EC[experts][:, classes]
    top = max(float(np.nanmax(shown_EC)), 1e-3)

    def paint(figure: "Figure", axes: "Axes") -> None:
        image = axes.imshow(shown_EC, cmap="Blues", vmin=0, vmax=top, aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(experts)), [f"expert {e}" for e in experts.tolist()])
        names = [shortened(str(class_names[c]), 10) for c in classes]
        long = max(map(len, names)) > 4
        axes.set_xticks(range(len(classes)), names, parse_math=False)
        axes.tick_params(axis="x", labelrotation=30 if long else 0)
        axes.set_xticks(np.arange(1, len(classes)) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, len(experts)) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.8)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label("increase of the loss (nats)")
        if max(shown_EC.shape) <= WRITTEN:
            for row, column in np.argwhere(np.isfinite(shown_EC)):
                value = float(shown_EC[row, column])
                ink = "white" if value > 0.55 * top else INK
                axes.text(column, row, _digits(value), ha="center", va="center", fontsize=7.5, color=ink)

    at = np.unravel_index(int(np.nanargmax(shown_EC)), shown_EC.shape)
    largest = f"expert {experts[at[0]]} on {about} {class_names[classes[at[1]]]}, {_digits(float(shown_EC[at]))} nats"
    few = "" if len(experts) == layer.experts else f" {len(experts)} of {layer.experts} experts are shown."
    few += "" if len(classes) == len(class_names) else f" Every {classes.step}th {about} is shown."
    return Picture(
        f"ablation_{number}",
        f"Loss without each expert: {shortened(layer.name, 30)}",
        f"Heat map, one row per expert, one column per {about}. The largest increase: {largest}.",
        f"The mean loss on the test samples of a {about} without the expert, minus that with it; its rows go to the "
        f"gate's next choice. White: no increase, or a decrease.{few}",
        draw(FULL, 1.0 + 0.29 * len(experts), paint),
        tuple(
            {"expert": e} | {str(name): _cell(by_class_EC[e, c]) for c, name in enumerate(class_names)}
            for e in range(layer.experts)
        ),
        FULL,
    )


def expert_table(trace: Trace, number: int, arrays: Arrays, metrics: Metrics) -> Table:
    """Each expert of a layer: its use, and the increase of the loss without it."""
    layer = trace.layers[number]
    share_E = share_of_rows(trace, layer, arrays["document"]).mean(0)
    found = [metrics[f"{layer.name}.{name}"]["value"] for name in ABLATED]
    own, others = (one if isinstance(one, list) else [None] * layer.experts for one in found)
    order = np.argsort(-share_E, kind="stable")[:EXPERTS].tolist()
    rows = tuple(
        (str(e), quantity(float(share_E[e]), "fraction"), _nats(own[e]), _nats(others[e])) for e in sorted(order)
    )
    second = metrics[f"{layer.name}.second_choice_loss_increase_nats"]["value"]
    rise = f"{_nats(second)} nats" if isinstance(second, float) else NONE
    few = "" if len(rows) == layer.experts else f" The {len(rows)} most used of {layer.experts} experts."
    return Table(
        f"Without an expert: {shortened(layer.name, 30)}",
        ("expert", "rows that select it", "increase on its samples (nats)", "on the others (nats)"),
        "lrrr",
        rows,
        "The increase of the loss without the expert: the mean over samples weighted by the share of their rows that "
        "select it, and the mean over samples none of whose rows does. If instead every row loses its first choice, "
        f"the loss rises by {rise}.{few}",
    )


def all_layers_tables(metrics: Metrics, about: str) -> list[Table]:
    """The loss if experts of all layers are disabled at once; no table for a run of an earlier version."""
    found = {name: metrics.get(name, {}).get("value") for name, one in METRICS.items() if one.arrays is NetworkArrays}
    shared, most_used = (found[f"{name}_disabled_loss_increase_nats"] for name in ("shared", "most_used"))
    top, kept = (found[name] for name in ("top_experts_disabled_loss_increase_nats", "retention_loss_increase_nats"))
    rows = {
        "the shared experts; as many more routed experts are selected": shared,
        "the expert of each layer that most rows select": most_used,
        **_by_share("the {} of the experts with the largest probabilities in each row", top),
        **_by_share(f"all but the {{}} of the experts that samples of the same {about} select most", kept),
    }
    measured = tuple((what, _nats(value)) for what, value in rows.items() if isinstance(value, float))
    table = Table(
        "Experts disabled in all layers at once",
        ("disabled", "increase of the loss (nats)"),
        "lr",
        measured,
        "The increase of the mean loss, while each gate selects among the experts that are left.",
    )
    return [table] if measured else []


def _by_share(what: str, values: object) -> dict[str, object]:
    """What is disabled -> the value, for each share."""
    if not isinstance(values, dict):
        return {}
    return {what.format(quantity(float(share), "fraction")): value for share, value in values.items()}


ABLATED = ("ablation_loss_increase_nats", "ablation_loss_increase_others_nats")


def retention_picture(trace: Trace, arrays: Arrays) -> Picture:
    """Error and loss with only the m most used experts of one layer, over m; one line per layer."""
    several = [layer.name for layer in trace.layers if layer.experts > 1]
    numbers = {layer.name: number for number, layer in enumerate(trace.layers)}
    shown = shown_layers(several)
    palette = dict(zip(shown, HUES, strict=False))
    panels = (("kept_error_rate", "test error (%)", 100.0), ("kept_loss", "loss (nats per sample)", 1.0))

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        for panel, (name, unit, scale) in zip(figure.subplots(1, 2), panels, strict=True):
            for layer in shown:
                value_E = scale * arrays[name][numbers[layer]]
                m = np.flatnonzero(np.isfinite(value_E))
                panel.plot(m + 1, value_E[m], color=palette[layer], marker="o", markersize=3.5)
            name_axes(panel, "experts kept", unit)
            panel.set_ylim(bottom=0)
            _whole_ticks(panel, arrays["kept_loss"].shape[1])
        _legend(figure, shown, palette)

    ends = "; ".join(
        f"{layer} {_percent(arrays, numbers[layer], 0)} with 1, {_percent(arrays, numbers[layer], -1)} with all"
        for layer in shown
    )
    experts = arrays["kept_loss"].shape[1]
    return Picture(
        "retention",
        "With only the most used experts",
        f"Error and loss over the number of experts kept in one layer. Error: {ends}.",
        "In one layer at a time, only the experts that most rows select are kept, and the gate selects among them. "
        "If a curve is flat from some number on, the other experts are not needed, or can replace each other.",
        draw(FULL, 2.9, paint),
        tuple(
            {"experts_kept": m + 1}
            | {
                f"{layer}: {column}": _cell(arrays[name][numbers[layer], m])
                for layer in shown
                for name, column in (("kept_error_rate", "error_rate"), ("kept_loss", "loss_nats"))
            }
            for m in range(experts)
        ),
        FULL,
    )


def _whole_ticks(panel: "Axes", experts: int) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

    if experts <= 16:
        panel.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        return
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())


def _legend(figure: "Figure", layers: Sequence[str], palette: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=palette[layer], marker="o", markersize=3.5) for layer in layers]
    names = [shortened(layer, 14) for layer in layers]
    figure.legend(lines, names, loc="outside right center", frameon=False, labelcolor=MUTED, fontsize=8.5)


def _percent(arrays: Arrays, number: int, place: int) -> str:
    rate_E = arrays["kept_error_rate"][number]
    return quantity(float(rate_E[np.isfinite(rate_E)][place]), "fraction")


def _digits(value: float) -> str:
    text = f"{value:.2f}"
    return "0" if float(text) == 0 else signed(text).replace("0.", ".", 1)


def _nats(value: float | None) -> str:
    return NONE if value is None else signed(f"{value:.3f}")


def _cell(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
