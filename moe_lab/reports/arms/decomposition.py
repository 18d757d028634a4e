"""The routings of an arm's runs: loads, classes of matched experts, and agreement of seeds.

Only labels and weights of routing.npz are read, once, and only the arg-max experts are kept.
Axes: N test samples, E experts, C classes, T epochs, n runs.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moe_lab.metrics.balance import COLLAPSE_SHARE
from moe_lab.metrics.bins import bins
from moe_lab.metrics.formulas import arg_max
from moe_lab.metrics.networks import label_of
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.reports.arms.collect import Arm, Member
from moe_lab.reports.network.history import last_layer
from moe_lab.reports.run.curves import column, expert_count
from moe_lab.reports.run.target import printable
from moe_lab.routing.trace_files import read_trace
from moe_lab.statistics import Agreement, Summary, agreement, crossed_seeds, match_experts, mean_over_pairs
from moe_lab.statistics.partitions import table_of
from moe_lab.store.run import Run, Unreadable

#: most runs per arm that are matched and compared with each other, since pairs grow with the square
COMPARED = 20
#: up to this number of pairs per arm, AMI is computed, which costs several times as much as the rest, and the null of
#: matched agreement has many draws; the mean over more pairs needs fewer draws of each
FEW_PAIRS, DRAWS, DRAWS_OF_MANY = 45, 20, 4
#: most histories per arm that are read for usage over time
READ_USAGE = 20


@dataclass(frozen=True, eq=False)
class Routed:
    """The arg-max expert (-1 if no expert got it) and the class of each test sample of one run.

    In regression the class is the known component, or else the tenth.
    """

    expert_N: np.ndarray
    class_N: np.ndarray
    experts: int
    class_names: tuple[str, ...]
    one: str

    @cached_property
    def counts_EC(self) -> np.ndarray:
        """Routed samples by expert and class."""
        routed_N = self.expert_N >= 0
        width = len(self.class_names)
        cells = self.expert_N[routed_N].astype(np.int64) * width + self.class_N[routed_N]
        return np.bincount(cells, minlength=self.experts * width).reshape(self.experts, width)

    @property
    def load_E(self) -> np.ndarray:
        """Shares of the routed samples, the largest first; zeros if none was routed."""
        counts_E = np.sort(self.counts_EC.sum(1))[::-1]
        return counts_E / max(1, counts_E.sum())


def routed(member: Member) -> Routed:
    """The routing of a run; of a network, that of its last mixture layer.

    Raises Unreadable if a file is missing or broken.
    """
    folder = member.stored.path
    if member.stored.kind == "network":
        return _of_last_layer(member.stored)
    try:
        arrays = member.stored.arrays("routing", only=("label", "weights", "component"))
        label_N, weights_NE, component_N = arrays["label"], arrays["weights"], arrays.get("component")
        if weights_NE.ndim != 2 or label_N.shape != weights_NE.shape[:1]:
            raise ValueError("label and weights have shapes that no run writes")
        expert_N = arg_max(weights_NE)
        class_N, names, one = _classes(member, label_N, component_N)
    except (KeyError, ValueError, TypeError) as error:
        raise Unreadable(f"{folder / 'routing.npz'} cannot be read: {error}", folder) from None
    small = np.int16 if weights_NE.shape[1] < 2**15 else np.int64
    return Routed(expert_N.astype(small), class_N, weights_NE.shape[1], names, one)


def _of_last_layer(run: Run) -> Routed:
    trace = read_trace(run)
    label = label_of(trace)
    arrays = TraceArrays(trace, trace.layers[-1].name, label)
    return Routed(arrays.expert_N, arrays.class_N, arrays.experts, arrays.class_names, label)


def _classes(
    member: Member, label_N: np.ndarray, component_N: np.ndarray | None
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The class of each sample, the names of all classes, and the word for one of them."""
    numbers = label_N.dtype.kind == "f"
    if numbers and component_N is None:
        return bins(label_N).astype(np.int16), tuple(str(tenth + 1) for tenth in range(10)), "tenth of y"
    class_N = component_N if numbers and component_N is not None else label_N
    if class_N.min(initial=0) < 0:
        raise ValueError("a class is negative")
    evaluation = member.stored.arrays("evaluation")
    names = evaluation.get("component_names" if numbers else "class_names", np.arange(class_N.max(initial=0) + 1))
    one = printable(evaluation.get("component", "component")) if numbers else "class"
    known = tuple(printable(name) for name in names)
    return class_N.astype(np.int32), known + tuple(map(str, range(len(known), int(class_N.max(initial=0)) + 1))), one


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The routings of an arm's counted runs, in order."""

    arm: Arm
    runs: tuple[Routed, ...]

    @cached_property
    def alike(self) -> tuple[int, ...]:
        """Places of the runs that can be matched: those with the experts and samples of the first, usually all.

        At most the first COMPARED.
        """
        first = self.runs[0]
        places = [
            place
            for place, run in enumerate(self.runs)
            if run.experts == first.experts and np.array_equal(run.class_N, first.class_N)
        ]
        return tuple(places[:COMPARED])

    @cached_property
    def uncollapsed(self) -> tuple[int, ...]:
        """The runs among ``alike`` that did not collapse; all if all did."""
        return tuple(p for p in self.alike if self.runs[p].load_E[0] <= COLLAPSE_SHARE) or self.alike

    @cached_property
    def load_nE(self) -> np.ndarray:
        """Sorted loads of the runs with as many experts as the first."""
        return np.stack([run.load_E for run in self.runs if run.experts == self.runs[0].experts])

    @cached_property
    def pairs(self) -> dict[tuple[int, int], Agreement]:
        """(place, place) -> agreement, for all pairs of ``alike``; empty with one expert."""
        if self.runs[0].experts < 2:
            return {}
        pairs = list(itertools.combinations(self.alike, 2))
        few = len(pairs) <= FEW_PAIRS
        return {pair: self._agreement(*pair, ami=few, draws=DRAWS if few else DRAWS_OF_MANY) for pair in pairs}

    def _agreement(self, here: int, there: int, *, ami: bool, draws: int) -> Agreement:
        one, other = self.runs[here], self.runs[there]
        experts = one.expert_N.astype(np.int64), other.expert_N.astype(np.int64)
        return agreement(*experts, one.class_N, experts=one.experts, others=other.experts, ami=ami, draws=draws)

    def over_pairs(self, what: str) -> Summary | None:
        """The mean of an attribute of Agreement over the pairs with a defined value; None if there are none."""
        found = {pair: value for pair, one in self.pairs.items() if (value := getattr(one, what)) is not None}
        return mean_over_pairs(found) if found else None

    @property
    def undefined_pairs(self) -> int:
        return sum(one.reason is not None for one in self.pairs.values())

    @cached_property
    def crossed(self) -> dict[str, Summary]:
        """Mean agreement by shared seeds, if initialization and order have separate seeds; else empty."""
        excess = {pair: one.excess for pair, one in self.pairs.items() if one.excess is not None}
        init, order, _ = zip(*(member.seed for member in self.arm.counted), strict=True)
        found = crossed_seeds(excess, init, order)
        return found if len(found) > 1 else {}

    @cached_property
    def matched_counts_EC(self) -> np.ndarray:
        """Class shares of matched experts, mean over the runs that did not collapse.

        Rows are the experts of the most typical run, columns the classes; columns sum to 1 (0 for a class without a
        routed sample).
        """
        middle = self._most_typical()
        base = self.runs[middle]
        shares = []
        for place in self.uncollapsed:
            run = self.runs[place]
            both_N = (base.expert_N >= 0) & (run.expert_N >= 0)
            pair = base.expert_N[both_N].astype(np.int64), run.expert_N[both_N].astype(np.int64)
            counts_EC = run.counts_EC[match_experts(table_of(*pair, base.experts, run.experts))]
            shares.append(counts_EC / np.maximum(counts_EC.sum(0), 1))
        return np.mean(shares, 0)

    def _most_typical(self) -> int:
        """The run that agrees most with the others; the first if there are no comparisons."""
        total = dict.fromkeys(self.uncollapsed, 0.0)
        for pair, one in self.pairs.items():
            for place in set(pair) & total.keys():
                total[place] += one.ari or 0.0
        return max(total, key=lambda place: total[place])


def decompositions(arms: Sequence[Arm]) -> list[Decomposition]:
    """Decompositions of the arms whose first counted run has several experts and routed a sample.

    Raises Unreadable as ``routed``.
    """
    found = [Decomposition(arm, tuple(routed(member) for member in arm.counted)) for arm in arms]
    return [one for one in found if one.runs[0].experts > 1 and one.runs[0].counts_EC.any()]


def sorted_usage_TE(member: Member) -> np.ndarray | None:
    """Shares of the routing weight in each epoch, the largest first; None if the history has none."""
    if not (member.stored.path / "history.csv").is_file():
        return None
    history = last_layer(member.stored)
    experts = expert_count(history)
    if experts < 2:
        return None
    return np.sort(np.stack([column(history, f"usage_share_{e}") for e in range(experts)], 1), 1)[:, ::-1]
