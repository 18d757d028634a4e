from dataclasses import replace

import numpy as np
import torch
from scipy.stats import variation

from moe_lab.parts.regularizers.load import Load
from moe_lab.routing.decision import Routing
from tests.conformance.cases import Case

CASE = Case(needs=["gate=noisy_top_k"], forms=[["k=1"]])


def test_squared_variation_of_the_summed_load_probabilities(sizes, step_of, draw):
    load_BE = draw(7, 5).sigmoid()
    step = step_of(weights_BE=torch.full((7, 5), 0.2))
    routing = Routing(*[step.routing.weights_BE] * 3, extras={"load_probs_BE": load_BE})
    step = replace(step, routing=routing)
    value = Load(sizes())(step)
    np.testing.assert_allclose(value.item(), variation(load_BE.numpy().sum(0)) ** 2, rtol=1e-5)


def test_its_gradient_moves_samples_to_idle_experts(learner_of, draw, noise):
    """More weight on the least loaded expert's scores lowers the penalty."""
    learner = learner_of("gate=noisy_top_k", "regularizer=[load]")
    gate = learner.mixture.gate
    load_BE = gate(draw(64, 12), None, noise).extras["load_probs_BE"]
    load_E = load_BE.sum(0)
    penalty = load_E.var(correction=0) / load_E.mean() ** 2
    [gradient] = torch.autograd.grad(penalty, gate.score.head.bias_1O)
    assert gradient[0, load_E.argmin()] < 0 < gradient[0, load_E.argmax()]
