import math

import pytest
import torch
from scipy.special import logsumexp

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.z_loss import ZLoss


def test_by_hand(sizes, step_of):
    # log(e^0 + e^0) = log 2; log(e^log 3 + e^0) = log 4: mean of squares (log2^2 + (2 log 2)^2) / 2 = 5/2 log2^2
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    value = ZLoss(sizes(experts=2))(step_of(logits_BE=logits))
    assert value.item() == pytest.approx(2.5 * math.log(2) ** 2)


def test_against_scipy(sizes, step_of, draw):
    logits = 30 * draw(7, 5).double()
    value = ZLoss(sizes())(step_of(logits_BE=logits))
    assert value.item() == pytest.approx((logsumexp(logits.numpy(), axis=-1) ** 2).mean())


def test_it_reads_the_logits_before_noise_and_temperature(learner_of, draw, noise):
    for words in (["gate=noisy_top_k"], ["gate.weigh.temperature=5"]):
        learner = learner_of(*words, "regularizer=[z_loss]")
        output = learner(draw(7, 12), noise)
        scores = learner.mixture.gate.score(draw(7, 12), None, noise)
        assert output.routing.logits_BE.shape == scores.shape
        x = draw(7, 12)
        torch.testing.assert_close(
            learner(x, noise).routing.logits_BE, learner.mixture.gate.score(x, None, noise), rtol=0, atol=0
        )


def test_a_gate_without_logits_is_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer z_loss needs a gate that gives logits"):
        learner_of("baseline=single", "regularizer=[z_loss]")
