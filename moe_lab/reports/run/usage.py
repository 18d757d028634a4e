"""The usage of each expert over the epochs, as stacked bands. Axes: T epochs, E experts."""

from typing import TYPE_CHECKING

import numpy as np

from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import colours, epoch_ticks, ink_on, name_axes
from moe_lab.reports.run.curves import History, column, expert_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def usage_bands(history: History) -> Picture:
    """Share of the summed normalized weights that each expert got in each epoch, stacked to 100 %."""
    experts = expert_count(history)
    share_TE = np.nan_to_num(np.stack([column(history, f"usage_share_{e}") for e in range(experts)], axis=1))
    edges = np.arange(len(history) + 1) + 0.5
    palette = colours(experts)

    def paint(figure: "Figure", axes: "Axes") -> None:
        top_T = np.zeros(len(history))
        for expert, colour in enumerate(palette):
            low_T, top_T = top_T, top_T + 100 * share_TE[:, expert]
            axes.stairs(top_T, edges, baseline=low_T, fill=True, facecolor=colour, edgecolor="white", linewidth=0.6)
            if share_TE[-1, expert] >= 0.07:
                x, height = edges[-1] - 0.02 * len(history), (low_T[-1] + top_T[-1]) / 2
                axes.text(x, height, str(expert), color=ink_on(colour), ha="right", va="center", fontsize=8.5)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 100)
        name_axes(axes, "epoch", "share of the routing weight (%)")
        axes.grid(visible=False)
        epoch_ticks(axes)

    rows = tuple(
        {"epoch": int(row["epoch"] or 0), **{f"usage_share_{e}": float(share_TE[t, e]) for e in range(experts)}}
        for t, row in enumerate(history)
    )
    shares = ", ".join(f"expert {e} {100 * share:.0f} %" for e, share in enumerate(share_TE[-1]))
    svg = draw(HALF, 2.9, paint)
    return Picture(
        "usage",
        "Usage of each expert",
        f"Stacked bands, one per expert, over {len(history)} epochs. At the end: {shares}.",
        "Each band is an expert, with expert 0 at the bottom. Its height is the expert's share of the routing weight "
        "of the epoch's training samples.",
        svg,
        rows,
        HALF,
        paint,
    )
