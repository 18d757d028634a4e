"""New gates, a metric, a report section, a launcher and a data set: what docs/architecture.md says one takes."""

from pathlib import Path
from typing import NamedTuple


class Addition(NamedTuple):
    """``written``: new files; ``changed``: (before, after) in others; ``made``: pages by their scripts."""

    written: dict[str, str]
    changed: dict[str, tuple[tuple[str, str], ...]] = {}
    made: dict[str, str] = {}

    @property
    def files(self) -> tuple[list[str], list[str]]:
        """What makes it work, and what moe-lab itself has besides: tests, and pages about all parts."""
        files = [*self.written, *self.changed, *self.made]
        besides = [file for file in files if file.startswith(("tests/", "docs/"))]
        return [file for file in files if file not in besides], besides

    def bring(self, root: Path) -> None:
        """Bring it into a copy of the repository; pages are left to their scripts."""
        for name, text in self.written.items():
            assert not (root / name).exists(), name
            (root / name).write_text(text)
        for name, replaced in self.changed.items():
            text = (root / name).read_text()
            for before, after in replaced:
                assert text.count(before) == 1, f"{name}: {before}"
                text = text.replace(before, after)
            (root / name).write_text(text)


SCORE = '''"""Distance scores."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Score, Sizes


class Distance(Score):
    """z_e = -|x - m_e|^2 / (2 D): the nearer to its centre m_e, the larger.

    Source: Xu, Jordan and Hinton 1995, An alternative model for mixtures of experts.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.m_ED = nn.Parameter(torch.empty(sizes.experts, sizes.features).normal_())

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Tensor:
        apart_BED = x_BD.unsqueeze(-2) - self.m_ED.unsqueeze(-3)
        return -apart_BED.square().mean(-1) / 2
'''
SCORE_TEST = """import torch

from moe_lab.parts.gates.score.distance import Distance


def test_scores_are_squared_distances(sizes, draw, noise):
    score, x = Distance(sizes()), draw(7, 12)
    torch.testing.assert_close(score(x, None, noise), -torch.cdist(x, score.m_ED).square() / 24)
"""
NAMED = """# Cosine scores, and the one largest.
# Source: moe-lab.
defaults:
  - score: cosine
  - select: top_k
  - weigh: softmax
  - _self_

_target_: moe_lab.parts.gates.composed.ComposedGate
k: 1
# probabilities, logits; null: what fits the gate and k
combine: null
"""
NAMED_TEST = """import torch

from tests.conformance.cases import GateCase

CASE = GateCase(grows=True)


def test_one_expert_of_the_largest_cosine(gate_of, draw, noise):
    routing = gate_of("nearest")(draw(7, 12), None, noise)
    assert torch.equal(routing.selected_BE.int().argmax(-1), routing.logits_BE.argmax(-1))
    assert (routing.selected_BE.sum(-1) == 1).all()
"""
#: two traits that no other gate has: rows depend on their batch-mates in evaluation alone, and weights that do not sum
#: to one come without logits
ODD = '''"""Experts whose share is above their mean share."""

from torch import Tensor
from torch.nn import functional

from moe_lab.parts import Combine, ExpertsOutput, Gate, Linear, Noise, Routing, Share, Sizes, Traits, hyper


class AboveMean(Gate):
    """s_e = sigmoid(x W + b) where it is above a threshold: in training a fixed one, at test the mean of the batch.

    The extra ``margin_BE`` is s less the threshold; probs are s with rows divided by their sums.
    Source: moe-lab.

    threshold: the threshold in training.
    k:         null; every expert.
    combine:   "logits"; null: resolved when the config is composed.
    """

    traits = Traits(
        rows_sum_to_one=False,
        active="learned",
        k="every",
        gives_logits=False,
        extras=frozenset({"margin_BE"}),
        batch_dependent=frozenset({"evaluation"}),
    )

    def __init__(
        self, sizes: Sizes, *, threshold: Share = 0.4, k: None = None, combine: Combine | None = None
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.linear = Linear(sizes.features, sizes.experts)
        self.threshold_11 = hyper(threshold, axes=2)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        z_BE = self.linear(x_BD)
        share_BE = z_BE.sigmoid()
        margin_BE = share_BE - (self.threshold_11 if self.training else share_BE.mean(-2, keepdim=True))
        weights_BE = share_BE * (margin_BE > 0)
        probs_BE = functional.logsigmoid(z_BE).softmax(-1)
        return Routing(probs_BE, weights_BE, weights_BE > 0, extras={"margin_BE": margin_BE})
'''
ODD_YAML = """_target_: moe_lab.parts.gates.above_mean.AboveMean
# the threshold in training
threshold: 0.4
# every expert
k: null
# logits; null: what fits the gate and k
combine: null
"""
ODD_TEST = """import math

import torch

from moe_lab.parts.gates.above_mean import AboveMean
from tests.conformance.cases import GateCase

CASE = GateCase(
    k=[5],
    selects_k=False,
    mixes="never",
    batch_dependent={"evaluation"},
    steps=False,
    signed=[],  # it has no logits
    forms=[["gate.threshold=0.3"]],
    numbers=["gate.threshold=0.3"],
)


def test_two_samples_by_hand(sizes, noise):
    # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4, sigmoid(0) = 1/2; means at test 1/2 and 1/2
    gate = AboveMean(sizes(shape=(1,), experts=2, k=2))
    gate.linear.weight_IO.data = torch.tensor([[math.log(3), 0.0]])
    gate.linear.bias_1O.data.zero_()
    x = torch.tensor([[1.0], [-1.0]])
    torch.testing.assert_close(gate(x, None, noise).weights_BE, torch.tensor([[0.75, 0.5], [0.0, 0.5]]))
    routing = gate.eval()(x, None, noise)
    torch.testing.assert_close(routing.weights_BE, torch.tensor([[0.75, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(routing.extras["margin_BE"], torch.tensor([[0.25, 0.0], [-0.25, 0.0]]))
    torch.testing.assert_close(routing.probs_BE, torch.tensor([[0.6, 0.4], [1 / 3, 2 / 3]]))
"""
METRIC = '''

@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab", task="classification")
def mean_confidence(arrays: ClassArrays) -> float:
    """Mean over the test samples of the largest probability that the mixture gives a class."""
    return np.exp(arrays.log_probs_NC.astype(np.float64).max(1)).mean()
'''
HEAD = (
    "from moe_lab.metrics.registry import Undefined, metric, require_choice, require_routed, require_several_experts\n"
)
SECTION = '''"""How sure the mixture is of what it says."""

import numpy as np

from moe_lab.metrics.arrays import ClassArrays
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.table import Table


def confidence_section(arrays: ClassArrays) -> Section:
    """Quartiles of max_c q(c) over the test samples."""
    quartiles = np.quantile(np.exp(arrays.log_probs_NC.max(1)), [0.25, 0.5, 0.75])
    row = ("all experts together", *(f"{quartile:.3f}" for quartile in quartiles))
    caption = f"Quartiles over the test samples (n = {arrays.samples})."
    table = Table("The largest probability", ("", "25 %", "50 %", "75 %"), "lrrr", (row,), caption)
    return Section("How sure it is", tables=(table,))
'''
SECTION_TEST = '''import numpy as np

from moe_lab.metrics.arrays import ClassArrays
from moe_lab.reports.run.confidence import confidence_section


def test_quartiles_by_hand():
    """Largest probabilities .5 .6 .7 .8 .9: the quartiles are the second, third and fourth."""
    arrays = object.__new__(ClassArrays)
    large = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    arrays.__dict__.update(log_probs_NC=np.log([large, 1 - large]).T, label_N=large)
    [table] = confidence_section(arrays).tables
    assert table.rows[0][1:] == ("0.600", "0.700", "0.800") and "n = 5" in table.caption
'''
LAUNCHER = '''"""One job after the other, the last of the plan first."""

from collections.abc import Iterator, Sequence

from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked


class Backwards(Serial):
    """One job after the other, the last of the plan first."""

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        return super().launch(tasks[::-1], work, stop_asked)
'''
LAUNCHER_TEST = '''"""The launcher that begins at the end."""

from moe_lab.sweeps.launchers.backwards import Backwards


def test_the_last_comes_first():
    ended = Backwards().launch(["a", "b"], lambda task, stop: None, lambda: False)
    assert [one.task for one in ended] == ["b", "a"]
'''
DATA = '''"""Stripes in the plane."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moe_lab.data.toy import Points, Toy, numbered


@dataclass(kw_only=True)
class ToyStripes(Toy):
    """Four upright stripes in the unit square, of two classes in turns; the true group is the stripe."""

    name: ClassVar[str] = "toy_stripes"
    truth: ClassVar[str] = "stripe"

    @property
    def groups(self) -> int:
        return 4

    @property
    def class_names(self) -> tuple[str, ...]:
        return numbered(2)

    def draw(self, rng: np.random.Generator) -> Points:
        stripe_N = self.even_groups()
        x_N2 = rng.random((self.samples, 2))
        x_N2[:, 0] = (x_N2[:, 0] + stripe_N) / self.groups
        return Points(x_N2, stripe_N % 2, stripe_N)
'''
DATA_YAML = """# Upright stripes in the plane, of two classes in turns.
_target_: moe_lab.data.toy_stripes.ToyStripes
samples: 3000
data_seed: 0
validation_share: 0.1
split_seed: 0
"""
DATA_TEST = """import numpy as np

from moe_lab.data.toy_stripes import ToyStripes


def test_a_point_lies_in_its_stripe():
    points = ToyStripes(samples=40).draw(np.random.default_rng(0))
    assert np.array_equal(np.floor(4 * points.x_N2[:, 0]), points.group_N)
    assert np.array_equal(points.group_N % 2, points.y_N)
"""

