"""A language model's predictions in its report: loss by place and domain, compared with the best known values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab.metrics.networks import TOKEN_LABEL
from moe_lab.reports.kit.numbers import NONE, quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.style import ACCENT, MUTED, epoch_ticks, log_ticks, name_axes
from moe_lab.reports.kit.table import Table
from moe_lab.reports.network.history import Row
from moe_lab.routing.trace import Trace
from moe_lab.store.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: metric -> name of its column
BY_PLACE = {"test_loss_by_place_nats": "this run", "bayes_loss_by_place_nats": "the Bayes mixture"}
BY_DOMAIN = {"test_loss_by_domain_nats": "loss (nats per token)", "entropy_rate_by_domain_nats": "entropy rate (nats)"}
KNOWS = "bayes_router_accuracy_by_place"
#: name in test.npz: the mean loss of the Bayes mixture on the validation split
VALIDATION = "bayes_validation_loss"
#: an excess below this fraction of the Bayes loss counts as near
NEAR = 0.02


def token_names(run: Run) -> list[str]:
    """The names of the tokens, by their number."""
    return [str(name) for name in run.arrays("test")["class_names"]]


def language_sections(run: Run, trace: Trace) -> list[Section]:
    """The loss by place and by domain, and its distance from the best one if that is known."""
    gaps = gap_pictures(run.history_rows, run.arrays("test").get(VALIDATION), steps_an_epoch(run))
    pictures = (place_picture(run.metrics), *gaps)
    return [Section("Predictions", pictures, (), (domain_table(run.metrics, trace),))]


def steps_an_epoch(run: Run) -> int | None:
    """The number of steps in an epoch of training; None if it is not known, as in runs of earlier versions."""
    if not run.has("selections"):
        return None
    return int(run.arrays("selections", ["step"])["step"][-1]) // int(run.config["trainer"]["epochs"])


def gap_pictures(history: Sequence[Row], best: np.ndarray | None, steps: int | None) -> tuple[Picture, ...]:
    """Validation loss after each epoch minus ``best``, that of the Bayes mixture on the same tokens, over the steps of
    training if those of an epoch are known.

    None if ``best`` is not known, or no epoch has a validation loss.
    """
    found = {int(row["epoch"] or 0): loss for row in history if (loss := row.get("validation_loss_nats")) is not None}
    if best is None or not found or best == 0:
        return ()
    least = float(best)
    gaps = {epoch: loss - least for epoch, loss in found.items()}

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.plot([epoch * (steps or 1) for epoch in gaps], list(gaps.values()), color=ACCENT, marker="o", markersize=4)
        if min(gaps.values()) > 0:
            axes.set_yscale("log")
            log_ticks(axes.yaxis)
        axes.axhline(NEAR * least, color=MUTED, linestyle="--", linewidth=0.9)
        words: dict[str, Any] = {"color": MUTED, "va": "center", "fontsize": 8.5}
        axes.text(1.02, NEAR * least, quantity(NEAR, "fraction"), transform=axes.get_yaxis_transform(), **words)
        name_axes(axes, "step" if steps else "epoch", "loss above the Bayes mixture (nats)")
        epoch_ticks(axes)

    first, last = next(iter(gaps)), list(gaps)[-1]
    values = "; ".join(
        f"after epoch {epoch} {gaps[epoch]:+.3g} nats, {quantity(gaps[epoch] / least, 'fraction')}"
        for epoch in dict.fromkeys((first, last))
    )
    caption = (
        "The Bayes mixture knows the chains, but not which chain a window is from. Its loss is "
        f"{quantity(least, 'nats')} per token of the validation split. Dashed: {quantity(NEAR, 'fraction')} more. A "
        "run may be below it by chance of the split."
    )
    rows = tuple(
        {"epoch": epoch}
        | ({"step": epoch * steps} if steps else {})
        | {"validation loss": loss, "the Bayes mixture": least}
        | {"above (nats)": gaps[epoch], "above (share)": gaps[epoch] / least}
        for epoch, loss in found.items()
    )
    alt = f"Validation loss minus that of the Bayes mixture over the epochs: {values}."
    return (
        Picture("bayes_gap", "Distance from the best prediction", alt, caption, draw(HALF, 2.9, paint), rows, HALF),
    )


def place_picture(metrics: Mapping[str, Any]) -> Picture:
    """The loss at each place of a window, with that of the Bayes mixture if it is known."""
    losses = {label: found for name, label in BY_PLACE.items() if (found := metrics[name]["value"]) is not None}
    places = list(next(iter(losses.values())))
    router = metrics[KNOWS]["value"]

    def paint(figure: "Figure", axes: "Axes") -> None:
        for (label, of_places), colour in zip(losses.items(), (ACCENT, MUTED), strict=False):
            axes.plot(range(len(places)), of_places.values(), color=colour, marker="o", markersize=4, label=label)
        axes.set_xticks(range(len(places)), places, parse_math=False)
        axes.set_ylim(bottom=0)
        name_axes(axes, "place in the window", "loss (nats per token)")
        axes.legend(frameon=False, fontsize=8.5)

    ends = "; ".join(
        f"{label} {quantity(of_places[places[0]], 'nats')} at place {places[0]}, "
        f"{quantity(of_places[places[-1]], 'nats')} at {places[-1]}"
        for label, of_places in losses.items()
    )
    known = (
        " The Bayes router, which knows the chains, selects the right one for "
        f"{quantity(router[places[0]], 'fraction')} of the tokens at place {places[0]}, and for "
        f"{quantity(router[places[-1]], 'fraction')} at {places[-1]}."
        if router
        else ""
    )
    return Picture(
        "loss_by_place",
        "Loss by place",
        f"The test loss over the place in the window. {ends[0].upper()}{ends[1:]}.",
        f"As far as the curve falls, a longer context helps to predict the next token.{known}",
        draw(HALF, 2.9, paint),
        tuple({"place": one} | {label: of_places[one] for label, of_places in losses.items()} for one in places),
        HALF,
    )


def domain_table(metrics: Mapping[str, Any], trace: Trace) -> Table:
    """The loss on each domain, with the entropy rate of its chain if it is known."""
    found = {label: one for name, label in BY_DOMAIN.items() if (one := metrics[name]["value"]) is not None}
    names = trace.label(TOKEN_LABEL).names
    rows = tuple((name, *(_nats(one.get(name)) for one in found.values())) for name in names)
    known = " The expected loss is never below the entropy rate, even if the domain is known." if len(found) > 1 else ""
    return Table(
        "Loss by domain",
        ("domain", *found),
        "l" + "r" * len(found),
        rows,
        f"Means over the test tokens of each domain.{known}",
    )


def _nats(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
