"""Files, as text, of a new metric, report section, launcher and data set."""

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