ADDITIONS = {
    "a step of a gate (score, selection or weighting)": Addition(
        {
            "moe_lab/parts/gates/score/distance.py": SCORE,
            "conf/gate/score/distance.yaml": "_target_: moe_lab.parts.gates.score.distance.Distance\n",
            "tests/conformance/score/test_distance.py": SCORE_TEST,
        }
    ),
    "a gate of existing steps": Addition(
        {"conf/gate/nearest.yaml": NAMED, "tests/conformance/gate/test_nearest.py": NAMED_TEST},
        made={"docs/pairs.md": "docs.pairs"},
    ),
    "a gate that is one class": Addition(
        {
            "moe_lab/parts/gates/above_mean.py": ODD,
            "conf/gate/above_mean.yaml": ODD_YAML,
            "tests/conformance/gate/test_above_mean.py": ODD_TEST,
        },
        made={"docs/pairs.md": "docs.pairs"},
    ),
    "a metric": Addition(
        {},
        {
            "moe_lab/metrics/competence.py": ((HEAD, HEAD + METRIC),),
            "tests/metrics/test_all_metrics.py": (
                (
                    '    "test_error_rate": 2 / 5,\n',
                    '    "test_error_rate": 2 / 5,\n    "mean_confidence": 1 / 2,\n',
                ),
                ('    "oracle_error_rate",\n', '    "oracle_error_rate",\n    "mean_confidence",\n'),
            ),
        },
        {"docs/metrics.md": "docs.metrics"},
    ),
    "a section of a run's report": Addition(
        {"moe_lab/reports/run/confidence.py": SECTION, "tests/reports/run/test_confidence.py": SECTION_TEST},
        {
            "moe_lab/reports/run/sections.py": (
                (
                    "from moe_lab.reports.run.coactivation import coactivation_picture\n",
                    "from moe_lab.reports.run.coactivation import coactivation_picture\n"
                    "from moe_lab.reports.run.confidence import confidence_section\n",
                ),
                (
                    "_competence(run, arrays, target), *_alike(run, arrays)]",
                    "_competence(run, arrays, target), *_alike(run, arrays)]\n"
                    "    if isinstance(arrays, ClassArrays):\n        after.append(confidence_section(arrays))",
                ),
            )
        },
    ),
    "a launcher": Addition(
        {
            "moe_lab/sweeps/launchers/backwards.py": LAUNCHER,
            "conf/launcher/backwards.yaml": "_target_: moe_lab.sweeps.launchers.backwards.Backwards\n",
            "tests/sweeps/test_backwards.py": LAUNCHER_TEST,
        }
    ),
    "a data set": Addition(
        {
            "moe_lab/data/toy_stripes.py": DATA,
            "conf/dataset/toy_stripes.yaml": DATA_YAML,
            "tests/data/test_toy_stripes.py": DATA_TEST,
        }
    ),
}
