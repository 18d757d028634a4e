"""What the conformance tests of parts share: small sizes, all distinct, so that a wrong broadcast fails."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from moe_lab.data.dataset import Data, Split
from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator
from moe_lab.parts.roles import Gate, Sizes, Step
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, MixtureOutput
from moe_lab.training.learner import Learner
from tests.composing import composed
from tests.conformance.cases import case_of

SIZES = Sizes(shape=(1, 3, 4), classes=4, experts=5, k=5, hidden=6)
SMALL = ["experts=mlp", "experts.count=5", "experts.hidden=6"]


def split(samples: int, seed: int) -> Split:
    x = torch.randn(samples, 12, generator=torch.Generator().manual_seed(seed))
    return Split(x, x[:, :4].argmax(-1), torch.arange(samples))


@pytest.fixture(scope="session")
def small_data() -> Data:
    """Four classes: the class is the largest of four normal numbers. 90 samples for training, 20 and 30."""
    splits = [split(samples, seed) for seed, samples in enumerate((90, 20, 30))]
    return Data(*splits, (1, 3, 4), ("a", "b", "c", "d"), {"class": splits[2].y_N.numpy()})


@pytest.fixture
def sizes():
    """R=3 (where there are runs), B=7, E=5, C=4, D=12, H=6; ``sizes(k=2)`` changes some."""
    return lambda **changes: replace(SIZES, **changes)


@pytest.fixture
def noise() -> Noise:
    return Noise([generator(0, "noise")])


@pytest.fixture
def step_of(noise):
    """A Step for objectives and regularizers from bare tensors; what is not given is not there to be read."""

    def make(
        *,
        probs_BE: Tensor | None = None,
        weights_BE: Tensor | None = None,
        x_BD: Tensor | None = None,
        y_B: Tensor | None = None,
        log_probs_BC: Tensor | None = None,
        log_probs_BEC: Tensor | None = None,
        hidden_BEH: Tensor | None = None,
        gate: nn.Module | None = None,
        extras: dict[str, Tensor] | None = None,
        **routing: Tensor,
    ) -> Step:
        given = {"selected_BE": None, "extras": extras or {}, **routing}
        routing = Routing(probs_BE=probs_BE, weights_BE=weights_BE, **given)
        output = MixtureOutput(routing, ExpertOutput(log_probs_BEC, hidden_BEH), log_probs_BC)
        return Step(x_BD, y_B, output, routing, gate or nn.Identity(), nn.Identity(), noise)

    return make


@pytest.fixture
def draw():
    """Standard normal numbers of a shape, from a generator of the test's own."""
    source = torch.Generator().manual_seed(3)
    return lambda *shape: torch.randn(*shape, generator=source)


@pytest.fixture
def learner_of():
    """A learner composed of words, as the command line composes it, on small sizes: E=5, C=4, D=12, H=6.
    ``classes=0`` is for targets that are numbers."""

    def make(*words: str, seed: int = 0, shape: tuple[int, ...] = SIZES.shape, classes: int = SIZES.classes) -> Learner:
        small = [] if any(word.startswith("experts=") for word in words) else SMALL
        if shape == SIZES.shape:
            gates = [word.removeprefix("gate=") for word in words if word.startswith("gate=")]
            small = [*small, *(word for gate in gates for word in case_of("gate", gate).small)]
        return build_learner(composed(*small, *words), shape, classes, seed)

    return make


@pytest.fixture
def gate_of(learner_of):
    def make(name: str, k: int | None = None) -> Gate:
        return learner_of(f"gate={name}", f"k={'null' if k is None else k}").mixture.gate

    return make
