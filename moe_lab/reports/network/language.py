"""What the report of a language model says of its predictions: the loss by place and domain, beside what is known."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moe_lab.metrics.networks import TOKEN_LABEL
from moe_lab.reports.kit.numbers import NONE, quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.style import ACCENT, MUTED, name_axes
from moe_lab.reports.kit.table import Table
from moe_lab.routing.trace import Trace
from moe_lab.store.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: metric -> what its column is called
BY_PLACE = {"test_loss_by_place_nats": "this run", "bayes_loss_by_place_nats": "the Bayes mixture"}
BY_DOMAIN = {"test_loss_by_domain_nats": "loss (nats a token)", "entropy_rate_by_domain_nats": "entropy rate (nats)"}
KNOWS = "bayes_router_accuracy_by_place"


def token_names(run: Run) -> list[str]:
    """What the tokens are called, by their number."""
    return [str(name) for name in run.arrays("test")["class_names"]]


def language_sections(run: Run, trace: Trace) -> list[Section]:
    """The loss by place and by domain."""
    return [Section("Predictions", (place_picture(run.metrics),), (), (domain_table(run.metrics, trace),))]


def place_picture(metrics: Mapping[str, Any]) -> Picture:
    """The loss at each place of a window, beside that of the Bayes mixture if it is known."""
    losses = {label: found for name, label in BY_PLACE.items() if (found := metrics[name]["value"]) is not None}
    places = list(next(iter(losses.values())))
    router = metrics[KNOWS]["value"]

    def paint(figure: "Figure", axes: "Axes") -> None:
        for (label, of_places), colour in zip(losses.items(), (ACCENT, MUTED), strict=False):
            axes.plot(range(len(places)), of_places.values(), color=colour, marker="o", markersize=4, label=label)
        axes.set_xticks(range(len(places)), places, parse_math=False)
        axes.set_ylim(bottom=0)
        name_axes(axes, "place in the window", "loss (nats a token)")
        axes.legend(frameon=False, fontsize=8.5)

    ends = "; ".join(
        f"{label} {quantity(of_places[places[0]], 'nats')} at place {places[0]}, "
        f"{quantity(of_places[places[-1]], 'nats')} at {places[-1]}"
        for label, of_places in losses.items()
    )
    known = (
        f" The Bayes router, which knows the chains, names the right one at place {places[0]} in "
        f"{quantity(router[places[0]], 'fraction')}, at {places[-1]} in {quantity(router[places[-1]], 'fraction')}."
        if router
        else ""
    )
    return Picture(
        "loss_by_place",
        "Loss by place",
        f"The test loss over the place in the window. {ends[0].upper()}{ends[1:]}.",
        f"Reading more before a token helps to predict the next one, as far as the curve falls.{known}",
        draw(HALF, 2.9, paint),
        tuple({"place": one} | {label: of_places[one] for label, of_places in losses.items()} for one in places),
        HALF,
    )


def domain_table(metrics: Mapping[str, Any], trace: Trace) -> Table:
    """The loss on each domain, beside the entropy rate of its chain if it is known."""
    found = {label: one for name, label in BY_DOMAIN.items() if (one := metrics[name]["value"]) is not None}
    names = trace.label(TOKEN_LABEL).names
    rows = tuple((name, *(_nats(one.get(name)) for one in found.values())) for name in names)
    known = " No reader, not even one who knows the domain, gets below the entropy rate." if len(found) > 1 else ""
    return Table(
        "Loss by domain",
        ("domain", *found),
        "l" + "r" * len(found),
        rows,
        f"Means over the test tokens of each domain.{known}",
    )


def _nats(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
