"""The routing of each mixture layer over the epochs. Axes: T epochs, L layers, E experts, C classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.formulas import mutual_information_bits
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.style import HUES, epoch_ticks, label_ends, name_axes
from moe_lab.reports.network.history import Row, layers_of, of_layer
from moe_lab.reports.network.shown import left_out, shown_layers
from moe_lab.reports.run.curves import entropy_curve, expert_count
from moe_lab.reports.run.usage import usage_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def layer_dynamics(history: Sequence[Row], counts_TLEC: np.ndarray | None, about: str) -> list[Section]:
    """Usage and entropies of each layer, and its experts' information about the class; none for layers of one expert.

    counts_TLEC: rows of the validation split after each epoch, by layer, arg-max expert and class (of a language model
    the next token, see ``about``); None if there are none.
    """
    names = layers_of(list(history))
    of_each = {name: of_layer(list(history), name) for name in names}
    several = [name for name in names if expert_count(of_each[name]) > 1]
    if not several:
        return []
    pictures = []
    if counts_TLEC is not None:
        pictures.append(information_curves(counts_TLEC, names, about))
    for place, name in enumerate(shown_layers(several)):
        for picture in (usage_bands(of_each[name]), entropy_curve(of_each[name])):
            title = f"{picture.title}: {shortened(name, 30)}"
            pictures.append(replace(picture, stem=f"{picture.stem}_{place}", title=title))
    return [Section("The routing of each layer over the epochs", tuple(pictures), left_out(several))]


def information_curves(counts_TLEC: np.ndarray, names: Sequence[str], about: str) -> Picture:
    """I(E;class), or about ``about`` in place of the class, of validation rows after each epoch, one line per layer."""
    shown = shown_layers(names)
    bits_LT = np.array(
        [
            [mutual_information_bits(counts_TLEC[t, names.index(name)]) for t in range(len(counts_TLEC))]
            for name in shown
        ]
    )
    epochs = range(1, len(counts_TLEC) + 1)
    palette = dict(zip(shown, HUES, strict=False))

    def paint(figure: "Figure", axes: "Axes") -> None:
        for name, bits_T in zip(shown, bits_LT, strict=True):
            axes.plot(epochs, bits_T, color=palette[name], marker="o" if len(epochs) < 8 else "", markersize=4)
        axes.margins(x=0.02)
        axes.set_ylim(0, max(1.08 * float(bits_LT.max()), 0.1))
        name_axes(axes, "epoch", f"I(E;{about}) (bits)")
        epoch_ticks(axes)
        label_ends(
            axes, [(float(bits_LT[at, -1]), shortened(name, 12), palette[name]) for at, name in enumerate(shown)]
        )

    ends = ", ".join(f"{name} {bits:.2f} bits" for name, bits in zip(shown, bits_LT[:, -1], strict=True))
    return Picture(
        "information",
        f"What the choice of expert tells about the {about}",
        f"I(E;{about}) over {len(epochs)} epochs, one line per layer. At the end: {ends}.",
        f"Mutual information of a row's arg-max expert and its {about}, plug-in, over the rows of the validation "
        "split after each epoch. It is at most the entropy of either.",
        draw(HALF, 2.9, paint),
        tuple({"epoch": t} | dict(zip(shown, bits_LT[:, t - 1].tolist(), strict=True)) for t in epochs),
        HALF,
    )
