"""The sources of a table's parts, optimizers, metrics and statistics."""

from typing import Any

from moe_lab.config.catalog import catalog
from moe_lab.errors import ConfigError
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import parts_of
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.kit.choices import VALUES, lookup
from moe_lab.reports.paper.chosen import Chosen

OURS = "The moe-lab developers"
FLIPS, HOLM = "Fisher 1935", "Holm 1979"
#: beginning of an interval's name -> its source
INTERVALS = {
    "Student t": "Student 1908",
    "Student t of the log": "Oehlert 1992",
    "BCa bootstrap": "Efron 1987",
}
OPTIMIZERS = {
    "adam": "Kingma and Ba 2015, arXiv:1412.6980",
    "adamw": "Loshchilov and Hutter 2019, arXiv:1711.05101",
    "normalized_gd": "Chen, Deng, Wu, Gu and Li 2022, arXiv:2208.02813",
}


class Sources:
    """The sources and summaries of options, read from the parts' files once per group."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, dict[str, str]]] = {}

    def of(self, group: str, option: str) -> str:
        """The source of an option; empty for an option of a user's own folder, or if none is named."""
        return self._row(group, option).get("source", "")

    def summary(self, group: str, option: str) -> str:
        """What an option is, in a sentence; empty for an option of a user's own folder."""
        return self._row(group, option).get("summary", "")

    def _row(self, group: str, option: str) -> dict[str, str]:
        if group not in self._known:
            try:
                self._known[group] = {row["name"]: row for row in catalog(group)}
            except ConfigError:
                self._known[group] = {}
        return self._known[group].get(option, {})


def config_of(arm: Arm) -> dict[str, Any]:
    """The config of one of its runs; they differ only in their seeds."""
    return arm.counted[0].stored.config


def options_of(arm: Arm) -> dict[str, list[str]]:
    """group -> the options chosen."""
    chosen = arm.counted[0].stored.status.get("choices") or {}
    return {group: [str(one) for one in (of if isinstance(of, list) else [of])] for group, of in chosen.items()}


def metric_source(name: str) -> str:
    """The source of a metric, also of one layer's, ``block0.load_entropy_bits``."""
    metric = METRICS.get(parts_of(name)[1])
    return metric.source if metric else ""


def interval_sources(methods: list[str]) -> list[str]:
    """The sources of these intervals."""
    return [source for start, source in INTERVALS.items() if any(one.startswith(start) for one in methods)]


def sources_used(chosen: Chosen) -> list[tuple[str, str]]:
    """Pairs (use, source), moe-lab first."""
    sources = Sources()
    parts: dict[str, str] = {}
    optimizers: dict[str, str] = {}
    for arm in chosen.arms:
        for group, options in options_of(arm).items():
            parts |= {f"{group}={one}": sources.of(group, one) for one in options}
        optimizer = str(lookup(config_of(arm), VALUES["optimizer"]))
        optimizers[f"trainer.optimizer={optimizer}"] = OPTIMIZERS.get(optimizer, "")
    tests = {"the paired test": FLIPS, "the correction for several comparisons": HOLM}
    named = {"moe-lab": OURS} | parts | optimizers | {name: metric_source(name) for name in chosen.names}
    named |= tests if chosen.best.comparisons else {}
    return [*named.items(), *(("the intervals", source) for source in interval_sources(chosen.methods))]
