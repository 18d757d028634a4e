"""Gates, experts, objectives and the other parts, with their roles.

A part needs one import for the roles and the pieces that parts are made of: ``from moe_lab.parts import Gate, Linear,
Noise, Sizes, hyper, Count``, in moe-lab's parts and in a user's own file (docs/add-a-part.md). It needs only torch and
NumPy.
"""

from moe_lab.config.ranges import (
    Classes,
    Count,
    ExpertCount,
    Fraction,
    NonNegative,
    NonNegativeInt,
    Positive,
    Range,
    Seed,
    Share,
    Widths,
)
from moe_lab.errors import ConfigError, expect, given
from moe_lab.layers.convolution import BatchNorm2d, Conv2d
from moe_lab.layers.entropy import entropy_nats
from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.modes import evaluating
from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import buffers_named, count_parameters, freeze, hyper, in_order
from moe_lab.parts.baseline import Alone, Baseline
from moe_lab.parts.body import Body
from moe_lab.parts.controller import Controller
from moe_lab.parts.projection import Projection
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import (
    AnyStep,
    Combine,
    Computed,
    Config,
    Experts,
    Gate,
    Labelled,
    Objective,
    Regularizer,
    Step,
    StepSizes,
)
from moe_lab.parts.sizes import Sizes
from moe_lab.parts.stepped import SteppedGate
from moe_lab.parts.steps import Score, Select, Weigh
from moe_lab.parts.traits import ALWAYS, LearnsFrom, Mode, Traits
from moe_lab.routing.choice import capacity, k_largest, log_odds, one_hot, places, ranks
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import (
    Combination,
    ExpertOutput,
    ExpertsOutput,
    GaussianExpertOutput,
    GaussianMixtureOutput,
    MixtureOutput,
)
from moe_lab.routing.values import ValueOutput

__all__ = [
    "ALWAYS",
    "Alone",
    "Baseline",
    "BatchNorm2d",
    "Body",
    "Classes",
    "Combination",
    "Combine",
    "Computed",
    "Config",
    "ConfigError",
    "Controller",
    "Conv2d",
    "Count",
    "ExpertCount",
    "ExpertOutput",
    "Experts",
    "ExpertsOutput",
    "Fraction",
    "Gate",
    "GroupedRows",
    "GaussianExpertOutput",
    "GaussianMixtureOutput",
    "Labelled",
    "LearnsFrom",
    "Linear",
    "MixtureOutput",
    "Mode",
    "Noise",
    "NonNegative",
    "NonNegativeInt",
    "Objective",
    "Positive",
    "Projection",
    "Range",
    "Reason",
    "Regularizer",
    "Routing",
    "Score",
    "Seed",
    "Select",
    "Share",
    "Sizes",
    "AnyStep",
    "Step",
    "StepSizes",
    "SteppedGate",
    "Traits",
    "ValueOutput",
    "Weigh",
    "Widths",
    "buffers_named",
    "capacity",
    "count_parameters",
    "entropy_nats",
    "evaluating",
    "expect",
    "freeze",
    "given",
    "hyper",
    "in_order",
    "k_largest",
    "log_odds",
    "log_softmax",
    "one_hot",
    "places",
    "ranks",
]
