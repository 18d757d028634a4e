"""What is added to a loss moves something: for every pair of a gate and a regularizer or controller that composes, some
parameter gets a gradient that is not zero, or something is moved after the step."""

import copy
from functools import cache

import pytest
import torch

from moe_lab.config.build import build
from moe_lab.config.compose import compose, options
from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator
from moe_lab.parts.checks import lack

#: the options of a part that are tried, if not its defaults alone: of one that acts on more gates, or at once
FORMS = {"l1": [{}, {"adapt": False, "weight": 1.0}], "hard_constraint": [{"until": 1.0}]}
#: standard deviations of the parameters: sparse weights are all there at the first, all but one are gone at the last
SCALES = (0.1, 0.5)
#: the pairs that an audit found to move nothing, with the k that made them so
AUDITED = [
    ("stochastic", "importance", "null"),
    ("matching_pursuit", "importance", "null"),
    ("noisy_top_k", "load", "5"),
    ("hash", "switch_balance", "null"),
    ("loudest", "sample_entropy", "null"),
]


@cache
def nodes(role):
    """Every option of a role: name -> its node."""
    return compose([f"{role}=[{','.join(options(role))}]"])[f"{role}s"]


def forms(role, gate):
    """(name, part) of all regularizers or controllers that a gate can have."""
    for name, node in nodes(role).items():
        for more in FORMS.get(name, [{}]):
            try:
                part = build({**node, **more}, gate.sizes)
            except ConfigError:
                continue
            if lack(part, gate) is None:
                yield name, part.double()


def learners_of(learner_of, gate):
    """Of every k, in double precision."""
    for k in ("null", "1", "2"):
        try:
            learner = learner_of(f"gate={gate}", f"k={k}")
        except ConfigError:
            continue
        yield k, learner.double()


def step_of(learner, draw, scale):
    """A step with parameters drawn anew, so that nothing is zero only because it starts so."""
    source = torch.Generator().manual_seed(6)
    for parameter in learner.parameters():
        parameter.data = scale * torch.randn(parameter.shape, generator=source, dtype=torch.float64)
    noise, x, y = Noise([generator(2, "noise")]), draw(40, 12).double(), torch.arange(40) % 4
    return learner.mixture.step(x, y, learner(x, noise), noise)


def regularizer_moves(learner, regularizer, step):
    """By the gradient of its value, or by what it does after a step."""
    value = regularizer(step)
    if value.requires_grad:
        moves = torch.autograd.grad(value, list(learner.parameters()), allow_unused=True)
        if any(one is not None and one.abs().max() > 1e-12 for one in moves):
            return True
    before = copy.deepcopy(learner.state_dict())
    with torch.no_grad():
        regularizer.after_step(step, torch.ones_like)
    return any(not torch.equal(before[name], one) for name, one in learner.state_dict().items())


@pytest.mark.parametrize("gate", options("gate"))
def test_every_regularizer_that_composes_moves_something(learner_of, draw, gate):
    for k, learner in learners_of(learner_of, gate):
        for name, regularizer in forms("regularizer", learner.mixture.gate):
            steps = (step_of(learner, draw, scale) for scale in SCALES)
            assert any(regularizer_moves(learner, regularizer, step) for step in steps), (name, k)


@pytest.mark.parametrize("gate", options("gate"))
def test_every_controller_that_composes_moves_something(learner_of, draw, gate):
    """A buffer of the gate, or what the gate decides."""
    for k, learner in learners_of(learner_of, gate):
        for name, controller in forms("controller", learner.mixture.gate):
            one = copy.deepcopy(learner)
            one.controllers[name] = controller
            if name == "hard_constraint":
                # expert 0 has had everything so far
                controller.total_1E[0, 0] = 1000
            before = copy.deepcopy(dict(one.mixture.named_buffers()))
            for progress in (0.0, 0.5):
                one.before_step(torch.tensor(progress))
                step = step_of(one, draw, 0.1)
                one.after_step(step, torch.ones_like)
            free = one.mixture(step.x_BD, Noise([generator(2, "noise")])).routing
            moved = any(not torch.equal(before[key], value) for key, value in one.mixture.named_buffers())
            assert moved or not torch.equal(step.routing.weights_BE, free.weights_BE), (name, k)


@pytest.mark.parametrize(("gate", "name", "k"), AUDITED)
def test_what_moved_nothing_is_refused_with_what_to_do(learner_of, gate, name, k):
    with pytest.raises(ConfigError, match=rf"regularizer {name} .*: .*leave {name} out"):
        learner_of(f"gate={gate}", f"k={k}", f"regularizer=[{name}]")
